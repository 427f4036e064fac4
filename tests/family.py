"""A father with a record, his daughter with hers, and what lets her act for him."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.records import keys_of
from dmp.domain.caller import Caller
from dmp.domain.consent import POWERS, Standing
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.use_cases.ports import Door
from tests.clinic import Clinic
from tests.world import Reply, World

NAME = "Salma El Idrissi"
POWER = "urn:dmp:power"


def person(patient: str, cin: str, *powers: str, **changes: Any) -> dict[str, Any]:
    """A RelatedPerson of the patient's with those powers."""
    return {
        "resourceType": "RelatedPerson",
        **({"extension": [{"url": POWER, "valueCode": p} for p in powers]} if powers else {}),
        "identifier": [{"system": "urn:ma:cin", "value": cin}],
        "patient": {"reference": f"Patient/{patient}"},
        "name": [{"text": NAME}],
        **changes,
    }


class Family:
    """The father's record is a clinic's; the daughter signs in to her own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clinic = Clinic(world)
        self.father: Caller = self.clinic.patient
        self.cin = f"BK{world.clock.random_bits(32):010}"
        self.daughter: Caller = world.open_record(cin=self.cin)
        self.id, self.hers = self.clinic.id, self.daughter.patient or ""

    def name(self, *powers: str, **changes: Any) -> Reply:
        """He names her, or somebody else."""
        body = person(self.id, changes.pop("cin", self.cin), *powers, **changes)
        return self.world.call("POST /fhir/RelatedPerson", self.father, body)

    def delegate(self, *powers: str, **changes: Any) -> str:
        """The id of the RelatedPerson by which she acts for him."""
        made = self.name(*(powers or POWERS), **changes)
        assert made.status == 201, made.body
        return str(made.json["id"])

    def she(self, request: str, body: object = None, **headers: str) -> Reply:
        """A request of hers; `{id}` is his id."""
        return self.world.call(request.replace("{id}", self.id), self.daughter, body, **headers)

    def standing(self) -> Standing:
        """What is in force for him."""
        return self._door(self.id, self.father).standing

    def journal(self, patient: str = "") -> list[Entry]:
        """His journal, or hers, oldest first."""
        owner = self.daughter if patient == self.hers else self.father
        entries = self.clinic.store.entries(self._door(patient or self.id, owner), "", 200)
        return list(reversed(entries))

    def notices(self, patient: str = "") -> list[Notice]:
        """What he is owed, or she, oldest first."""
        owner = self.daughter if patient == self.hers else self.father
        door = self._door(patient or self.id, owner)
        ring = self.world.vault.record_ring(door.patient, self._keys(door.patient))
        rows = self.clinic.store.items(door.patient, "N#", "N#~")
        return [Notice.from_bytes(ring.open("notice", r["sk"][2:], r["b"])) for r in rows]

    def _keys(self, patient: str) -> Any:
        batch = Batch(dynamodb())
        batch.want(self.clinic.store.keys, pk=patient)
        return keys_of(batch.fetch()[self.clinic.store.keys])

    def _door(self, patient: str, owner: Caller) -> Door:
        door = self.clinic.store.enter(patient, owner)
        assert isinstance(door, Door)
        return door


@contextmanager
def weak(*sessions: Caller) -> Iterator[None]:
    """Those sessions have a PIN to show and have not shown it."""
    is_strong = Caller.is_strong

    def judged(self: Caller, rows: Any, now: int) -> bool:
        return self.patient not in {s.patient for s in sessions} and is_strong(self, rows, now)

    with mock.patch.object(Caller, "is_strong", judged):
        yield


def ids(reply: Reply) -> Sequence[str]:
    """The ids in a bundle."""
    return [e["resource"]["id"] for e in json.loads(reply.body).get("entry", ())]
