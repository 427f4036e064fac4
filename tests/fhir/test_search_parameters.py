"""What each official search parameter finds, against an independent FHIRPath library."""

from __future__ import annotations

import gzip
import json
import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.fhir.search_parameters import parameter, parameters_of
from tests.fhir import examples

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fhirpathpy import evaluate
    from fhirpathpy.models import models

Json = dict[str, Any]
NOT_COMPARED = "resolve()"  # the library cannot; composites begin at whole resources


def _official() -> dict[str, str]:
    path = examples.folder("fhir-r4-core") / "SearchParameter.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["url"]: row["expression"] for row in rows if row.get("expression")}


def _parts(expression: str, kind: str) -> Iterator[str]:
    """The union's parts of one type; `as` of several values, an error in FHIRPath, is ofType."""
    expression = re.sub(r"\(([^()]+) as (\w+)\)", r"\1.ofType(\2)", expression)
    expression = expression.replace(".as(", ".ofType(")
    for part in map(str.strip, expression.split("|")):
        root = part.lstrip("(").partition(".")[0]
        if root in (kind, "Resource"):
            whole = part.replace("Resource.", f"{kind}.") if root == "Resource" else part
            # What is searched for in an extension is its value.
            yield re.sub(r"(\.extension\('[^']*'\))$", r"\1.value", whole)


def _plain(values: list[Any]) -> list[str]:
    """Comparable: the library makes a Decimal of each number, some times an object of its own."""
    texts = [json.dumps(v, sort_keys=True, default=str) for v in values]
    return sorted(str(json.loads(t, parse_float=str, parse_int=str)).lower() for t in texts)


@pytest.mark.slow
def test_values_found_are_those_of_the_official_expressions() -> None:
    official = _official()
    compared = 0
    for path in examples.files("hl7-r4-examples"):
        resource = json.loads(path.read_bytes())
        kind = resource["resourceType"]
        for code, row in parameters_of(kind).items():
            found = parameter(kind, code)
            assert found is not None
            ours = [value for _, value in found.find(resource)]
            expression = official[row["url"]]
            if row["type"] == "composite" or NOT_COMPARED in expression:
                continue
            theirs: list[Any] = []
            for part in _parts(expression, kind):
                theirs += evaluate(resource, part, model=models["r4"])
            assert _plain(ours) == _plain(theirs), (path.name, code, expression)
            compared += bool(theirs)
    assert compared > 300


def test_references_are_told_apart_by_what_they_resolve_to() -> None:
    found = parameter("Observation", "patient")
    assert found is not None

    def finds(**subject: str) -> bool:
        contained = [{"resourceType": "Patient", "id": "p"}, {"resourceType": "Group", "id": "g"}]
        return bool(
            found.find({"resourceType": "Observation", "contained": contained, "subject": subject})
        )

    assert finds(reference="Patient/1")
    assert finds(reference="#p")
    assert finds(type="Patient", display="x")
    assert finds(reference="urn:uuid:x", type="Patient")
    assert not finds(reference="Group/1")
    assert not finds(reference="#g")
    assert not finds(display="x")


def test_composites_know_their_components() -> None:
    found = parameter("Observation", "code-value-quantity")
    assert found is not None
    resource: Json = {
        "resourceType": "Observation",
        "code": {"text": "x"},
        "valueQuantity": {"value": 1},
    }
    ((_, whole),) = found.find(resource)
    kinds = [kind for kind, _ in found.components]
    assert kinds == ["token", "quantity"]
    assert [[v for _, v in find(whole, resource)] for _, find in found.components] == [
        [{"text": "x"}],
        [{"value": 1}],
    ]


def test_every_parameter_compiles() -> None:
    for kind in ("Bundle", "Patient", "QuestionnaireResponse", "MolecularSequence", "Device"):
        for code in parameters_of(kind):
            made = parameter(kind, code)
            assert made is not None
            assert made.find({"resourceType": kind}) == [] or code == "deceased"


def test_steps_of_the_rarer_expressions() -> None:
    composition = parameter("Bundle", "composition")
    assert composition is not None
    entries = [{"resource": {"resourceType": "Composition"}}, {"resource": {"x": 1}}]
    found = composition.find({"resourceType": "Bundle", "entry": entries})
    assert [value for _, value in found] == [{"resourceType": "Composition"}]
    answered = parameter("QuestionnaireResponse", "item-subject")
    assert answered is not None
    url = "http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject"
    answer = {"answer": [{"valueReference": {"reference": "Patient/1"}}]}
    items = [answer, answer | {"extension": [{"url": url, "valueBoolean": True}]}]
    found = answered.find({"resourceType": "QuestionnaireResponse", "item": items})
    assert [value for _, value in found] == [{"reference": "Patient/1"}]


def test_an_unknown_type_or_parameter_is_none() -> None:
    assert parameter("Permission", "_id") is None
    assert parameter("Patient", "foo") is None
