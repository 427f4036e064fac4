"""A sealed item leaves no trace: the answers are those of a record without it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws_calls import forget
from tests.clinic import Clinic
from tests.world import World, observation

SECRET = "71.9"


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


@pytest.fixture
def sealed(clinic: Clinic) -> str:
    """Among two results that everyone may see, one that the patient has sealed."""
    clinic.observe()
    name = clinic.observe(valueQuantity={"value": 71.9})
    clinic.observe()
    clinic.seal(f"Observation/{name}")
    return name


def test_it_is_as_absent_as_what_never_was(clinic: Clinic, sealed: str) -> None:
    never = sealed[:-4] + ("0000" if sealed[-4:] != "0000" else "1111")
    for suffix in ("", "/_history", "/_history/1", "/$meta"):
        hidden = clinic.world.call(f"GET /fhir/Observation/{sealed}{suffix}", clinic.doctor)
        absent = clinic.world.call(f"GET /fhir/Observation/{never}{suffix}", clinic.doctor)
        assert (hidden.status, hidden.body) == (404, absent.body)
        assert dict(hidden.headers) == dict(absent.headers)
    one, other = clinic.entries()[-2:]
    assert (one.outcome, one.rule, one.what) == (other.outcome, other.rule, other.what)


@pytest.mark.parametrize(
    "query",
    [
        "Observation?patient={id}",
        "Observation?patient={id}&code=2339-0",
        "Observation?patient={id}&value-quantity=71.9",
        "Observation?patient={id}&_summary=count",
        "Observation?patient={id}&_sort=-date&_count=2",
        "Patient/{id}/$everything",
        "Observation/$lastn?patient={id}&code=2339-0&max=9",
    ],
)
def test_no_listing_counts_or_shows_it(clinic: Clinic, sealed: str, query: str) -> None:
    request = "GET /fhir/" + query.replace("{id}", clinic.id)

    reply = clinic.world.call(request, clinic.doctor)

    assert reply.status == 200, reply.body
    assert sealed not in reply.body
    assert SECRET not in json.dumps(reply.json.get("entry", []))
    total = reply.json.get("total")
    assert total == (0 if "value-quantity" in query else 2) or "everything" in query
    seen = [e["resource"]["resourceType"] for e in reply.json.get("entry", [])]
    assert seen.count("Observation") <= 2


def test_pages_are_those_of_a_record_without_it(clinic: Clinic, sealed: str) -> None:
    reply = clinic.world.call(f"GET /fhir/Observation?patient={clinic.id}&_count=2", clinic.doctor)

    assert len(reply.json["entry"]) == 2
    assert [link["relation"] for link in reply.json["link"]] == ["self"]
    assert sealed not in reply.body


def test_the_patient_sees_it_all_the_same(clinic: Clinic, sealed: str) -> None:
    assert clinic.world.call(f"GET /fhir/Observation/{sealed}", clinic.patient).status == 200
    found = clinic.world.call("GET /fhir/Observation", clinic.patient)
    assert found.json["total"] == 3


def test_its_author_can_neither_change_nor_probe_it(clinic: Clinic, sealed: str) -> None:
    never = sealed[:-4] + ("0000" if sealed[-4:] != "0000" else "1111")

    def probes(name: str) -> list[tuple[int, str]]:
        body = {**observation(clinic.id), "id": name}
        url = f"/fhir/Observation/{name}"
        replies = [
            clinic.world.call(f"PUT {url}", clinic.doctor, body),
            clinic.world.call(f"PUT {url}", clinic.doctor, body, If_Match='W/"1"'),
            clinic.world.call(f"PUT {url}", clinic.doctor, body, If_Match='W/"9"'),
            clinic.world.call(f"DELETE {url}", clinic.doctor),
            clinic.world.call(f"DELETE {url}", clinic.doctor, If_Match='W/"9"'),
        ]
        return [(reply.status, reply.body) for reply in replies]

    assert probes(sealed) == probes(never)


def test_a_seal_by_label_hides_what_is_labelled_later_too(clinic: Clinic) -> None:
    clinic.seal(securityLabel=[{"code": "PSY"}])
    kept = clinic.observe()
    own: dict[str, Any] = {**observation(clinic.id), "meta": {"security": [{"code": "PSY"}]}}
    made = clinic.world.call("POST /fhir/Observation", clinic.patient, own)
    assert made.status == 201

    found = clinic.world.call(f"GET /fhir/Observation?patient={clinic.id}", clinic.doctor)

    assert [e["resource"]["id"] for e in found.json["entry"]] == [kept]


def test_what_refers_to_it_is_sealed_with_it(clinic: Clinic) -> None:
    encounter = {
        "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{clinic.id}"},
    }  # fmt: skip
    made = clinic.world.call("POST /fhir/Encounter", clinic.doctor, encounter)
    assert made.status == 201, made.body
    name = made.json["id"]
    within = clinic.observe(encounter={"reference": f"Encounter/{name}"})
    data = [{"meaning": "related", "reference": {"reference": f"Encounter/{name}"}}]
    clinic.grant(type="deny", actor=None, data=data)

    for hidden in (f"Observation/{within}", f"Encounter/{name}"):
        assert clinic.world.call(f"GET /fhir/{hidden}", clinic.doctor).status == 404


ADDRESSES = ["{}", "{}/_history/1", "/{}", "./{}", "{base}/{}", "{base}/{}/_history/1",
             "HTTPS://DMP.TEST/test/fhir/{}", "https://mirror.example/fhir/{}?x=1#y"]  # fmt: skip
LINK = '<div xmlns="http://www.w3.org/1999/xhtml"><a href="{}">x</a></div>'


def _report(clinic: Clinic, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "bilan"},
        "subject": {"reference": f"Patient/{clinic.id}"}, "conclusion": SECRET, **changes,
    }  # fmt: skip


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    "told",
    [lambda at: {"result": [{"reference": at}]}, lambda at: {"presentedForm": [{"url": at}]},
     lambda at: {"text": {"status": "generated", "div": LINK.format(at)}},
     lambda at: {"extension": [{"url": "http://example.org/x", "valueUri": at}]}],
    ids=["reference", "attachment", "narrative", "extension"],
)  # fmt: skip
def test_what_refers_to_it_by_any_address_is_sealed_with_it(
    clinic: Clinic, told: Any, address: str
) -> None:
    name = f"Observation/{clinic.observe()}"
    at = address.replace("{base}", clinic.world.base).replace("{}", name)
    made = clinic.world.call(
        "POST /fhir/DiagnosticReport", clinic.doctor, _report(clinic, **told(at))
    )
    assert made.status == 201, made.body
    read = f"GET /fhir/DiagnosticReport/{made.json['id']}"
    assert clinic.world.call(read, clinic.doctor).status == 200

    clinic.seal(name)

    assert clinic.world.call(read, clinic.doctor).status == 404
    assert clinic.world.call(read, clinic.patient).status == 200


@pytest.mark.parametrize("address", ADDRESSES)
def test_by_no_address_can_it_be_told_from_what_never_was(
    clinic: Clinic, sealed: str, address: str
) -> None:
    never = sealed[:-4] + ("0000" if sealed[-4:] != "0000" else "1111")

    def answer(name: str) -> tuple[int, str]:
        at = address.replace("{base}", clinic.world.base).replace("{}", f"Observation/{name}")
        form = {"presentedForm": [{"url": at}]}
        reply = clinic.world.call(
            "POST /fhir/DiagnosticReport", clinic.doctor, _report(clinic, **form)
        )
        return reply.status, reply.body.replace(name, "@")

    assert answer(sealed) == answer(never)
    assert answer(sealed)[0] == 422
    assert '"DiagnosticReport"' in answer(sealed)[1]


def _refer(clinic: Clinic, name: str, to: str) -> Any:
    patch = json.dumps([{"op": "add", "path": "/derivedFrom", "value": [{"reference": to}]}])
    return clinic.world.call(
        f"PATCH /fhir/Observation/{name}", clinic.doctor, patch,
        Content_Type="application/json-patch+json",
    )  # fmt: skip


@pytest.mark.parametrize("before", ["", "/", "https://mirror.example/"])
def test_no_patch_can_refer_to_it_either(clinic: Clinic, sealed: str, before: str) -> None:
    never = sealed[:-4] + ("0000" if sealed[-4:] != "0000" else "1111")
    name = clinic.observe()

    def answer(to: str) -> tuple[int, str]:
        reply = _refer(clinic, name, f"{before}Observation/{to}")
        return reply.status, reply.body

    assert answer(sealed) == answer(never)
    assert answer(sealed)[0] == 422
    assert '"Observation.derivedFrom[0].reference"' in answer(sealed)[1]


def test_a_patch_refers_to_what_is_there_and_is_sealed_with_it(clinic: Clinic) -> None:
    name, to, later = (clinic.observe() for _ in range(3))
    elsewhere = Clinic(clinic.world).observe()

    assert _refer(clinic, name, f"Observation/{elsewhere}").status == 422
    assert _refer(clinic, name, f"Observation/{to}").status == 200
    read = f"GET /fhir/Observation/{name}"
    clinic.seal(f"Observation/{to}")
    assert clinic.world.call(read, clinic.doctor).status == 404
    assert _refer(clinic, name, f"Observation/{later}").status == 404


def test_what_was_there_when_it_was_referred_to_does_not_stop_a_patch(clinic: Clinic) -> None:
    name, to, later = (clinic.observe() for _ in range(3))
    assert _refer(clinic, name, f"Observation/{to}").status == 200
    assert clinic.world.call(f"DELETE /fhir/Observation/{to}", clinic.doctor).status == 204

    assert _refer(clinic, name, f"Observation/{to}").status == 200
    assert _refer(clinic, name, f"Observation/{later}").status == 200


def test_lifting_the_seal_shows_it_again(clinic: Clinic) -> None:
    name = clinic.observe()
    seal = clinic.seal(f"Observation/{name}")
    assert clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor).status == 404

    assert clinic.world.call(f"DELETE /fhir/Consent/{seal}", clinic.patient).status == 204

    assert clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor).status == 200
