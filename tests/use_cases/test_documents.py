"""`Composition/{id}/$document`: what it holds, for whom, and what the journal says of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dmp.fhir.validator import validate
from dmp.use_cases import documents
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.use_cases.test_call_counts import SEARCH
from tests.world import BENNIS, Reply, World, observation

SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
URN = "urn:uuid:00000000-0000-4000-8000-000000000001"
HIDDEN = {"security": [{"system": SYSTEM, "code": "V"}]}


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def refer(text: str) -> dict[str, str]:
    return {"reference": text}


def composition(patient: str, **changes: Any) -> dict[str, Any]:
    """A composition of the patient's."""
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": "compte rendu"},
        "subject": refer(f"Patient/{patient}"),
        "date": "2026-11-20T10:00:00+01:00",
        "author": [refer("#self"), {"display": "Dr Amrani"}],
        "contained": [{"resourceType": "Practitioner", "id": "self"}],
        "title": "Compte rendu",
        **changes,
    }


def written(clinic: Clinic, resource: dict[str, Any]) -> str:
    """The id it was given."""
    made = clinic.world.call(f"POST /fhir/{resource['resourceType']}", clinic.doctor, resource)
    assert made.status == 201, made.body
    return str(made.json["id"])


@pytest.fixture
def results(clinic: Clinic) -> list[str]:
    """Four results, the third with a label."""
    return [f"Observation/{clinic.observe(**given)}" for given in ({}, {}, {"meta": HIDDEN}, {})]


@pytest.fixture
def report(clinic: Clinic, results: list[str]) -> str:
    """A composition whose sections hold the first three, one of them twice."""
    first, second, third, _ = map(refer, results)
    event = [{"detail": [first]}]
    sections = [
        {"title": "a", "entry": [second, first], "section": [{"title": "b", "entry": [third]}]},
        {"title": "c", "focus": second, "entry": [first]},
    ]
    content = composition(clinic.id, custodian=refer(URN), event=event, section=sections)
    organization = {"resourceType": "Organization", "name": "Clinique Atlas"}
    entries = [
        {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
        for url, one in ((URN, organization), (URN[:-1] + "2", content))
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    made = clinic.world.call("POST /fhir", clinic.doctor, bundle)
    assert made.status == 200, made.body
    return str(made.json["entry"][1]["response"]["location"]).split("Composition/")[1].split("/")[0]


def asked(clinic: Clinic, name: str, query: str = "", **changes: Any) -> Reply:
    caller = clinic.world.doctor(**changes)
    return clinic.world.call(f"GET /fhir/Composition/{name}/$document{query}", caller)


def held(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in reply.json["entry"]]


def test_it_holds_the_composition_first_and_each_target_once(
    clinic: Clinic, results: list[str], report: str
) -> None:
    reply = asked(clinic, report, "?persist=false")

    found = held(reply)
    custodian = found[2]
    wanted = [f"Composition/{report}", f"Patient/{clinic.id}", custodian, *results[:3]]
    assert custodian.startswith("Organization/")
    assert sorted(found) == sorted(wanted)
    assert found[0] == wanted[0]
    made = reply.json
    assert [e["fullUrl"] for e in made["entry"]] == [f"{clinic.world.base}/{n}" for n in found]
    assert validate(made) == []
    assert made["type"] == "document"
    assert made["identifier"]["value"].startswith("urn:uuid:")
    assert made["timestamp"]
    assert made["identifier"] != asked(clinic, report).json["identifier"]


def test_a_hidden_target_is_left_out_like_one_that_is_gone(
    clinic: Clinic, results: list[str], report: str
) -> None:
    seal = clinic.seal(securityLabel=HIDDEN["security"])
    sealed = asked(clinic, report)
    told = clinic.entries()[-1]
    clinic.world.call(f"DELETE /fhir/Consent/{seal}", clinic.patient)
    assert results[2] in held(asked(clinic, report))
    clinic.world.call(f"DELETE /fhir/{results[2]}", clinic.doctor)

    gone = asked(clinic, report)

    assert results[2] not in held(sealed)
    assert sealed.json["entry"] == gone.json["entry"]
    assert dict(sealed.headers) == dict(gone.headers)
    assert told.what == clinic.entries()[-1].what


def test_a_hidden_composition_is_one_that_never_was(clinic: Clinic, report: str) -> None:
    never = report[:-4] + ("0000" if report[-4:] != "0000" else "1111")
    clinic.seal(f"Composition/{report}")

    hidden, absent = asked(clinic, report), asked(clinic, never)

    assert (hidden.status, hidden.body) == (404, absent.body)


def test_what_leaves_is_journalled_and_told(clinic: Clinic, report: str) -> None:
    asked(clinic, report)  # the function holds the keys now
    with counted() as calls:
        reply = asked(clinic, report)

    entry = clinic.entries()[-1]
    assert calls == SEARCH
    assert (entry.action, entry.outcome) == ("operation", "permit")
    assert sorted(entry.what) == sorted(f"{name}/_history/1" for name in held(reply))


def test_nobody_without_a_permit_and_no_scope_too_narrow(clinic: Clinic, report: str) -> None:
    assert asked(clinic, report, practitioner=BENNIS).status in (401, 403)
    assert asked(clinic, report, scopes=("user/Observation.rs",)).status == 403
    narrow = held(asked(clinic, report, scopes=("user/Composition.r", "user/Patient.r")))
    assert narrow == [f"Composition/{report}", f"Patient/{clinic.id}"]


def test_an_older_version_is_not_given_for_the_one_referred_to(clinic: Clinic) -> None:
    name = clinic.observe()
    reference = f"Observation/{name}/_history/1"
    own = composition(clinic.id, section=[{"title": "a", "entry": [refer(reference)]}])
    report = written(clinic, own)
    assert f"Observation/{name}" in held(asked(clinic, report))

    changed = {**observation(clinic.id), "id": name, "status": "amended"}
    clinic.world.call(f"PUT /fhir/Observation/{name}", clinic.doctor, changed)

    assert f"Observation/{name}" not in held(asked(clinic, report))


@pytest.mark.parametrize(
    ("query", "named"),
    [("?persist=true", "persist"), ("?graph=x", "graph"), ("?persist=false&persist=1", "persist")],
)
def test_what_is_not_served_is_refused_by_name(
    clinic: Clinic, report: str, query: str, named: str
) -> None:
    reply = asked(clinic, report, query)

    assert reply.status == 400
    assert reply.json["issue"][0]["expression"] == [named]


def test_a_deleted_one_is_gone_and_an_observation_has_no_document(
    clinic: Clinic, results: list[str], report: str
) -> None:
    clinic.world.call(f"DELETE /fhir/Composition/{report}", clinic.doctor)

    assert asked(clinic, report).status == 410
    assert clinic.world.call(f"GET /fhir/{results[0]}/$document", clinic.doctor).status == 404


def test_one_over_what_the_gateway_carries_is_refused(
    clinic: Clinic, report: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = len(asked(clinic, report).body.encode())
    monkeypatch.setattr(documents, "BYTES_MAX", size - 1)

    assert asked(clinic, report).status == 413
    monkeypatch.setattr(documents, "BYTES_MAX", size)
    assert asked(clinic, report).status == 200
