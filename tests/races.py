"""A record over the in-memory engine, and the use cases on it without HTTP: for races.

The record, its people and a consent for the doctor are made once a process; each schedule begins
on a copy of them. Sealing is only pretended (places are checked, nothing is hidden) unless a test
asks for the real one: what is raced over is DynamoDB.
"""

from __future__ import annotations

import functools
import hmac
import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import pytest

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb import client, conflicts
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.references import DirectoryReferences
from dmp.adapters.envelope import Ring, Unopenable
from dmp.domain.refusals import Unavailable
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.consent_changes import ConsentChanges
from dmp.use_cases.record_writes import RecordWrites
from dmp.use_cases.written import Request
from tests.engine import Engine, Key
from tests.schedules import Schedule
from tests.world import World, consent

BASE = "https://dmp.test/fhir"
SCHEDULES = int(os.environ.get("DMP_SCHEDULES", "75"))
BLOCK = 25
_NAMES = ("RECORDS_TABLE", "KEYS_TABLE", "REGISTRY_TABLE")


def seeded(test: Callable[[int], None]) -> Any:
    """Run the test under each of DMP_SCHEDULES seeds, some in one test: it tells which failed."""
    blocks = [range(i, min(i + BLOCK, SCHEDULES)) for i in range(0, SCHEDULES, BLOCK)]

    def under(block: range) -> None:
        for seed in block:
            try:
                test(seed)
            except BaseException as error:
                error.add_note(f"schedule {seed}: {test.__name__}({seed}) repeats it")
                raise

    functools.update_wrapper(under, test)
    del under.__wrapped__  # type: ignore[attr-defined]  # pytest would ask it for its parameters
    ids = [f"{block.start}-{block.stop - 1}" for block in blocks]
    return pytest.mark.parametrize("block", blocks, ids=ids)(under)


def insisting(task: Callable[[], Any]) -> Callable[[], Any]:
    """A client that sends again what was refused as busy."""

    def run() -> Any:
        for _ in range(50):
            try:
                return task()
            except Unavailable:
                continue
        raise AssertionError("never answered")

    return run


class Kms:
    """Wraps keys by remembering them: what is raced over is DynamoDB."""

    def __init__(self) -> None:
        self._wrapped: dict[bytes, tuple[bytes, Any]] = {}
        self._serial = itertools.count()

    def generate_data_key(self, **asked: Any) -> dict[str, bytes]:
        """A new key and its wrapping."""
        key = os.urandom(32)
        return {"Plaintext": key, "CiphertextBlob": self._wrap(key, asked)}

    def encrypt(self, **asked: Any) -> dict[str, bytes]:
        """A key wrapped."""
        return {"CiphertextBlob": self._wrap(asked["Plaintext"], asked)}

    def decrypt(self, **asked: Any) -> dict[str, bytes]:
        """The key, in its own context alone."""
        key, context = self._wrapped[asked["CiphertextBlob"]]
        assert context == asked["EncryptionContext"]
        return {"Plaintext": key}

    def generate_mac(self, **asked: Any) -> dict[str, bytes]:
        """The same for the same message."""
        return {"Mac": hmac.digest(b"macs", asked["Message"], "sha256")}

    def _wrap(self, key: bytes, asked: Any) -> bytes:
        blob = b"wrapped %d" % next(self._serial)
        self._wrapped[blob] = (key, asked["EncryptionContext"])
        return blob


class Stage:
    """What World needs of a stack: an environment and clients."""

    def __init__(self, engine: Engine) -> None:
        self._clients = {"dynamodb": engine, "kms": Kms()}

    def environment(self, _: str) -> dict[str, str]:
        """Table names and the like."""
        tables = {name: name.partition("_")[0].lower() for name in _NAMES}
        return {
            **tables,
            "RECORD_KEY_ARN": "key",
            "IDENTIFIER_KEY_ARN": "macs",
            "BASE_URL": BASE.removesuffix("/fhir"),
        }

    def client(self, service: str) -> Any:
        """The engine, or the keys."""
        return self._clients[service]


