"""Scopes with search criteria: which can be judged, and what they leave."""

from __future__ import annotations

import pytest

from dmp.domain.scopes import parsed
from dmp.fhir import scope_criteria

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
LAB = {
    "resourceType": "Observation",
    "status": "final",
    "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
    "meta": {"security": [{"system": "urn:l", "code": "N"}]},
}


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        (f"category={CATEGORY}|laboratory", True),
        ("category=laboratory", True),
        ("category=vital-signs", False),
        ("category=vital-signs,laboratory", True),
        ("category=vital-signs&category=laboratory", False),
        ("category=laboratory&code=2339-0", True),
        ("category=laboratory&code=x", False),
        ("code=http://loinc.org|2339-0", True),
        ("_security=urn:l|N", True),
    ],
)
def test_all_criteria_of_a_scope_must_hold(criteria: str, expected: bool) -> None:
    word = f"patient/Observation.rs?{criteria}"
    (scope,) = parsed([word])

    assert scope_criteria.fault([word]) == ""
    assert scope_criteria.holds(LAB, [scope.restriction]) is expected
    assert scope_criteria.holds(LAB, [(("category", "none"),), scope.restriction]) is expected


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("patient/Observation.rs?category:not=laboratory", "no modifier or chain"),
        ("patient/Observation.rs?subject.name=x", "no modifier or chain"),
        ("patient/Observation.rs?_has:Provenance:target:agent=x", "no modifier or chain"),
        ("patient/Observation.rs?_count=1", "parameter that the type has not"),
        ("patient/Observation.rs?_include=x", "parameter that the type has not"),
        ("patient/Observation.rs?colour=blue", "parameter that the type has not"),
        ("patient/Observation.rs?date=ap2024", "how near"),
        ("patient/Observation.rs?date=yesterday", "a date is"),
        ("patient/Observation.rs?category=a|b|c", "a token is"),
        ("patient/*.rs?category=laboratory", "parameter that the type has not"),
        ("patient/AuditEvent.rs?date=2024", "not one of a record's"),
        ("patient/Unknown.rs?date=2024", "not one of a record's"),
    ],
)
def test_what_could_not_be_judged_is_refused_by_name(word: str, told: str) -> None:
    assert told in scope_criteria.fault(["openid", "patient/Patient.r", word])


def test_criteria_of_every_type_are_those_that_every_type_has() -> None:
    assert scope_criteria.fault(["patient/*.rs?_security=urn:l|N&_tag=a"]) == ""
