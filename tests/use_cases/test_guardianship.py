"""A registrar makes a guardian upon an act: told, journalled with its reason, and ended."""

from __future__ import annotations

from typing import Any

import pytest

from dmp.domain.caller import Caller
from tests.family import NAME, Family, person
from tests.world import World

ACT: dict[str, Any] = {
    "url": "urn:dmp:guardianship",
    "extension": [
        {"url": "reason", "valueCode": "incapacity"},
        {"url": "document", "valueString": "TPI Rabat 2026/114"},
    ],
}


@pytest.fixture
def family(world: World) -> Family:
    return Family(world)


@pytest.fixture
def registrar(world: World) -> Caller:
    return world.doctor(role="registrar", purpose="HOPERAT")


def guardian(family: Family, *powers: str) -> dict[str, Any]:
    body = person(family.id, family.cin, *powers)
    return {**body, "extension": [*body.get("extension", ()), ACT]}


def appoint(family: Family, registrar: Caller, *powers: str) -> str:
    body = guardian(family, *(powers or ("read", "consent")))
    made = family.world.call("POST /fhir/RelatedPerson", registrar, body)
    assert made.status == 201, made.body
    return str(made.json["id"])


def test_a_guardian_acts_from_the_answer_on(family: Family, registrar: Caller) -> None:
    name = appoint(family, registrar)

    assert family.she("GET /fhir/Patient/{id}").status == 200
    acted = family.journal()[-1]
    assert (acted.rule, acted.who["kind"], acted.who["related"]) == ("guardian", "guardian", name)
    made = next(e for e in family.journal() if e.rule == "registrar")
    assert made.reason == {"code": "incapacity", "text": "TPI Rabat 2026/114"}
    assert made.who["role"] == "registrar"
    kinds = [n.kind for n in family.notices()]
    assert "new-delegate" in kinds
    assert family.notices(family.hers)[-1].kind == "chosen-delegate"


def test_only_a_registrar_ends_it(family: Family, registrar: Caller) -> None:
    name = appoint(family, registrar)
    gone = f"DELETE /fhir/RelatedPerson/{name}"

    for caller in (family.father, family.daughter, family.clinic.doctor):
        assert family.world.call(gone, caller).status == 403
    assert family.she("GET /fhir/Patient/{id}").status == 200
    assert family.world.call(gone, registrar).status == 204
    assert family.she("GET /fhir/Patient/{id}").status == 404
    told = family.notices()[-1]
    assert (told.kind, told.practitioner) == ("ended-delegate", NAME)
    done = [e for e in family.journal() if e.rule == "registrar" and e.outcome == "permit"]
    assert [(e.action, e.what[0].partition("/")[0]) for e in done] == [
        ("consent", "RelatedPerson"), ("delete", "RelatedPerson"),
    ]  # fmt: skip


@pytest.mark.parametrize("role", ["physician", "auditor"])
def test_no_other_role_makes_one(family: Family, role: str) -> None:
    caller = family.world.doctor(role=role)

    refused = family.world.call("POST /fhir/RelatedPerson", caller, guardian(family, "read"))

    assert refused.status == 422
    assert family.standing().delegates == ()


REASON, DOCUMENT = ACT["extension"]
WRONG: list[tuple[str, list[Any]]] = [
    ("no act", [REASON]),
    ("unknown reason", [{"url": "reason", "valueCode": "x"}, DOCUMENT]),
    ("an act without text", [REASON, {"url": "document", "valueString": "x"}]),
]


@pytest.mark.parametrize("act", [w[1] for w in WRONG], ids=[w[0] for w in WRONG])
def test_what_is_no_act_is_refused(family: Family, registrar: Caller, act: dict[str, Any]) -> None:
    body = person(family.id, family.cin, "read")
    body["extension"].append({**ACT, "extension": act})

    refused = family.world.call("POST /fhir/RelatedPerson", registrar, body)

    assert refused.status == 422, refused.body
    assert "RelatedPerson.extension" in refused.json["issue"][0]["expression"][0]


def test_without_powers_there_is_no_guardian(family: Family, registrar: Caller) -> None:
    refused = family.world.call("POST /fhir/RelatedPerson", registrar, guardian(family))

    assert refused.status == 422


def test_a_record_that_is_not_there_and_a_delegate_are_refused_alike(
    family: Family, registrar: Caller
) -> None:
    name = family.delegate("read")
    body = guardian(family, "read")
    body["patient"] = {"reference": "Patient/" + "0" * 20}

    nobody = family.world.call("POST /fhir/RelatedPerson", registrar, body)
    theirs = family.world.call(f"DELETE /fhir/RelatedPerson/{name}", registrar)

    assert (nobody.status, theirs.status) == (403, 403)
    assert len(family.standing().delegates) == 1