class Race:
    """One record with its people and use cases; `run` plays tasks against each other.

    `granted` is the id of the consent that lets the doctor in.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._schedule = Schedule(0)
        self.world = World(Stage(engine))  # type: ignore[arg-type]  # all that it asks of a stack
        self.records = DynamoRecords(self.world.vault, *self.world.tables.values())
        self.clock = SystemClock()
        directory = DirectoryReferences("registry")
        self.writes = RecordWrites(self.records, directory, self.clock, self.world.macs, BASE)
        self.queries = AccessQueries(self.records, self.records, self.clock, BASE)
        self.consents = ConsentChanges(self.records, self.clock, BASE)
        self.patient = self.world.open_record()
        self.pid = self.patient.patient or ""
        self.doctor = self.world.doctor()
        self.granted = self.grant()
        self._prepared = dict(self.engine.items)

    def begin(self, schedule: Schedule) -> None:
        """Forget what the last schedule did."""
        self.engine.items = dict(self._prepared)
        self.engine.calls, self.engine.log = [], []
        self._schedule = schedule

    def bind(self) -> None:
        """Give PynamoDB our engine again: its classes know one client a process."""
        DynamoRecords(self.world.vault, *self.world.tables.values())
        DirectoryReferences("registry")

    def request(self, caller: Any = None, key: str | None = None) -> Request:
        """A request of the doctor's, or of somebody else's."""
        return Request(caller or self.doctor, "r", "q", key, "digest")

    def grant(self, **changes: Any) -> str:
        """A consent of the patient's, for the doctor unless changed; its id."""
        content = consent(self.pid, **changes)
        content["provision"] = {k: v for k, v in content["provision"].items() if v is not None}
        made = self.consents.create(self.request(self.patient), content)
        return made.headers["Location"].rpartition("/Consent/")[2].partition("/")[0]

    def run(self, *tasks: Any) -> list[Any]:
        """What each task returned or raised."""
        self.engine.log = []
        self.engine.switch = self._schedule.switch
        try:
            return self._schedule.run(tasks)
        finally:
            self.engine.switch = lambda _: None

    def last(self, task: int, what: str, table: str, pk: str, sk: str = "") -> int:
        """When that task of the last run did that to the item for the last time; -1 for never."""
        key: Key = (table, pk, sk)
        thread = self._schedule.threads[task]
        told = enumerate(self.engine.log)
        return max(
            (i for i, (t, w, k) in told if t == thread and w == what and key in k), default=-1
        )


@contextmanager
def race(seed: int, *, real: bool = False) -> Iterator[Race]:
    """The record afresh, under a seeded schedule. Waiting is a switch, not time."""
    with ExitStack() as patches:
        if not real:
            patches.enter_context(mock.patch.object(Ring, "seal", pretended_seal))
            patches.enter_context(mock.patch.object(Ring, "open", pretended_open))
        the, schedule = _prepared(real), Schedule(seed)
        waits = mock.Mock(sleep=lambda _: schedule.switch("wait"), monotonic=lambda: 0.0)
        patches.enter_context(mock.patch.object(client, "client", return_value=the.engine))
        patches.enter_context(mock.patch.object(conflicts, "time", waits))
        the.bind()
        the.begin(schedule)
        yield the


@functools.cache
def _prepared(_: bool) -> Race:
    engine = Engine()
    with mock.patch.object(client, "client", return_value=engine):
        return Race(engine)


def pretended_seal(ring: Ring, purpose: str, place: str, plaintext: bytes) -> bytes:
    """The plaintext under the name of its place."""
    return _place(ring, purpose, place) + plaintext


def pretended_open(ring: Ring, purpose: str, place: str, message: bytes) -> bytes:
    """What was sealed for that very place; Unopenable otherwise."""
    head = _place(ring, purpose, place)
    if not message.startswith(head):
        raise Unopenable("another place")
    return message[len(head) :]


def _place(ring: Ring, purpose: str, place: str) -> bytes:
    return f"pretended {ring._patient} {purpose} {place}\n".encode()
