"""R4's constraints as compiled: each both ways, and all against an independent FHIRPath library."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from fhirpathpy import apply_parsed_path, parse
from fhirpathpy.engine.nodes import ResourceNode
from fhirpathpy.models import models

from dmp.fhir.definitions import table, type_of
from dmp.fhir.invariants import invariants_of
from dmp.fhir.json_reader import read_object
from dmp.fhir.validator import validate
from infra.definitions.fhirpath import Reader, UnsupportedError
from infra.definitions.generate import read
from infra.definitions.invariants import AMENDED, BY_HAND, NOT_CHECKED
from tests.fhir import examples

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem/"
WRONG = {"coding": [{"system": TERMS + "condition-ver-status", "code": "entered-in-error"}]}
MISTAKEN = {
    "coding": [{"system": TERMS + "allergyintolerance-verification", "code": "entered-in-error"}]
}
SOLVED = {"coding": [{"system": TERMS + "condition-clinical", "code": "resolved"}]}
ACTIVE = {"coding": [{"system": TERMS + "condition-clinical", "code": "active"}]}
GLUCOSE = {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]}
KEPT = {"resourceType": "Patient"}
ENTRY = {"resource": KEPT}

# constraint, type, what keeps it, what breaks it
CASES: list[tuple[str, str, Json, Json]] = [
    ("age-1", "Age", {"value": 3, "code": "a", "system": UCUM}, {"value": 3}),
    ("age-1", "Age", {"value": 3, "code": "a"}, {"value": 0, "code": "a", "system": UCUM}),
    ("ait-1", "AllergyIntolerance", {"verificationStatus": MISTAKEN}, {}),
    ("ait-1", "AllergyIntolerance", {"clinicalStatus": ACTIVE}, {"_code": {}}),
    ("ait-2", "AllergyIntolerance", {"clinicalStatus": ACTIVE},
     {"clinicalStatus": ACTIVE, "verificationStatus": MISTAKEN}),
    ("app-2", "Appointment", {"start": "x", "end": "y"}, {"start": "x"}),
    ("app-3", "Appointment", {"status": "proposed"}, {"status": "booked"}),
    ("app-4", "Appointment", {"status": "noshow"}, {"status": "booked", "cancelationReason": {}}),
    ("att-1", "Attachment", {"data": "AA==", "contentType": "a/b"}, {"data": "AA=="}),
    ("bdl-1", "Bundle", {"type": "searchset", "total": 1}, {"type": "batch", "total": 0}),
    ("bdl-2", "Bundle", {"type": "searchset", "entry": [{"search": {}}]},
     {"type": "batch", "entry": [{"search": {}}]}),
    ("bdl-3", "Bundle", {"type": "batch", "entry": [{"request": {}}]},
     {"type": "batch", "entry": [{}]}),
    ("bdl-3", "Bundle", {"type": "document", "entry": [{}]},
     {"type": "document", "entry": [{"request": {}}]}),
    ("bdl-4", "Bundle", {"type": "history", "entry": [{"response": {}}]},
     {"type": "batch-response", "entry": [{}]}),
    ("bdl-5", "Bundle.entry", {"request": {}}, {"fullUrl": "x"}),
    ("bdl-7", "Bundle", {"type": "collection", "entry": [{"fullUrl": "a"}, {"fullUrl": "b"}]},
     {"type": "collection", "entry": [{"fullUrl": "a"}, {"fullUrl": "a"}]}),
    ("bdl-7", "Bundle", {"type": "history", "entry": [{"fullUrl": "a"}, {"fullUrl": "a"}]},
     {"type": "batch", "entry": [{"fullUrl": "a", "resource": {"meta": {"versionId": "1"}}}] * 2}),
    ("bdl-8", "Bundle.entry", {"fullUrl": "http://a/Patient/1"},
     {"fullUrl": "http://a/Patient/1/_history/1"}),
    ("bdl-9", "Bundle", {"type": "document", "identifier": {"system": "s", "value": "v"}},
     {"type": "document", "identifier": {"value": "v"}}),
    ("bdl-10", "Bundle", {"type": "document", "timestamp": "t"}, {"type": "document"}),
    ("bdl-10", "Bundle", {"type": "batch"}, {"type": "document", "_timestamp": {}}),
    ("bdl-11", "Bundle", {"type": "document", "entry": [{"resource": {
        "resourceType": "Composition"}}]}, {"type": "document", "entry": [ENTRY]}),
    ("bdl-12", "Bundle", {"type": "batch", "entry": [ENTRY]},
     {"type": "message", "entry": [ENTRY]}),
    ("cmp-1", "Composition.section", {"text": {}}, {"title": "x"}),
    ("cmp-2", "Composition.section", {"entry": [{}]}, {"entry": [{}], "emptyReason": {}}),
    ("cnt-3", "Count", {"value": 3, "code": "1", "system": UCUM},
     {"value": Decimal("3.5"), "code": "1", "system": UCUM}),
    ("con-1", "Condition.stage", {"summary": {}}, {"type": {}}),
    ("con-2", "Condition.evidence", {"code": [{}]}, {"id": "x"}),
    ("con-4", "Condition", {"abatementString": "x", "clinicalStatus": SOLVED},
     {"abatementString": "x", "clinicalStatus": ACTIVE}),
    ("con-5", "Condition", {"verificationStatus": WRONG},
     {"verificationStatus": WRONG, "clinicalStatus": ACTIVE}),
    ("cpl-3", "CarePlan.activity", {"detail": {}}, {"detail": {}, "reference": {}}),
    ("cpt-2", "ContactPoint", {"value": "x", "system": "phone"}, {"value": "x"}),
    ("dis-1", "Distance", {"value": 1, "code": "m", "system": UCUM},
     {"value": 1, "code": "m", "system": "urn:x"}),
    ("dom-4", "Patient", {"contained": [{"meta": {"profile": ["x"]}}]},
     {"contained": [{"meta": {"versionId": "1"}}]}),
    ("dom-5", "Patient", {"contained": [KEPT]}, {"contained": [{"meta": {"security": [{}]}}]}),
    ("dom-6", "Patient", {"text": {"div": "x"}}, {}),
    ("drt-1", "Duration", {"value": 1, "code": "h", "system": UCUM}, {"value": 1, "code": "h"}),
    ("drq-1", "DataRequirement.codeFilter", {"path": "x"}, {"path": "x", "searchParam": "y"}),
    ("exp-1", "Expression", {"expression": "x"}, {"language": "x"}),
    ("fhs-1", "FamilyMemberHistory", {"ageString": "x"}, {"ageString": "x", "bornString": "y"}),
    ("fhs-2", "FamilyMemberHistory", {"ageString": "x", "estimatedAge": True},
     {"estimatedAge": True}),
    ("gol-1", "Goal.target", {"detailString": "x", "measure": {}}, {"detailString": "x"}),
    ("imm-1", "Immunization.education", {"documentType": "x"}, {"publicationDate": "2020"}),
    ("imr-1", "ImmunizationRecommendation.recommendation", {"targetDisease": {}}, {"series": "x"}),
    ("inv-1", "Parameters.parameter", {"name": "x", "valueCode": "y"}, {"name": "x"}),
    ("inv-1", "Task", {"authoredOn": "2020-01-01", "lastModified": "2020-01-02"},
     {"authoredOn": "2020-01-02", "lastModified": "2020-01-01"}),
    ("lnk-1", "Linkage", {"item": [{}, {}]}, {"item": [{}]}),
    ("lst-1", "List", {"entry": [{}]}, {"entry": [{}], "emptyReason": {}}),
    ("lst-2", "List", {"mode": "changes", "entry": [{"deleted": True}]},
     {"mode": "working", "entry": [{"deleted": True}]}),
    ("mad-1", "MedicationAdministration.dosage", {"rateRatio": {}}, {"text": "x"}),
    ("mdd-1", "MedicationDispense", {"whenPrepared": "2020-01-01", "whenHandedOver": "2020-01-01"},
     {"whenPrepared": "2020-01-02", "whenHandedOver": "2020-01-01T23:00:00Z"}),
    ("msq-3", "MolecularSequence", {"coordinateSystem": 1}, {"coordinateSystem": 2}),
    ("nor-1", "NutritionOrder", {"oralDiet": {}}, {"status": "active"}),
    ("obs-3", "Observation.referenceRange", {"text": "x"}, {"type": {}}),
    ("obs-6", "Observation", {"dataAbsentReason": {}},
     {"dataAbsentReason": {}, "valueString": "x"}),
    ("obs-7", "Observation", {"code": GLUCOSE, "component": [{"code": GLUCOSE}]},
     {"code": GLUCOSE, "component": [{"code": GLUCOSE}], "valueInteger": 1}),
    ("org-1", "Organization", {"name": "x"}, {"active": True}),
    ("org-2", "Organization", {"address": [{"use": "work"}]}, {"address": [{"use": "home"}]}),
    ("org-3", "Organization", {"telecom": [{"use": "work"}]}, {"telecom": [{"use": "home"}]}),
    ("pat-1", "Patient.contact", {"name": {}}, {"gender": "male"}),
    ("per-1", "Period", {"start": "2020-01-01", "end": "2020-01"},
     {"start": "2020-01-02", "end": "2020-01-01"}),
    ("per-1", "Period", {"start": "2020-01-01T10:00:00+01:00", "end": "2020-01-01T09:30:00Z"},
     {"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T10:30:00+01:00"}),
    ("per-1", "Period", {"start": "2020-05", "_end": {}}, {"start": "2020-05", "end": "2019"}),
    ("ppc-1", "Consent", {"policy": [{}]}, {"status": "active"}),
    ("prr-1", "ServiceRequest", {"orderDetail": [{}], "code": {}}, {"orderDetail": [{}]}),
    ("qrs-1", "QuestionnaireResponse.item", {"answer": [{}]}, {"answer": [{}], "item": [{}]}),
    ("qty-3", "Quantity", {"code": "mg", "system": UCUM}, {"code": "mg"}),
    ("que-2", "Questionnaire", {"item": [{"linkId": "1", "item": [{"linkId": "2"}]}]},
     {"item": [{"linkId": "1", "item": [{"linkId": "1"}]}]}),
    ("que-12", "Questionnaire.item", {"enableWhen": [{}]}, {"enableWhen": [{}, {}]}),
    ("ras-1", "RiskAssessment.prediction",
     {"probabilityRange": {"low": {"code": "%", "system": UCUM}}},
     {"probabilityRange": {"low": {"code": "mg", "system": UCUM}}}),
    ("ras-2", "RiskAssessment.prediction", {"probabilityDecimal": Decimal("99.5")},
     {"probabilityDecimal": 101}),
    ("rat-1", "Ratio", {"numerator": {}, "denominator": {}}, {"numerator": {}}),
    ("rat-1", "Ratio", {"extension": [{}]}, {"denominator": {}}),
    ("rng-2", "Range", {"low": {"value": 1}, "high": {"value": 2}},
     {"low": {"value": Decimal("2.0")}, "high": {"value": 1}}),
    ("rng-2", "Range", {"low": {"value": 5, "unit": "mg"}, "high": {"value": 1, "unit": "g"}},
     {"low": {"value": 5, "unit": "mg"}, "high": {"value": 1, "unit": "mg"}}),
    ("rqg-1", "RequestGroup.action", {"resource": {}}, {"resource": {}, "action": [{}]}),
    ("sev-1", "AuditEvent.entity", {"name": "x"}, {"name": "x", "query": "AA=="}),
    ("sqty-1", "SimpleQuantity", {"value": 1}, {"value": 1, "comparator": "<"}),
    ("tim-1", "Timing.repeat", {"duration": 1, "durationUnit": "h"}, {"duration": 1}),
    ("tim-2", "Timing.repeat", {"period": 1, "periodUnit": "h"}, {"period": 1}),
    ("tim-4", "Timing.repeat", {"duration": 0}, {"duration": -1}),
    ("tim-5", "Timing.repeat", {"period": 0}, {"period": Decimal("-0.5")}),
    ("tim-6", "Timing.repeat", {"period": 1, "periodMax": 2}, {"periodMax": 2}),
    ("tim-7", "Timing.repeat", {"duration": 1, "durationMax": 2}, {"durationMax": 2}),
    ("tim-8", "Timing.repeat", {"count": 1, "countMax": 2}, {"countMax": 2}),
    ("tim-9", "Timing.repeat", {"offset": 5, "when": ["ACM"]}, {"offset": 5, "when": ["CM"]}),
    ("tim-10", "Timing.repeat", {"when": ["ACM"]}, {"when": ["ACM"], "timeOfDay": ["10:00:00"]}),
    ("trd-1", "TriggerDefinition", {"data": [{}]}, {"data": [{}], "timingDate": "2020"}),
    ("vsd-1", "ValueSet.compose.include", {"system": "x"}, {"version": "1"}),
]  # fmt: skip


@pytest.mark.parametrize(("key", "name", "good", "bad"), CASES)
def test_a_constraint_holds_and_fails(key: str, name: str, good: Json, bad: Json) -> None:
    (rule,) = [rule for rule in invariants_of(name) if rule.key == key]

    assert not rule.broken(good)
    assert rule.broken(bad)
    assert rule.text.endswith(f"({key})")


def test_warnings_are_told_apart() -> None:
    severities = {i.key: i.severity for i in (*invariants_of("Condition"), *invariants_of("Range"))}
    assert severities["con-3"] == severities["dom-6"] == "warning"
    assert severities["con-4"] == severities["rng-2"] == "error"


@cache
def constraints() -> dict[tuple[str, str], str]:
    """FHIRPath by (type or element, key), as the definitions have it."""
    found = {}
    for definition in read(examples.folder("fhir-r4-core"), "StructureDefinition"):
        root = definition["type"]
        for element in definition.get("snapshot", {}).get("element", ()):
            path = definition["id"] + element["path"][len(root) :]
            for constraint in element.get("constraint", ()):
                found[path, constraint["key"]] = constraint.get("expression", "")
    return found


def test_every_constraint_is_compiled_or_listed() -> None:
    types = table("r4.json.gz")["types"]
    compiled = {row[0] for rows in table("r4-invariants.json.gz")["invariants"].values()
                for row in rows}  # fmt: skip
    known = {k for (path, k), _ in constraints().items() if path.partition(".")[0] in types}

    assert known == compiled | BY_HAND.keys() | NOT_CHECKED.keys()
    assert len(compiled) > 220


def fragments(value: Json, name: str) -> Iterator[tuple[str, Json]]:
    """Every object of a resource with its type or element."""
    definition = type_of(name)
    yield name, value
    for key, item in value.items():
        element = definition.elements.get(key)
        for one in item if isinstance(item, list) else [item]:
            if element is not None and isinstance(one, dict):
                kind = one["resourceType"] if element.type == "Resource" else element.type
                yield from fragments(one, kind)


# Where we mean to differ: dates and quantities that cannot be compared are left alone, a text
# function finds nothing in nothing, `matches` (names, *-0) is about the whole text.
OURS = {"per-1", "rng-2", "mdd-1", "inv-1", "bdl-8", "tim-9", *AMENDED}


@pytest.mark.slow
def test_the_same_is_said_by_another_library() -> None:
    chance = random.Random(5)  # noqa: S311
    asked: dict[tuple[str, str], int] = {}
    said = {True: 0, False: 0}
    for path in examples.files("hl7-r4-examples"):
        resource = examples.resource(path)
        for name, value in fragments(resource, resource["resourceType"]):
            for rule in invariants_of(name):
                expression = constraints().get((name, rule.key))
                if expression is None or rule.key in OURS or "hasValue" in expression:
                    continue  # the library has no hasValue
                if rule.key.endswith("-0") or asked.get((name, rule.key), 0) > 8:
                    continue
                asked[name, rule.key] = asked.get((name, rule.key), 0) + 1
                for one in (value, _poorer(value, chance)):
                    ours = not rule.broken(one)
                    assert ours == _theirs(name, expression, one), (path.name, name, rule.key)
                    said[ours] += 1
    assert said[True] > 1000
    assert said[False] > 50


def _poorer(value: Json, chance: random.Random) -> Json:
    """The object without one of its elements."""
    left = dict(value)
    left.pop(chance.choice([k for k in left if k != "resourceType"] or ["none"]), None)
    return left


@cache
def _parsed(expression: str) -> Any:
    return parse(expression)


def _theirs(name: str, expression: str, value: Json) -> bool:
    node = ResourceNode.create_node(copy.deepcopy(value), name)
    context = {"resource": node, "rootResource": node, "ucum": UCUM}
    answer: list[Any] = apply_parsed_path(node, _parsed(expression), context, models["r4"])
    return answer == [True]


def test_a_resource_tells_its_broken_constraints_where_they_are() -> None:
    resource = read_object(
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"component":[{"code":'
        b'{"text":"y"},"valueRange":{"low":{"value":2.0},"high":{"value":1}}}],'
        b'"effectivePeriod":{"start":"2021","end":"2020"}}'
    )
    assert {(i.expression, i.text.rpartition(" ")[2]) for i in validate(resource)} == {
        ("Observation.component[0].valueRange", "(rng-2)"),
        ("Observation.effectivePeriod", "(per-1)"),
    }


@pytest.mark.parametrize(
    "text", ["a.resolve()", "a ~ b", "%context.a", "a.where(", "a b", "$index > 1", "a.b)"]
)
def test_what_is_outside_the_subset_is_not_compiled_by_halves(text: str) -> None:
    with pytest.raises((UnsupportedError, IndexError)):
        Reader(text, "Patient", table("r4.json.gz")["types"]).read()
