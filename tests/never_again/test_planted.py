"""A word, and a URL, in every place of every event: nobody is called, and nothing tells it on.

Rows 9 and 19. The events are those of events/, which between them go through every function.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain
from typing import Any
from unittest import mock

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.ses import ses_backends
from moto.sns import sns_backends

from dmp.adapters.clock import SystemClock
from dmp.adapters.envelope import Ring
from dmp.adapters.macs import Macs
from dmp.edge.logs import logger
from infra.template import ROOT, load, of_type
from tests import oauth
from tests.never_again.egress import heard
from tests.never_again.planting import Event, planted, planted_headers
from tests.stack import ACCOUNT, REGION, Context, stack
from tests.world import World

WORD = "Zqxvdiagnostic"
URL = f"https://{WORD.lower()}.example/{WORD}?{WORD}#{WORD}"
PATIENT = "0123456789abcdefghij"
WORDS = (WORD, "Idrissi", "BE742318", "Nadia")  # whom it is about
FUNCTIONS = of_type(load(), "AWS::Serverless::Function")
EVENTS = {
    f"{path.parent.name}/{path.stem}": json.loads(path.read_text("utf-8"))
    for path in sorted((ROOT / "events").glob("*/*.json"))
}
BY_SCHEDULE_OR_QUEUE = {
    "activation/step": "ActivationSteps", "compaction/commit": "Compaction",
    "notifications/announce": "NotificationsAnnouncer",
    "notifications/deliver": "NotificationsSender", "notifications/sweep": "NotificationsSweeper",
    "receipts/": "Receipts", "sealing/seal": "SealingSealer", "sealing/sweep": "SealingSweeper",
    "authorizer/": "Authorizer",
}  # fmt: skip


def function_of(name: str, event: Event) -> str:
    """The logical name of the function that the event is for."""
    for start, function in BY_SCHEDULE_OR_QUEUE.items():
        if name.startswith(start):
            return function
    wanted = (event["httpMethod"], event["resource"])
    (found,) = {
        function
        for function, resource in FUNCTIONS.items()
        for one in resource["Properties"].get("Events", {}).values()
        if (one["Properties"].get("Method"), one["Properties"].get("Path")) == wanted
    }
    return found


class FixedClock(SystemClock):
    """Gives the patient of the event files their pseudonym."""

    def random_bits(self, bits: int) -> int:
        return int(PATIENT, 32) if bits == 100 else super().random_bits(bits)


@dataclass
class Seen:
    """What can be seen from outside of the functions after many events."""

    logs: StringIO = field(default_factory=StringIO)
    raised: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    away: list[Any] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    events: int = 0


class Office:
    """Every function over one deployment, its output caught."""

    def __init__(self, world: World, seen: Seen) -> None:
        self.world = world
        self.seen = seen
        self._handlers: dict[str, Any] = {}

    def send(self, name: str, event: Event) -> None:
        """To the function that it is for."""
        function = function_of(name, event)
        handler = self._handler(function)
        try:
            answered = handler(json.loads(json.dumps(event)), Context(function))
        except Exception as error:  # noqa: BLE001  # what Lambda would log, and the workflow keep
            self.seen.raised.append("".join(traceback.format_exception(error)))
        else:
            self.seen.statuses.add((answered or {}).get("statusCode", 0))
        self.seen.events += 1

    def _handler(self, function: str) -> Any:
        if function not in self._handlers:
            properties = FUNCTIONS[function]["Properties"]
            folder = properties["CodeUri"].strip("/").rpartition("/")[2]
            module = self.world.stack.app(folder, function)
            where = properties.get("Handler", "app.handler").partition(".")[2]
            self._handlers[function] = getattr(module, where)
        return self._handlers[function]

    def look(self) -> None:
        """Send what notices are owed, then take down tables, queues and messages."""
        made = self.world.stack
        rows = made.client("dynamodb").scan(TableName=made.output("RecordsTable"))["Items"]
        owed = [row for row in rows if row["sk"]["S"].startswith("N#")]
        for row in owed:
            body = json.dumps({"patient": row["pk"]["S"], "entry": row["sk"]["S"][2:]})
            event = EVENTS["notifications/deliver"]
            record = {**event["Records"][0], "body": body}
            self.send("notifications/deliver", {**event, "Records": [record]})
        for name in ("RecordsTable", "KeysTable", "RegistryTable"):
            items = made.client("dynamodb").scan(TableName=made.output(name))["Items"]
            self.seen.kept += [f"{name} {item}" for item in items]
        sqs = made.client("sqs")
        for url in sqs.list_queues()["QueueUrls"]:
            got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            self.seen.sent += [f"{url} {message}" for message in got.get("Messages", [])]
        texts = sns_backends[ACCOUNT][REGION].sms_messages.values()
        mails = [vars(mail) for mail in ses_backends[ACCOUNT][REGION].sent_messages]
        self.seen.sent += [str(mail) for mail in mails]
        self.seen.texts += [str(text) for text in texts]


@contextmanager
def office(seen: Seen) -> Iterator[Office]:
    """A record, its patient known by the number of the event files, and the directory."""
    heard_by = logging.StreamHandler(seen.logs)
    handler = logger.registered_handler
    with ExitStack() as patches, stack() as made:
        patches.enter_context(redirect_stdout(seen.logs))
        patches.enter_context(redirect_stderr(seen.logs))
        patches.enter_context(mock.patch("time.sleep"))
        patches.callback(handler.setStream, handler.stream)  # type: ignore[attr-defined]
        handler.setStream(seen.logs)  # type: ignore[attr-defined]
        logging.getLogger().addHandler(heard_by)
        patches.callback(logging.getLogger().removeHandler, heard_by)
        world = World(made)
        world.clock = FixedClock()
        world.open_record()
        oauth.registered(world.tables["REGISTRY_TABLE"])
        env = made.environment("AccessQueries")
        mac = Macs(made.client("kms"), env["IDENTIFIER_KEY_ARN"])
        key = f"identifier#{mac.identifier('urn:ma:cin', 'BE742318')}"
        world.put_row(key, patient={"S": PATIENT})
        yield Office(world, seen)


def sprayed(word: str) -> Seen:
    """Every event with the word everywhere in turn."""
    seen = Seen()
    met: set[str] = set()
    with office(seen) as the, heard() as events:
        for name, event in EVENTS.items():
            ways = [planted(event, word)]
            if "httpMethod" in event and (function := function_of(name, event)) not in met:
                met.add(function)
                ways.append(planted_headers(event, word))
            for one in chain([event], *ways):
                the.send(name, one)
        the.look()
    seen.away = events.away
    return seen


def _failing(self: BaseClient, operation: str, _: object) -> Any:
    error = {"Code": "InternalServerError", "Message": f"{WORD} in {operation}"}
    raise ClientError({"Error": error}, WORD)


FAULTS = {
    "AWS": lambda: mock.patch.object(BaseClient, "_make_api_call", _failing),
    "opening": lambda: mock.patch.object(Ring, "open", side_effect=KeyError(WORD)),
    "sealing": lambda: mock.patch.object(Ring, "seal", side_effect=RuntimeError(WORD)),
    "the clock": lambda: mock.patch.object(SystemClock, "now_ms", side_effect=ValueError(WORD)),
}


def failed(fault: str) -> Seen:
    """Every event while something fails with the word in its error."""
    seen = Seen()
    with office(seen) as the:
        for name, event in EVENTS.items():
            the.send(name, event)
            with FAULTS[fault]():
                the.send(name, event)
        the.look()
    return seen


def telling(seen: Seen) -> list[str]:
    """Every line and row that has the word in it, however it is written.

    But for the row of an activation that goes on, a day at most: who asks, and by which address.
    """
    kept = [row for row in seen.kept if "'activation#" not in row]
    lines = [*seen.logs.getvalue().splitlines(), *seen.raised, *kept, *seen.sent, *seen.texts]
    return [line for line in lines for word in WORDS if word.lower() in line.lower()]


@pytest.mark.parametrize("word", [WORD, URL], ids=["word", "URL"])
def test_medplum_8812_and_cve_2026_34359_what_an_event_says_goes_nowhere(word: str) -> None:
    seen = sprayed(word)

    assert telling(seen) == []
    assert seen.away == []
    assert seen.statuses >= {200, 201, 400, 401, 403, 404, 422}
    assert seen.events > 800
    assert len(seen.texts) > 3
    assert "Requests" in seen.logs.getvalue()  # the metrics were caught


@pytest.mark.parametrize("fault", FAULTS)
def test_medplum_8812_what_an_error_says_stands_nowhere(fault: str) -> None:
    seen = failed(fault)

    assert telling(seen) == []
    assert seen.statuses & {500, 503}
    assert fault == "AWS" or "unknown error" in seen.logs.getvalue()
