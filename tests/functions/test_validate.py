"""$validate: 200 whatever is wrong, warnings included; nothing is read and nothing kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dmp.fhir.validator import validate
from tests.aws_calls import counted
from tests.stack import stack as deployed
from tests.world import World, consent, observation

Json = dict[str, Any]
PATIENT = "00000000000000000000"
GOOD = {**observation(PATIENT), "text": {"status": "generated", "div": (
    '<div xmlns="http://www.w3.org/1999/xhtml">x</div>')}}  # fmt: skip
OURS = "https://dmp.ma/fhir/StructureDefinition/"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with deployed() as made:
        yield World(made)


def told(world: World, kind: str, body: object, query: str = "") -> list[tuple[str, str, str]]:
    """(severity, code, first expression) of each issue."""
    with counted() as calls:
        answered = world.call(f"POST /fhir/{kind}/$validate{query}", world.doctor(), body)
    assert calls == []
    assert answered.status == 200, answered.body
    assert validate(answered.json) == []
    return [
        (i["severity"], i["code"], i.get("expression", [""])[0]) for i in answered.json["issue"]
    ]


def parameters(**given: Any) -> Json:
    listed: list[Json] = []
    for name, value in given.items():
        key = "resource" if isinstance(value, dict) else "valueCode"
        listed.append({"name": name, key: value})
    return {"resourceType": "Parameters", "parameter": listed}


def test_a_sound_resource_is_told_so(world: World) -> None:
    sound = [("information", "informational", "")]
    assert told(world, "Observation", GOOD) == sound
    assert told(world, "Observation", parameters(resource=GOOD)) == sound
    assert told(world, "Observation", parameters(resource=GOOD, mode="create")) == sound
    assert told(world, "Observation", GOOD, "?mode=create") == sound
    assert (
        told(
            world,
            "Questionnaire",
            {"resourceType": "Questionnaire", "status": "active", "text": GOOD["text"]},
        )
        == sound
    )


def test_faults_and_warnings_are_told_in_their_place(world: World) -> None:
    unnamed = {k: v for k, v in GOOD.items() if k != "status"}
    assert told(world, "Observation", unnamed) == [("error", "required", "Observation.status")]
    assert told(world, "Observation", observation(PATIENT)) == [
        ("warning", "invariant", "Observation")
    ]
    units = {
        **GOOD,
        "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "mgs/dL"},
    }
    assert told(world, "Observation", units) == [
        ("warning", "code-invalid", "Observation.valueQuantity.code")
    ]
    assert told(world, "Patient", GOOD)[0] == ("error", "invalid", "resourceType")
    assert told(world, "Observation", "{") == [("error", "structure", "")]
    assert told(world, "Observation", {"resourceType": "Parameters"}) == [
        ("error", "required", 'Parameters.parameter.where(name="resource")')
    ]


def test_each_mode_asks_what_its_write_would(world: World) -> None:
    assert told(world, "Observation", {**GOOD, "id": "a"}, "?mode=create") == [
        ("information", "informational", "Observation.id")
    ]
    assert told(world, "Observation", {**GOOD, "id": "a"}, "?mode=update") == [
        ("error", "value", "Observation.id")
    ]
    own = {**GOOD, "id": f"{PATIENT}.cli-1"}
    assert told(world, "Observation", own, "?mode=update") == [("information", "informational", "")]
    stray = {**GOOD, "subject": {"display": "x"}}
    assert told(world, "Observation", stray, "?mode=create") == [
        ("error", "required", "Observation")
    ]
    assert told(world, "Observation", parameters(mode="delete")) == [
        ("information", "informational", "")
    ]
    assert told(world, "Questionnaire", parameters(mode="delete")) == [
        ("error", "not-supported", "Questionnaire")
    ]
    assert told(world, "Observation", parameters(resource=GOOD, mode="upsert")) == [
        ("error", "value", "Parameters.parameter[1]")
    ]


def test_profiles_are_checked_or_told_to_be_unknown(world: World) -> None:
    elsewhere = "?profile=http://example.org/any"
    assert told(world, "Observation", GOOD, elsewhere) == [("warning", "not-supported", "profile")]
    claims = {**GOOD, "meta": {"profile": ["http://example.org/any"]}}
    assert told(world, "Observation", claims) == [
        ("warning", "not-supported", "Observation.meta.profile[0]")
    ]
    base = "http://hl7.org/fhir/StructureDefinition/"
    assert told(world, "Observation", GOOD, f"?profile={base}Patient") == [
        ("error", "value", "resourceType")
    ]
    assert told(world, "Observation", GOOD, f"?profile={base}Observation")[0][0] == "information"
    prescription = {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order",
        "medicationCodeableConcept": {"text": "x"}, "text": GOOD["text"],
        "subject": {"reference": f"Patient/{PATIENT}"},
    }  # fmt: skip
    asked = f"?profile={OURS}ma-prescription"
    assert told(world, "MedicationRequest", prescription, asked) == [
        ("error", "required", "MedicationRequest.groupIdentifier")
    ]
    numbered = {**prescription, "groupIdentifier": {"system": "urn:ma:fse", "value": "F-2026/17"}}
    assert told(world, "MedicationRequest", numbered, asked)[0][0] == "information"
    assert told(world, "Observation", GOOD, asked) == [("error", "value", "resourceType")]


@pytest.mark.parametrize(
    ("system", "value", "severity"),
    [
        ("cin", "AB123456", None), ("cin", "k 12", None), ("cin", "ABC1", "warning"),
        ("cin", "AB1234567", "warning"), ("idcs", "0123456789", None), ("idcs", "123", "error"),
        ("inpe", "123456789", None), ("inpe", "12345678", "error"), ("cnss", "123456789", None),
        ("cnss", "A12345678", None), ("cnss", "1", "warning"), ("fse", "F-1", None),
        ("fse", "a b", "warning"),
    ],
)  # fmt: skip
def test_moroccan_identifiers(world: World, system: str, value: str, severity: str | None) -> None:
    resource = {**GOOD, "identifier": [{"system": f"urn:ma:{system}", "value": value}]}
    wanted = ("information", "informational", "")
    if severity:
        wanted = (severity, "value", "Observation.identifier[0].value")
    assert told(world, "Observation", resource) == [wanted]


def test_consents_too_and_nothing_else_by_that_name(world: World) -> None:
    assert told(world, "Consent", consent(PATIENT)) == [("warning", "invariant", "Consent")]
    for path in ("Observation/$meta", "Consent/$grant-me", "Observation/x"):
        assert world.call(f"POST /fhir/{path}", world.doctor(), GOOD).status == 405, path
    unknown = world.call("POST /fhir/Nothing/$validate", world.doctor(), GOOD)
    assert unknown.status == 404
    odd = parameters(resource=GOOD, strict="yes")
    assert ("warning", "not-supported", "Parameters.parameter[1]") in told(
        world, "Observation", odd
    )
    odd["parameter"].append({"name": 7})
    assert ("error", "structure", "Parameters.parameter[2]") in told(world, "Observation", odd)


def test_no_value_is_repeated(world: World) -> None:
    resource = {
        **GOOD,
        "status": "zebra",
        "identifier": [{"system": "urn:ma:idcs", "value": "okapi"}],
        "meta": {"profile": ["http://example.org/giraffe"]},
        "unknown": "lynx",
    }
    for body in (resource, {**GOOD, "meta": {"profile": ["http://example.org/giraffe"]}}):
        answered = world.call("POST /fhir/Observation/$validate", world.doctor(), body)
        assert not any(w in answered.body for w in ("zebra", "okapi", "giraffe", "lynx"))
