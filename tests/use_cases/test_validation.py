"""$validate of whatever is sent: issues, or a refusal of the form, and never anything else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.domain.refusals import NotFound, Refusal
from dmp.fhir.json_reader import write
from dmp.fhir.validator import validate
from dmp.use_cases.validation import validated
from tests.fhir import examples
from tests.fhir.test_anything import ANYTHING, _slots

Json = dict[str, Any]
RESOURCES = [
    examples.example(name)
    for name in ("Observation-ekg", "Patient-f201", "Bundle-bundle-references")
]
PARAMETERS: Json = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "resource", "resource": RESOURCES[0]},
        {"name": "mode", "valueCode": "create"},
        {"name": "profile", "valueUri": "http://example.org/any"},
    ],
}


@settings(max_examples=300)
@given(st.sampled_from([PARAMETERS, *RESOURCES]), st.integers(0, 10**6), ANYTHING)
def test_nothing_else_is_raised(original: Json, at: int, new: Any) -> None:
    changed = copy.deepcopy(original)
    slots = _slots(changed)
    container, key = slots[at % len(slots)]
    container[key] = new
    try:
        issues = validated("Observation", write(changed), [("mode", "update")])
    except Refusal:
        return
    assert issues
    assert all(issue.text and issue.code for issue in issues)


def test_a_profile_may_be_an_extension_alone() -> None:
    resource = {
        **RESOURCES[0],
        "meta": {
            "profile": [None],
            "_profile": [{"extension": [{"url": "http://example.org/x", "valueString": "y"}]}],
        },
    }
    assert validate(resource) == []
    (issue,) = validated("Observation", write(resource), [])
    assert issue.severity == "information"


@pytest.mark.parametrize("kind", ["Nothing", "", "observation", "Element"])
def test_a_type_that_r4_does_not_have_is_not_found(kind: str) -> None:
    with pytest.raises(NotFound):
        validated(kind, b"{}", [])
