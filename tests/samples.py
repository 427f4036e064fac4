"""Content for tests and benches: transactions of the project's own, and real ones made ready."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.references import DirectoryReferences, row_key
from dmp.adapters.dynamodb.segments import DynamoSegments
from dmp.domain.caller import Caller
from dmp.use_cases.compaction import FOLLOWING_MIN, Compaction
from dmp.use_cases.record_writes import RecordWrites, Target
from dmp.use_cases.written import Request
from infra.local.demo import prepared
from infra.local.directory_of import conditional_references
from tests.world import World, observation

SHARED = Path(__file__).parents[2] / "shared" / "data"
CODES = ("2339-0", "8302-2", "29463-7", "4548-4")


class PastClock(SystemClock):
    """A clock an hour behind, so that what is written now has settled already."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, an hour ago."""
        return super().now_ms() - 3_600_000


def transaction(patient: str, count: int, seed: int = 0) -> dict[str, Any]:
    """An encounter and its results, referring to each other by urn."""
    encounter = f"urn:uuid:00000000-0000-4000-8000-{seed & 0xFFFFFFFFFFFF:012x}"
    visit = {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }
    entries = [{"fullUrl": encounter, "resource": visit,
                "request": {"method": "POST", "url": "Encounter"}}]  # fmt: skip
    for i in range(count - 1):
        result = observation(patient, CODES[i % len(CODES)], 60 + (seed + i) % 90)
        result["encounter"] = {"reference": encounter}
        entries.append({"resource": result, "request": {"method": "POST", "url": "Observation"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def synthea_files() -> list[Path]:
    """The real bundles, smallest first; empty when they are not at hand."""
    return sorted((SHARED / "synthea").glob("*.json"), key=lambda p: p.stat().st_size)


def for_patient(bundle: dict[str, Any], patient: str) -> dict[str, Any]:
    """The bundle with its Patient entry dropped and its subject rewritten, as a sender would."""
    ready: dict[str, Any] = json.loads(prepared(bundle, patient))
    return ready


def put_directory(world: World, bundle: dict[str, Any]) -> None:
    """Directory rows for every identifier that the bundle refers to."""
    for i, text in enumerate(sorted(conditional_references(bundle))):
        key = row_key(text)
        assert key is not None
        kind = text.partition("?")[0]
        world.put_row(key, reference={"S": f"{kind}/{kind.lower()}{i}"})


def largest_synthea(world: World, patient: str) -> dict[str, Any] | None:
    """The largest real bundle, ready to send, its directory loaded."""
    files = synthea_files()
    if not files:
        return None
    ready = for_patient(json.loads(files[-1].read_text("utf-8")), patient)
    put_directory(world, ready)
    return ready


def single_commits(
    world: World, caller: Caller, patient: str, count: int, told: Callable[[int, int], None]
) -> None:
    """So many commits of one Observation each, compacted on the way."""
    clock = PastClock()
    records = DynamoRecords(world.vault, *world.tables.values())
    directory = DirectoryReferences(world.tables["REGISTRY_TABLE"])
    writes = RecordWrites(records, directory, clock, world.macs, world.base)
    compaction = Compaction(DynamoSegments(world.vault, *world.tables.values()), SystemClock())
    for i in range(count):
        resource = observation(patient, CODES[i % len(CODES)], 60 + i % 90)
        writes.create(Request(caller, "bench", "Observation"), Target("Observation"), resource)
        if i % (FOLLOWING_MIN + 6) == FOLLOWING_MIN:
            compaction.compact(patient)
        told(i + 1, count)
