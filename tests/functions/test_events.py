"""Every event file of the record's functions, sent through its real handler."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.adapters.clock import SystemClock
from dmp.adapters.macs import Macs
from infra.template import ROOT
from tests.stack import Context
from tests.stack import stack as deployed
from tests.world import World

PATIENT = "0123456789abcdefghij"
# In the order in which they make sense: what is read was written before.
STATUSES = {
    "consent_changes/create": 201,
    "consent_changes/search": 200,
    "consent_changes/request": 202,
    "consent_changes/grant": 422,
    "consent_changes/break_glass": 201,
    "consent_changes/contest": 404,
    "consent_changes/reviews": 200,
    "consent_changes/contact": 200,
    "consent_changes/explain": 200,
    "consent_changes/simulate": 200,
    "record_writes/create": 201,
    "record_writes/transaction": 200,
    "record_writes/update": 201,
    "access_queries/read": 200,
    "access_queries/vread": 200,
    "access_queries/history": 200,
    "access_queries/search": 200,
    "access_queries/search_by_form": 200,
    "access_queries/everything": 200,
    "access_queries/identifier": 200,
    "access_queries/directory": 200,
    "record_writes/delete": 204,
    "journal/search": 200,
    "journal/search_by_form": 200,
}
RESOURCES = {
    "consent_changes": "ConsentChanges",
    "record_writes": "RecordWrites",
    "access_queries": "AccessQueries",
    "journal": "Journal",
    "compaction": "Compaction",
}
FILES = {
    f"{folder}/{path.stem}" for folder in RESOURCES for path in (ROOT / "events" / folder).iterdir()
}


class FixedClock(SystemClock):
    """Gives the patient of the event files their pseudonym."""

    def random_bits(self, bits: int) -> int:
        return int(PATIENT, 32) if bits == 100 else super().random_bits(bits)


@pytest.fixture(scope="module")
def first_day() -> Iterator[World]:
    with deployed() as made:
        world = World(made)
        world.clock = FixedClock()
        world.open_record()
        env = made.environment("AccessQueries")
        mac = Macs(made.client("kms"), env["IDENTIFIER_KEY_ARN"])
        key = f"identifier#{mac.identifier('urn:ma:cin', 'BE742318')}"
        world.put_row(key, patient={"S": PATIENT})
        yield world


def answered(world: World, name: str) -> dict[str, Any]:
    folder = name.partition("/")[0]
    event = json.loads((ROOT / "events" / f"{name}.json").read_text("utf-8"))
    reply: dict[str, Any] = world.app(folder, RESOURCES[folder]).handler(event, Context())
    return reply


def test_no_event_file_is_forgotten() -> None:
    assert {*STATUSES, "compaction/commit"} == FILES


def test_every_event_is_answered_as_on_the_first_day(first_day: World) -> None:
    for name, status in STATUSES.items():
        reply = answered(first_day, name)

        assert reply["statusCode"] == status, (name, reply["body"])
        found = json.loads(reply["body"]) if reply["body"] else {}
        if name.startswith("access_queries/search"):
            assert found["total"] == 3
        if name == "access_queries/identifier":
            assert found["entry"][0]["resource"] == {"resourceType": "Patient", "id": PATIENT}
        if name.startswith("journal"):
            assert {e["resource"]["outcome"] for e in found["entry"]} == {"0"}


def test_the_compactor_takes_a_stream_record(first_day: World) -> None:
    assert answered(first_day, "compaction/commit") == {"batchItemFailures": []}
