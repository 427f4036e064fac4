"""A record over the in-memory engine, and the use cases on it without HTTP: for races."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb import client, conflicts
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.references import DirectoryReferences
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.consent_changes import ConsentChanges
from dmp.use_cases.record_writes import RecordWrites
from dmp.use_cases.written import Request
from tests.engine import Engine
from tests.schedules import Schedule
from tests.world import World, consent

BASE = "https://dmp.test/fhir"
_NAMES = ("RECORDS_TABLE", "KEYS_TABLE", "REGISTRY_TABLE")


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
        return {**tables, "RECORD_KEY_ARN": "key", "BASE_URL": BASE.removesuffix("/fhir")}

    def client(self, service: str) -> Any:
        """The engine, or the keys."""
        return self._clients[service]


class Race:
    """One record with its people and use cases; `run` plays tasks against each other."""

    def __init__(self, engine: Engine, schedule: Schedule) -> None:
        self.engine = engine
        self._schedule = schedule
        self.world = World(Stage(engine))  # type: ignore[arg-type]  # all that it asks of a stack
        self.records = DynamoRecords(self.world.vault, *self.world.tables.values())
        clock = SystemClock()
        self.writes = RecordWrites(self.records, DirectoryReferences("registry"), clock, BASE)
        self.queries = AccessQueries(self.records, self.records, clock, BASE)
        self.consents = ConsentChanges(self.records, clock, BASE)
        self.patient = self.world.open_record()
        self.pid = self.patient.patient or ""
        self.doctor = self.world.doctor()

    def request(self, caller: Any = None, key: str | None = None) -> Request:
        """A request of the doctor's, or of somebody else's."""
        return Request(caller or self.doctor, "r", "q", key, "digest")

    def grant(self) -> str:
        """A consent for the doctor; its id."""
        made = self.consents.create(self.request(self.patient), consent(self.pid))
        return made.headers["Location"].rpartition("/Consent/")[2].partition("/")[0]

    def run(self, *tasks: Any) -> list[Any]:
        """What each task returned or raised."""
        self.engine.switch = self._schedule.switch
        try:
            return self._schedule.run(tasks)
        finally:
            self.engine.switch = lambda _: None


@contextmanager
def race(seed: int) -> Iterator[Race]:
    """A fresh record under a seeded schedule. Waiting is a switch, not time."""
    engine, schedule = Engine(), Schedule(seed)
    waits = mock.Mock(sleep=lambda _: schedule.switch("wait"), monotonic=lambda: 0.0)
    with (
        mock.patch.object(client, "client", return_value=engine),
        mock.patch.object(conflicts, "time", waits),
    ):
        yield Race(engine, schedule)
