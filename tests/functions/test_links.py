"""References of a write: to its own bundle, to its record, to nothing, to another's record."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dmp.domain.caller import Caller
from dmp.use_cases.links import LINKS_MAX
from tests.aws_calls import counted
from tests.stack import stack as deployed
from tests.world import BENNIS, Reply, World, consent, observation


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with deployed() as made:
        yield World(made)


class Desk:
    """A record that its doctor may read and write."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.patient: Caller = world.open_record()
        self.id = self.patient.patient or ""
        self.doctor = world.doctor()
        world.call("POST /fhir/Consent", self.patient, consent(self.id))

    def create(self, resource: dict[str, Any], caller: Caller | None = None) -> Reply:
        return self.world.call(
            f"POST /fhir/{resource['resourceType']}", caller or self.doctor, resource
        )

    def linked(self, reference: str) -> dict[str, Any]:
        return {**observation(self.id), "derivedFrom": [{"reference": reference}]}

    def written(self) -> str:
        answered = self.create(observation(self.id))
        assert answered.status == 201, answered.body
        return f"Observation/{answered.json['id']}"


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def _calls(desk: Desk, resource: dict[str, Any]) -> list[str]:
    with counted() as calls:
        assert desk.create(resource).status == 201
    return [name for name in calls if name not in ("Decrypt", "GenerateDataKey")]


def test_what_the_record_holds_may_be_referred_to_at_no_cost(desk: Desk) -> None:
    name = desk.written()

    assert len(_calls(desk, observation(desk.id))) == 2
    assert len(_calls(desk, desk.linked(name))) == 2
    assert len(_calls(desk, desk.linked(f"{name}/_history/1"))) == 2


def test_what_was_updated_since_costs_one_batch_more(desk: Desk) -> None:
    name = desk.written()
    changed = {**observation(desk.id), "id": name.partition("/")[2]}
    assert desk.world.call(f"PUT /fhir/{name}", desk.doctor, changed).status == 200

    assert len(_calls(desk, desk.linked(name))) == 3


@pytest.mark.parametrize(
    "reference",
    [
        "Observation/{patient}.0000000000000000.0000",
        "Condition/{written}",
        "Observation/{patient}.cli-never",
        "Observation/17",
        "Observation/00000000000000000000.0000000000000000.0000",
        "Practitioner/00000000000000000000.cli-1",
        "Observation/{patient}",
    ],
)
def test_what_is_nowhere_is_named_and_refused(desk: Desk, reference: str) -> None:
    written = desk.written().partition("/")[2]
    answered = desk.create(desk.linked(reference.format(patient=desk.id, written=written)))

    assert answered.status == 422, answered.body
    (issue,) = answered.json["issue"]
    assert issue["code"] == "not-found" or "target" in issue["details"]["text"]
    assert issue["expression"] == ["Observation.derivedFrom[0].reference"]


@pytest.mark.parametrize(
    "reference", ["https://elsewhere.example/Observation/1", "urn:oid:1.2.3", "DocumentReference/x"]
)
def test_other_places_are_left_alone_but_for_relative_ones(desk: Desk, reference: str) -> None:
    answered = desk.create(desk.linked(reference))
    assert answered.status == (422 if reference.startswith("Doc") else 201), answered.body


def test_the_directory_is_not_asked(desk: Desk) -> None:
    resource = {**observation(desk.id), "performer": [{"reference": "Practitioner/p1"}]}
    assert len(_calls(desk, resource)) == 2


def test_so_many_references_are_too_large(desk: Desk) -> None:
    absent = [f"{desk.id}.{i:016}.0000" for i in range(LINKS_MAX + 1)]
    linked = [{"reference": f"Observation/{name}"} for name in absent]
    assert desk.create({**observation(desk.id), "derivedFrom": linked}).status == 413
    within = desk.create({**observation(desk.id), "derivedFrom": linked[:LINKS_MAX]})
    assert within.status == 422
    assert len(within.json["issue"]) == 20


def test_doors_of_their_own_are_not_asked_here(desk: Desk) -> None:
    named = f"Consent/{desk.id}.0000000000000000.0000"
    resource = {**observation(desk.id), "focus": [{"reference": named}]}
    assert desk.create(resource).status == 201


def test_a_deleted_resource_is_there_no_more(desk: Desk) -> None:
    name = desk.written()
    assert desk.world.call(f"DELETE /fhir/{name}", desk.doctor).status == 204
    assert desk.create(desk.linked(name)).status == 422


def test_a_hidden_resource_is_answered_as_one_that_never_was(desk: Desk) -> None:
    name = desk.written()
    writer = consent(
        desk.id, BENNIS, extension=[{"url": "urn:dmp:consent-direction", "valueCode": "write"}]
    )
    granted = desk.world.call("POST /fhir/Consent", desk.patient, writer)
    assert granted.status == 201, granted.body
    other = desk.world.doctor(BENNIS)
    absent = f"Observation/{desk.id}.0000000000000000.0000"

    hidden, never = (desk.create(desk.linked(text), other) for text in (name, absent))
    assert hidden.status == never.status == 422, hidden.body
    assert hidden.body == never.body
    own = desk.create(observation(desk.id), other)
    assert own.status == 201
    mine = f"Observation/{own.headers['Location'].split('/')[-3]}"
    assert desk.create(desk.linked(mine), other).status == 201


def test_entries_refer_to_each_other_by_any_name(desk: Desk) -> None:
    def entry(url: str, reference: str | None, own: str | None = None) -> dict[str, Any]:
        resource = desk.linked(reference) if reference else observation(desk.id)
        request = {"method": "POST", "url": "Observation"}
        if own:
            resource["id"], request = own, {"method": "PUT", "url": f"Observation/{own}"}
        return {"fullUrl": url, "resource": resource, "request": request}

    own = f"{desk.id}.cli-1"
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            entry("urn:uuid:00000000-0000-4000-8000-000000000001", f"Observation/{own}"),
            entry("https://a.example/fhir/Observation/7", None),
            entry(
                "urn:uuid:00000000-0000-4000-8000-000000000002",
                "urn:uuid:00000000-0000-4000-8000-000000000001",
            ),
            entry("urn:uuid:00000000-0000-4000-8000-000000000003", "Observation/7"),
            entry("https://a.example/fhir/Observation/own", None, own),
        ],
    }
    with counted() as calls:
        answered = desk.world.call("POST /fhir", desk.doctor, bundle)
    assert answered.status == 200, answered.body
    assert len([c for c in calls if c not in ("Decrypt", "GenerateDataKey")]) == 2


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"total": 1}, "Bundle"),
        ({"made": 1}, "Bundle.made"),
        ({"entry": {"note": "x"}}, "Bundle.entry[0].note"),
        ({"entry": {"search": {"mode": "match"}}}, "Bundle"),
        ({"entry": {"response": {"status": "200"}}}, "Bundle"),
        ({"entry": {"fullUrl": "https://a.example/Observation/1/_history/1"}}, "Bundle.entry[0]"),
        ({"link": [{"relation": "self", "url": "https://a"}] * 2}, "Bundle.link[1].relation"),
    ],
)
def test_a_transaction_is_a_sound_bundle_itself(
    desk: Desk, change: dict[str, Any], place: str
) -> None:
    request = {"method": "POST", "url": "Observation"}
    entry = {"resource": observation(desk.id), "request": request, **change.get("entry", {})}
    sent = {"resourceType": "Bundle", "type": "transaction", **change, "entry": [entry]}
    answered = desk.world.call("POST /fhir", desk.doctor, sent)

    assert answered.status == 422, answered.body
    assert answered.json["issue"][0]["expression"] == [place]
