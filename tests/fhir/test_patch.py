"""PATCH: what applies, what is refused, and that a refusal changes nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dmp.domain.refusals import Invalid
from dmp.fhir.patch import apply_fhirpath_patch, apply_json_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [
        {"use": "official", "family": "El Idrissi", "given": ["Nadia", "Zineb"]},
        {"use": "nickname", "given": ["Nado"]},
    ],
    "deceasedBoolean": False,
}


def operation(**parts: Any) -> dict[str, Any]:
    """One operation; `value` as a (type, value) pair or a list of nested parts."""
    made = []
    for name, given in parts.items():
        if name == "value" and isinstance(given, tuple):
            made.append({"name": "value", given[0]: given[1]})
        elif name == "value":
            made.append({"name": "value", "part": given})
        elif isinstance(given, int):
            made.append({"name": name, "valueInteger": given})
        else:
            made.append({"name": name, "valueCode" if name == "type" else "valueString": given})
    return {"name": "operation", "part": made}


def patched(*operations: dict[str, Any]) -> dict[str, Any]:
    return apply_fhirpath_patch(
        PATIENT, {"resourceType": "Parameters", "parameter": list(operations)}
    )


FHIRPATH = [
    (
        operation(type="add", path="Patient", name="birthDate", value=("valueDate", "1985-03-14")),
        ("birthDate", "1985-03-14"),
    ),
    (
        operation(type="add", path="Patient.name[1]", name="given", value=("valueString", "Nadou")),
        ("name", [PATIENT["name"][0], {"use": "nickname", "given": ["Nado", "Nadou"]}]),
    ),
    (
        operation(
            type="replace",
            path="Patient.name.where(use='official').family",
            value=("valueString", "Alami"),
        ),
        ("name", [{**PATIENT["name"][0], "family": "Alami"}, PATIENT["name"][1]]),
    ),
    (operation(type="delete", path="Patient.active"), ("active", None)),
    (
        operation(type="delete", path="Patient.name[1].given[0]"),
        ("name", [PATIENT["name"][0], {"use": "nickname"}]),
    ),
    (operation(type="delete", path="Patient.birthDate"), ("birthDate", None)),
    (
        operation(type="insert", path="Patient.name[0].given", index=1, value=("valueString", "M")),
        (
            "name",
            [{**PATIENT["name"][0], "given": ["Nadia", "M", "Zineb"]}, PATIENT["name"][1]],
        ),
    ),
    (
        operation(type="move", path="Patient.name", source=0, destination=1),
        ("name", [PATIENT["name"][1], PATIENT["name"][0]]),
    ),
    (
        operation(type="replace", path="Patient.deceased", value=("valueDateTime", "2026-01-01")),
        ("deceasedDateTime", "2026-01-01"),
    ),
    (
        operation(
            type="add",
            path="Patient",
            name="contact",
            value=[
                {"name": "gender", "valueCode": "female"},
                {"name": "name", "valueHumanName": {"family": "Alami"}},
            ],
        ),
        ("contact", [{"gender": "female", "name": {"family": "Alami"}}]),
    ),
]


@pytest.mark.parametrize(("one", "expected"), FHIRPATH)
def test_a_fhirpath_operation_changes_its_element(
    one: dict[str, Any], expected: tuple[str, Any]
) -> None:
    before = copy.deepcopy(PATIENT)

    made = patched(one)

    assert made.get(expected[0]) == expected[1]
    assert before == PATIENT


@pytest.mark.parametrize(
    "one",
    [
        operation(type="replace", path="Patient.name.use", value=("valueCode", "old")),
        operation(type="replace", path="Patient.name[7].family", value=("valueString", "x")),
        operation(type="replace", path="Observation.status", value=("valueCode", "final")),
        operation(type="replace", path="Patient.nonsense", value=("valueString", "x")),
        operation(type="replace", path="Patient.active.x", value=("valueString", "x")),
        operation(type="delete", path="Patient.name.given"),
        operation(type="add", path="Patient.name[0]", name="nonsense", value=("valueString", "x")),
        operation(type="add", path="Patient", name="birthDate"),
        operation(type="insert", path="Patient.name", index=9, value=("valueString", "x")),
        operation(type="move", path="Patient.name", source=5, destination=0),
        operation(type="replace", path="Patient.name.first()", value=("valueString", "x")),
        operation(type="replace", path="Patient..name", value=("valueString", "x")),
        operation(type="replace", path="Patient.name.", value=("valueString", "x")),
        operation(type="replace", path="Patient.id", value=("valueId", "p2")),
        operation(type="dance", path="Patient"),
        operation(path="Patient"),
    ],
)
def test_a_fhirpath_operation_that_cannot_be_is_refused(one: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        patched(one)


def test_a_json_patch_is_applied_in_order() -> None:
    made = apply_json_patch(
        PATIENT,
        [
            {"op": "test", "path": "/active", "value": True},
            {"op": "replace", "path": "/active", "value": False},
            {"op": "add", "path": "/name/-", "value": {"text": "N"}},
        ],
    )

    assert made["active"] is False
    assert made["name"][2] == {"text": "N"}


@pytest.mark.parametrize(
    "operations",
    [
        {"active": False},
        [],
        [{"op": "test", "path": "/active", "value": False}],
        [{"op": "remove", "path": "/none"}],
        [{"op": "replace", "path": "/id", "value": "p2"}],
        [{"op": "dance", "path": "/active"}],
        [{"path": "/active"}],
        ["remove"],
        [{"op": "replace", "path": "", "value": []}],
        [{"op": "add", "path": "/name/x", "value": 1}],
        [{"op": "test", "path": "/active", "value": True}] * 101,
    ],
)
def test_a_json_patch_that_cannot_be_is_refused(operations: object) -> None:
    with pytest.raises(Invalid):
        apply_json_patch(PATIENT, operations)
