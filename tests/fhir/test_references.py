"""References found with their places, and replaced wherever R4 says so."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from dmp.fhir.bundle import entries_of, names_of
from dmp.fhir.json_reader import write
from dmp.fhir.references import conditional_references, rewrite, unresolved
from dmp.fhir.validator import validate
from tests.fhir import examples

Json = dict[str, Any]
URN = "urn:uuid:3f1a4b0e-0000-4000-8000-000000000001"
OTHER = "urn:uuid:3f1a4b0e-0000-4000-8000-000000000002"
MAPPING = {URN: "Patient/new", "Practitioner?identifier=s|1": "Practitioner/p", "Patient/old": "P"}
NS = 'xmlns="http://www.w3.org/1999/xhtml"'

REWRITTEN: dict[str, tuple[Json, Json]] = {
    "a reference": ({"subject": {"reference": URN}}, {"subject": {"reference": "Patient/new"}}),
    "its fragment is kept": (
        {"subject": {"reference": URN + "#x"}}, {"subject": {"reference": "Patient/new#x"}}
    ),
    "a conditional one": (
        {"performer": [{"reference": "Practitioner?identifier=s|1"}]},
        {"performer": [{"reference": "Practitioner/p"}]},
    ),
    "a relative one": ({"subject": {"reference": "Patient/old"}}, {"subject": {"reference": "P"}}),
    "a uri": (
        {"extension": [{"url": "u", "valueUri": URN}]},
        {"extension": [{"url": "u", "valueUri": "Patient/new"}]},
    ),
    "a canonical with a version": (
        {"meta": {"profile": [URN + "|1"]}}, {"meta": {"profile": ["Patient/new|1"]}}
    ),
    "a reference in what is contained": (
        {"contained": [{"resourceType": "Provenance", "target": [{"reference": URN}]}]},
        {"contained": [{"resourceType": "Provenance", "target": [{"reference": "Patient/new"}]}]},
    ),
    "a reference in a primitive's extension": (
        {"_status": {"extension": [{"url": "u", "valueReference": {"reference": URN}}]}},
        {"_status": {"extension": [{"url": "u", "valueReference": {"reference": "Patient/new"}}]}},
    ),
    "links in narrative": (
        {"text": {"div": f"<div {NS}><a href='{URN}'>{URN}</a><img src=\"{OTHER}\"/></div>"}},
        {"text": {"div": f"<div {NS}><a href='Patient/new'>{URN}</a><img src=\"{OTHER}\"/></div>"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), REWRITTEN.values(), ids=REWRITTEN.keys())
def test_rewritten(before: Json, after: Json) -> None:
    original = {"resourceType": "Observation", **before}
    kept = copy.deepcopy(original)
    assert rewrite(original, MAPPING) == {"resourceType": "Observation", **after}
    assert original == kept


UNCHANGED: dict[str, Json] = {
    "a string": {"identifier": [{"value": URN}], "valueString": URN},
    "another urn": {"subject": {"reference": OTHER}},
    "a longer urn": {"subject": {"reference": URN + "0"}},
    "text of a narrative": {"text": {"div": f"<div {NS}>{URN}</div>"}},
    "a wrong shape": {"subject": [[URN]], "contained": [{"resourceType": "X"}, 5], "text": URN},
}


@pytest.mark.parametrize("elements", UNCHANGED.values(), ids=UNCHANGED.keys())
def test_what_is_unchanged_is_the_same_object(elements: Json) -> None:
    original = {"resourceType": "Observation", **elements}
    assert rewrite(original, MAPPING) is original


def test_untouched_parts_are_shared() -> None:
    original = {"resourceType": "Observation", "code": {"text": "x"}, "subject": {"reference": URN}}
    assert rewrite(original, MAPPING)["code"] is original["code"]


def test_conditional_references_are_listed_with_each_use() -> None:
    criteria = "Practitioner?identifier=s|1"
    resource = {
        "resourceType": "Observation",
        "performer": [{"reference": "Practitioner/1"}, {"reference": criteria}],
        "contained": [{"resourceType": "Basic", "author": {"reference": criteria}}],
        "note": [{"text": "is this a reference?"}],
        "subject": {"reference": "http://example.org/Patient?x=y"},
    }
    assert conditional_references([(4, resource)]) == {
        criteria: [
            "Bundle.entry[4].resource.performer[1].reference",
            "Bundle.entry[4].resource.contained[0].author.reference",
        ]
    }


def test_broken_internal_references_are_placed() -> None:
    resource = {"subject": {"reference": URN + "#x"}, "focus": [{"reference": OTHER}]}
    (issue,) = unresolved([(7, resource)], {URN})
    assert issue.expression == "Bundle.entry[7].resource.focus[0].reference"
    assert OTHER not in issue.text


def test_real_transactions_resolve_and_stay_valid() -> None:
    for path in examples.files("synthea"):
        entries = entries_of(examples.resource(path))
        resources = [(e.index, e.resource) for e in entries if e.resource]
        mapping = {
            name: f"{e.resource['resourceType']}/new-{e.index}"
            for e in entries
            if e.resource
            for name in names_of(e)
        }
        criteria = conditional_references(resources)
        mapping |= {text: f"{text.partition('?')[0]}/found" for text in criteria}
        assert unresolved(resources, mapping) == []
        for _, resource in resources:
            made = rewrite(resource, mapping)
            assert validate(made) == []
            assert not [r for r in _references(made) if r.startswith("urn:") or "?" in r]


def _references(value: Any) -> list[str]:
    found: list[str] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        found.extend(v for k, v in pairs if k == "reference" and isinstance(v, str))

    json.loads(write(value), object_pairs_hook=keep)
    return [r for r in found if not r.startswith("#")]
