"""Scopes with search criteria at every door: what they leave out is as if never written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dmp.domain.caller import Caller
from tests.world import World, consent

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = f"user/Observation.cruds?category={CATEGORY}|laboratory"


def observation(patient: str, category: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": category},
        "subject": {"reference": f"Patient/{patient}"},
        **more,
    }


class Ward:
    """A record with a laboratory result and a vital sign; the doctor has the first one's scope."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.patient = world.open_record()
        self.id = self.patient.patient or ""
        self.doctor = world.doctor()
        world.call("POST /fhir/Consent", self.patient, consent(self.id))
        self.lab = self.make("laboratory")
        self.vital = self.make("vital-signs")

    @property
    def narrow(self) -> Caller:
        return replace(self.doctor, scopes=(LAB, "user/Patient.rs", "user/Provenance.cruds"))

    def make(self, category: str, **more: Any) -> str:
        made = self.world.call(
            "POST /fhir/Observation", self.doctor, observation(self.id, category, **more)
        )
        assert made.status == 201, made.body
        return str(json.loads(made.body)["id"])

    def call(self, request: str, body: Any = None, **headers: str) -> Any:
        return self.world.call(request, self.narrow, body, **headers)


@pytest.fixture
def ward(world: World) -> Iterator[Ward]:
    return Ward(world)


def ids(reply: Any) -> set[str]:
    return {e["resource"]["id"] for e in json.loads(reply.body).get("entry", ())}


def test_what_a_scope_leaves_out_is_absent_from_every_reading_door(ward: Ward) -> None:
    for path in ("", "/_history", "/_history/1"):
        assert ward.call(f"GET /fhir/Observation/{ward.lab}{path}").status == 200
        left_out = ward.call(f"GET /fhir/Observation/{ward.vital}{path}")
        absent = ward.call(f"GET /fhir/Observation/{ward.lab[:-4]}0000{path}")
        assert (left_out.status, absent.status) == (404, 404)
    assert ids(ward.call(f"GET /fhir/Observation?patient={ward.id}")) == {ward.lab}
    found = json.loads(ward.call(f"GET /fhir/Observation?patient={ward.id}").body)
    assert found["total"] == 1
    assert ids(ward.call(f"GET /fhir/Observation/_history?patient={ward.id}")) == {ward.lab}
    everything = ids(ward.call(f"GET /fhir/Patient/{ward.id}/$everything"))
    assert everything == {ward.lab, ward.id}


def test_chains_and_includes_stay_within_the_scope(ward: Ward) -> None:
    for target in (ward.lab, ward.vital):
        provenance = {
            "resourceType": "Provenance",
            "target": [{"reference": f"Observation/{target}"}, {"reference": f"Patient/{ward.id}"}],
            "recorded": "2026-01-01T00:00:00Z",
            "agent": [{"who": {"display": "Dr"}}],
        }
        assert ward.world.call("POST /fhir/Provenance", ward.doctor, provenance).status == 201
    base = f"GET /fhir/Provenance?patient={ward.id}"

    included = ids(ward.call(f"{base}&_include=Provenance:target:Observation"))
    joined = ids(ward.call(f"{base}&target:Observation.code=2339-0"))

    assert ward.lab in included
    assert ward.vital not in included
    assert len(joined) == 1
    reverse = ward.call(
        f"GET /fhir/Patient?_id={ward.id}&_has:Observation:patient:category=vital-signs"
    )
    assert ids(reverse) == set()


def test_what_is_written_must_be_within_the_scope_too(ward: Ward) -> None:
    lab, vital = (observation(ward.id, c) for c in ("laboratory", "vital-signs"))

    assert ward.call("POST /fhir/Observation", lab).status == 201
    assert ward.call("POST /fhir/Observation", vital).status == 403
    moved = ward.call(f"PUT /fhir/Observation/{ward.lab}", {**vital, "id": ward.lab})
    assert moved.status == 403
    hidden = ward.call(f"PUT /fhir/Observation/{ward.vital}", {**lab, "id": ward.vital})
    assert hidden.status == 404
    assert ward.call(f"DELETE /fhir/Observation/{ward.vital}").status == 404
    assert ward.call(f"DELETE /fhir/Observation/{ward.lab}").status == 204


def test_entries_of_a_bundle_are_judged_one_by_one(ward: Ward) -> None:
    entries = [
        {"resource": observation(ward.id, c), "request": {"method": "POST", "url": "Observation"}}
        for c in ("laboratory", "vital-signs")
    ]
    reads = [
        {"request": {"method": "GET", "url": f"Observation/{one}"}}
        for one in (ward.lab, ward.vital)
    ]

    def post(kind: str, entry: Any) -> Any:
        return ward.call("POST /fhir", {"resourceType": "Bundle", "type": kind, "entry": entry})

    assert post("transaction", entries).status == 403
    answered = json.loads(post("batch", [*entries, *reads]).body)
    told = [entry["response"]["status"][:3] for entry in answered["entry"]]
    assert told == ["201", "403", "200", "404"]


def test_references_and_conditions_find_nothing_outside_the_scope(ward: Ward) -> None:
    def told(target: str) -> int:
        body = observation(ward.id, "laboratory", derivedFrom=[{"reference": target}])
        return int(ward.call("POST /fhir/Observation", body).status)

    assert told(f"Observation/{ward.lab}") == 201
    assert told(f"Observation/{ward.vital}") == 422
    made = ward.call(
        "POST /fhir/Observation",
        observation(ward.id, "laboratory"),
        if_none_exist=f"patient={ward.id}&category=vital-signs",
    )
    assert made.status == 201


def test_two_worlds_with_and_without_what_is_left_out(ward: Ward) -> None:
    """Every reading door, byte for byte but for time and request."""
    paths = [
        f"Observation?patient={ward.id}&_count=1",
        f"Observation?patient={ward.id}&_sort=-date",
        f"Observation?patient={ward.id}&_summary=count",
        f"Observation/_history?patient={ward.id}&_count=1",
        f"Provenance?patient={ward.id}&_revinclude=Observation:subject",
        f"Patient/{ward.id}/$everything",
    ]  # fmt: skip

    def seen() -> list[Any]:
        answers = [json.loads(ward.call(f"GET /fhir/{path}").body) for path in paths]
        for answer in answers:
            answer.pop("meta", None)
            answer.pop("id", None)
        return answers

    before = seen()
    ward.make("vital-signs")
    ward.make("vital-signs")

    assert seen() == before


def test_a_door_that_does_not_judge_content_wants_a_whole_scope(ward: Ward) -> None:
    narrow = replace(
        ward.patient,
        scopes=("patient/AuditEvent.rs?date=2026", "patient/Patient.cruds?gender=female"),
    )

    assert ward.world.call("GET /fhir/AuditEvent", narrow).status == 403
    assert ward.world.call(f"GET /fhir/Patient/{ward.id}/$everything", narrow).status == 403
