"""The validator's rules, each with the path and the reason it gives."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.fhir.primitives import check_of
from dmp.fhir.validator import validate
from infra.definitions.generate import read
from tests.fhir.examples import folder

Json = dict[str, Any]
OBSERVATION: Json = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"text": "weight"},
}
PATIENT: Json = {"resourceType": "Patient"}
EXTENSION = {"url": "http://example.org/x", "valueString": "y"}

VALID = {
    "nothing optional": OBSERVATION,
    "a required element by its extension alone": {
        **{k: v for k, v in OBSERVATION.items() if k != "status"},
        "_status": {"extension": [EXTENSION]},
    },
    "a null with an extension beside it": {
        **PATIENT,
        "name": [{"given": ["Amina", None], "_given": [None, {"extension": [EXTENSION]}]}],
    },
    "a decimal that is whole": {**OBSERVATION, "valueQuantity": {"value": 72}},
    "a leap day": {**PATIENT, "birthDate": "2024-02-29"},
    "a year": {**PATIENT, "birthDate": "1954"},
    "a leap second": {**OBSERVATION, "issued": "2016-12-31T23:59:60Z"},
    "a string of spaces": {**PATIENT, "name": [{"text": "   "}]},
    "base64 in lines": {
        **PATIENT, "photo": [{"contentType": "image/png", "data": "aGVs\nbG8g d29y bGQ="}]
    },
    "a target that is contained": {
        **OBSERVATION,
        "contained": [{"resourceType": "Patient", "id": "p"}],
        "subject": {"reference": "#p"},
    },
    "a reference from what is contained to its container": {
        **PATIENT,
        "contained": [{**OBSERVATION, "id": "o", "subject": {"reference": "#"}}],
    },
    "an absolute reference to no type we know": {
        **OBSERVATION, "subject": {"reference": "http://example.org/x/y"}
    },
    "a conditional reference": {
        **OBSERVATION, "subject": {"reference": "Patient?identifier=urn:ma:cin|AB1"}
    },
    "a required concept by its extension alone": {
        "resourceType": "Condition",
        "subject": {"reference": "Patient/1"},
        "clinicalStatus": {"extension": [EXTENSION]},
    },
    "any of several extensions": {**PATIENT, "extension": [{"url": "u", "extension": [EXTENSION]}]},
}  # fmt: skip


@pytest.mark.parametrize("resource", VALID.values(), ids=VALID.keys())
def test_valid(resource: Json) -> None:
    assert validate(resource) == []


def _observation(**elements: Any) -> Json:
    return {**OBSERVATION, **elements}


def _patient(**elements: Any) -> Json:
    return {**PATIENT, **elements}


INVALID: dict[str, tuple[Json, str, str, str]] = {
    "no resourceType": ({"id": "a"}, "Resource.resourceType", "structure", "missing"),
    "a resourceType of R5": (
        {"resourceType": "Permission"}, "Resource.resourceType", "structure", "R4"
    ),
    "unknown element": (_patient(nick="x"), "Patient.nick", "structure", "no such element"),
    "unknown element inside": (
        _patient(name=[{}, {"nick": "x"}]), "Patient.name[1].nick", "structure", "HumanName"
    ),
    "a missing code": (
        {k: v for k, v in OBSERVATION.items() if k != "code"},
        "Observation.code", "required", "missing",
    ),
    "a missing choice": (
        {"resourceType": "MedicationAdministration", "status": "completed",
         "subject": {"reference": "Patient/1"}, "medicationCodeableConcept": {"text": "x"}},
        "MedicationAdministration.effective", "required", "missing",
    ),
    "two choices": (
        _observation(valueString="x", valueBoolean=True),
        "Observation.value", "structure", "valueBoolean or valueString",
    ),
    "a choice and the sibling of another": (
        _observation(valueString="x", _valueBoolean={"extension": [EXTENSION]}),
        "Observation.value", "structure", "only one",
    ),
    "wrong code": (
        {**OBSERVATION, "status": "done"}, "Observation.status", "code-invalid", "preliminary"
    ),
    "no coding of the required set": (
        {"resourceType": "Condition", "subject": {"reference": "Patient/1"},
         "clinicalStatus": {"text": "active"}},
        "Condition.clinicalStatus", "code-invalid", "condition-clinical",
    ),
    "an array for one": (_patient(gender=["male"]), "Patient.gender", "structure", "an array"),
    "one for an array": (_patient(name={"text": "x"}), "Patient.name", "structure", "an object"),
    "an empty array": (_patient(name=[]), "Patient.name", "structure", "empty"),
    "an empty object": (_patient(name=[{}]), "Patient.name[0]", "structure", "empty"),
    "an empty string": (_patient(id=""), "Patient.id", "value", "id"),
    "null": (_patient(gender=None), "Patient.gender", "structure", "null"),
    "null without an extension": (
        _patient(name=[{"given": ["a", None], "_given": [{"id": "x"}, None]}]),
        "Patient.name[0].given[1]", "structure", "null",
    ),
    "only nulls beside": (
        _patient(name=[{"given": ["a"], "_given": [None]}]),
        "Patient.name[0]._given", "structure", "nulls",
    ),
    "a day that is none": (_patient(birthDate="2023-02-29"), "Patient.birthDate", "value", "date"),
    "month 13": (_patient(birthDate="2023-13-01"), "Patient.birthDate", "value", "date"),
    "year 0": (_patient(birthDate="0000"), "Patient.birthDate", "value", "date"),
    "a time without zone": (
        _observation(effectiveDateTime="2023-01-01T10:00:00"),
        "Observation.effectiveDateTime", "value", "zone",
    ),
    "a time without seconds": (
        _observation(effectiveDateTime="2023-01-01T10:00Z"),
        "Observation.effectiveDateTime", "value", "zone",
    ),
    "a day for an instant": (
        _observation(issued="2023-01-01"), "Observation.issued", "value", "seconds"
    ),
    "32 bits": (
        _patient(multipleBirthInteger=2**31),
        "Patient.multipleBirthInteger", "value", "32",
    ),
    "a fraction for an integer": (
        _patient(multipleBirthInteger=1.5), "Patient.multipleBirthInteger", "structure", "number"
    ),
    "zero for a positive integer": (
        _patient(telecom=[{"rank": 0}]), "Patient.telecom[0].rank", "value", "from 1"
    ),
    "a control character": (
        _patient(name=[{"text": "a\u0007"}]), "Patient.name[0].text", "value", "control"
    ),
    "a URI with a space": (
        _patient(implicitRules="http://a b"), "Patient.implicitRules", "value", "spaces"
    ),
    "a boolean in quotes": (_patient(active="true"), "Patient.active", "structure", "a string"),
    "not base64": (
        _patient(photo=[{"data": "a#b="}]), "Patient.photo[0].data", "value", "base64"
    ),
    "wrong target": (
        _observation(subject={"reference": "Medication/1"}),
        "Observation.subject.reference", "invalid", "Device, Group, Location or Patient",
    ),
    "wrong target by version": (
        _observation(subject={"reference": "http://a/Medication/1/_history/2"}),
        "Observation.subject.reference", "invalid", "Patient",
    ),
    "wrong conditional target": (
        _observation(subject={"reference": "Practitioner?identifier=1"}),
        "Observation.subject.reference", "invalid", "Patient",
    ),
    "wrong stated type": (
        _observation(subject={"type": "Medication", "display": "x"}),
        "Observation.subject.type", "invalid", "Patient",
    ),
    "a stated type that is no text": (
        _observation(subject={"type": ["Medication"], "display": "x"}),
        "Observation.subject.type", "structure", "an array",
    ),
    "wrong contained target": (
        _observation(contained=[{"resourceType": "Medication", "id": "m"}],
                     subject={"reference": "#m"}),
        "Observation.subject.reference", "invalid", "Patient",
    ),
    "no such contained target": (
        _observation(subject={"reference": "#m"}),
        "Observation.subject.reference", "invalid", "contained",
    ),
    "a fault in what is contained": (
        _observation(contained=[_patient(gender="x")]),
        "Observation.contained[0].gender", "code-invalid", "female, male, other or unknown",
    ),
    "a resource contained twice over": (
        _patient(contained=[{**OBSERVATION, "contained": [OBSERVATION]}]),
        "Patient.contained[0].contained", "invariant", "dom-2",
    ),
    "no coding of the required set, and an open reference": (
        {"resourceType": "Condition", "subject": {"reference": "Patient/1"},
         "clinicalStatus": {"text": "x", "extension": [
             {"url": "u", "valueReference": {"reference": "urn:uuid:x"}}
         ]}, "verificationStatus": {"coding": [{"code": "x"}], "extension": [
             {"url": "u", "valueReference": {"reference": "urn:uuid:x"}}
         ]}},
        "Condition.verificationStatus", "code-invalid", "condition-ver-status",
    ),
    "an extension without url": (
        _patient(extension=[{"valueString": "x"}]), "Patient.extension[0].url", "required", ""
    ),
    "an extension with nothing": (
        _patient(extension=[{"url": "u"}]), "Patient.extension[0]", "invariant", "ext-1"
    ),
    "an extension with both": (
        _patient(extension=[{**EXTENSION, "extension": [EXTENSION]}]),
        "Patient.extension[0]", "invariant", "ext-1",
    ),
    "a comparator where none may be": (
        _observation(referenceRange=[{"low": {"value": 1, "comparator": "<"}}]),
        "Observation.referenceRange[0].low.comparator", "structure", "SimpleQuantity",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "place", "code", "text"), INVALID.values(), ids=INVALID)
def test_invalid(resource: Json, place: str, code: str, text: str) -> None:
    issues = validate(resource)
    assert any(i.expression == place and i.code == code and text in i.text for i in issues), issues


def test_places_begin_where_the_caller_says() -> None:
    (issue,) = validate(_patient(gender="x"), path="Bundle.entry[149].resource")
    assert issue.expression == "Bundle.entry[149].resource.gender"


def _bundle(target: str) -> Json:
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {
                "fullUrl": "urn:uuid:3f1a4b0e-0000-4000-8000-000000000001",
                "resource": {"resourceType": target},
                "request": {"method": "POST", "url": target},
            },
            {
                "resource": _observation(
                    subject={"reference": "urn:uuid:3f1a4b0e-0000-4000-8000-000000000001"}
                ),
                "request": {"method": "POST", "url": "Observation"},
            },
        ],
    }


def test_references_inside_a_bundle_have_their_targets_type() -> None:
    assert validate(_bundle("Patient")) == []
    (issue,) = validate(_bundle("Medication"))
    assert issue.expression == "Bundle.entry[1].resource.subject.reference"


def test_faults_are_not_told_without_end() -> None:
    issues = validate(_patient(name=[{"nick": "x"}] * 5000))
    assert len(issues) == 100


CANARY = "Zz-canary-Bennani"


@pytest.mark.parametrize(
    "elements",
    [{"gender": CANARY}, {"birthDate": CANARY}, {"active": CANARY}, {"id": CANARY + " "},
     {"name": CANARY}, {"name": [CANARY]}, {"extension": [{"url": CANARY}]},
     {"generalPractitioner": [{"reference": "#" + CANARY}]},
     {"generalPractitioner": [{"reference": "Patient/" + CANARY}]},
     {"text": {"status": "generated", "div": f"<div>{CANARY}</div>"}},
     {"photo": [{"data": CANARY}]}, {"maritalStatus": {"coding": [{"system": CANARY, "x": 1}]}},
     {CANARY: 1}, {"contained": [{"resourceType": CANARY}]}],
)  # fmt: skip
def test_no_value_is_repeated(elements: Json) -> None:
    issues = validate(_patient(**elements))
    assert issues
    assert CANARY not in repr(issues)


OFFICIAL = {
    element["type"][0]["extension"][-1]["valueString"]: definition["id"]
    for definition in read(folder("fhir-r4-core"), "StructureDefinition")
    if definition["kind"] == "primitive-type"
    for element in definition["snapshot"]["element"]
    if element["path"].endswith(".value") and len(element["type"][0]["extension"]) > 1
}
TEXTS = ["code", "date", "dateTime", "id", "instant", "oid", "time", "uuid"]


def _is_real(text: str) -> bool:
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return len(text) < 10
    return True


@pytest.mark.parametrize("kind", TEXTS)
@given(data=st.data())
def test_forms_are_the_official_ones(kind: str, data: st.DataObject) -> None:
    official = re.compile(next(p for p, k in OFFICIAL.items() if k == kind), re.ASCII)
    text = data.draw(st.from_regex(official, fullmatch=True) | st.text(max_size=30))
    check = check_of(kind)
    assert check is not None
    expected = bool(official.fullmatch(text))
    if kind in ("date", "dateTime", "instant"):
        expected = expected and _is_real(text)
    assert (check(text) is None) == expected, text
