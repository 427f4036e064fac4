"""Searches: values, modifiers, prefixes, order, and what is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.domain.refusals import BadParameter
from dmp.fhir.search import Reading, matches, parse, patients_named
from dmp.fhir.search_order import ordered

Json = dict[str, Any]
LOINC = "http://loinc.org"
OBSERVATION: Json = {
    "resourceType": "Observation",
    "id": "o1",
    "meta": {
        "lastUpdated": "2026-02-03T10:00:00.123Z",
        "tag": [{"system": "urn:t", "code": "x"}],
        "profile": ["http://example.org/p"],
    },
    "status": "final",
    "identifier": [
        {
            "system": "urn:lab",
            "value": "A|1,2",
            "type": {"coding": [{"system": "urn:k", "code": "ACSN"}], "text": "Numéro"},
        }
    ],
    "category": [{"coding": [{"system": "urn:c", "code": "vital-signs"}, {"code": "local"}]}],
    "code": {"coding": [{"system": LOINC, "code": "8302-2", "display": "Taille"}], "text": "Corps"},
    "subject": {
        "reference": "Patient/p1",
        "identifier": {"system": "urn:ma:cin", "value": "AB1"},
    },
    "encounter": {"reference": "https://dmp.example/fhir/Encounter/e1/_history/3"},
    "performer": [{"reference": "http://other.example/fhir/Practitioner/d1"}],
    "effectivePeriod": {"start": "2015-03-01", "end": "2015-03-31"},
    "valueQuantity": {
        "value": Decimal("172.50"),
        "unit": "centimètre",
        "system": "http://unitsofmeasure.org",
        "code": "cm",
    },
}
PATIENT: Json = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [{"family": "Benjelloun", "given": ["Amélie", "Zineb"]}, {"text": "أمينة"}],
    "address": [{"line": ["12 rue d'Agadir"], "city": "Fès"}],
    "telecom": [{"system": "phone", "value": "+212600000001"}, {"system": "email", "value": "a@b"}],
    "birthDate": "1980-05",
    "generalPractitioner": [{"reference": "Practitioner/d1"}],
}
BASE = Reading(base="https://dmp.example/fhir", now=datetime(2026, 1, 1, tzinfo=UTC))

TRUE = [
    "_id=o1", "_id=x,o1", "_lastUpdated=2026-02-03", "_tag=urn:t|x", "_profile=http://example.org/p",
    "status=final", "status=http://hl7.org/fhir/observation-status|final", "status:not=amended",
    "identifier=urn:lab|A\\|1\\,2", "identifier=A\\|1\\,2", "identifier=urn:lab|",
    "identifier:of-type=urn:k|ACSN|A\\|1\\,2", "identifier:text=numero",
    "category=vital-signs", "category=urn:c|vital-signs", "category=|local", "category=none,local",
    "code=http://loinc.org|8302-2", "code=8302-2", "code:text=taille", "code:text=CORPS",
    "subject=Patient/p1", "subject=p1", "subject:Patient=p1", "patient=p1", "patient=Patient/p1",
    "patient=https://dmp.example/fhir/Patient/p1", "subject:identifier=urn:ma:cin|AB1",
    "encounter=e1", "encounter=Encounter/e1", "encounter=https://dmp.example/fhir/Encounter/e1",
    "performer=http://other.example/fhir/Practitioner/d1",
    "date=2015-03", "date=2015", "date=ge2015-03-15", "date=le2015-03-15", "date=gt2015-03-01",
    "date=lt2015-03-31", "date=ne2015-03-01", "date=sa2015-02-28", "date=eb2015-04-01",
    "date=ap2015-03-10", "date=ap2015-06", "date=2015-02,2015-03",
    "value-quantity=172.5", "value-quantity=172.50", "value-quantity=173", "value-quantity=1.7e2",
    "value-quantity=gt172", "value-quantity=le172.50||cm", "value-quantity=ap170",
    "value-quantity=172.5|http://unitsofmeasure.org|cm", "value-quantity=172.5||centimètre",
    "value-quantity=ne180", "component-code:missing=true", "status:missing=false",
]  # fmt: skip
FALSE = [
    "_id=o2", "_id=O1", "_lastUpdated=2026-02-04", "_tag=urn:t|y", "_profile=http://example.org/P",
    "status=fin", "status=urn:x|final", "status=|final", "status:not=final", "status:not=x,final",
    "identifier=urn:x|A\\|1\\,2", "identifier=A", "identifier:of-type=urn:k|MR|A\\|1\\,2",
    "category=|vital-signs", "category=urn:c|local", "code=LOINC|8302-2", "code:text=stature",
    "subject=Patient/p2", "subject=Group/p1", "subject:Group=p1", "patient=p2",
    "patient=https://other.example/fhir/Patient/p1", "subject:identifier=AB2",
    "performer=Practitioner/d1", "performer=d1",
    "date=2015-03-15", "date=2014", "date=gt2015-03-31", "date=lt2015-03-01", "date=sa2015-03-01",
    "date=eb2015-03-31", "date=ne2015", "date=ap2026",
    "value-quantity=172", "value-quantity=172.51", "value-quantity=gt172.5", "value-quantity=180",
    "value-quantity=172.5||kg", "value-quantity=172.5|urn:x|cm", "value-quantity=ne172.5",
    "component-code:missing=false", "status:missing=true",
]  # fmt: skip


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (p.partition("=") for p in query.split("&"))]


@pytest.mark.parametrize("query", TRUE)
def test_found(query: str) -> None:
    assert matches(parse("Observation", _pairs(query), BASE), OBSERVATION)


@pytest.mark.parametrize("query", FALSE)
def test_not_found(query: str) -> None:
    assert not matches(parse("Observation", _pairs(query), BASE), OBSERVATION)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("name=benj", True), ("name=BENJELLOUN", True), ("name=amelie", True), ("name=line", False),
        ("name:contains=MELI", True), ("name:exact=Amélie", True), ("name:exact=Amelie", False),
        ("family=zineb", False), ("given=zineb", True), ("name=أمينة", True),
        ("address=12 rue", True), ("address-city=fes", True), ("address-city=rabat", False),
        ("phone=+212600000001", True), ("email=+212600000001", False), ("telecom=a@b", True),
        ("birthdate=1980-05", True), ("birthdate=1980", True), ("birthdate=1980-05-10", False),
        ("birthdate=lt1980-06", True), ("active=true", True), ("active=false", False),
        ("deceased=false", True), ("deceased=true", False), ("general-practitioner=d1", True),
        ("gender:missing=true", True), ("gender:not=male", True),
    ],
)  # fmt: skip
def test_patient_searches(query: str, expected: bool) -> None:
    assert matches(parse("Patient", _pairs(query)), PATIENT) is expected


def test_places_are_near_within_a_distance() -> None:
    rabat: Json = {
        "resourceType": "Location",
        "position": {"latitude": Decimal("34.0209"), "longitude": Decimal("-6.8416")},
    }

    def near(value: str) -> bool:
        return matches(parse("Location", [("near", value)]), rabat)

    casablanca = "33.5731|-7.5898"  # 85.1 km away
    assert near("34.02|-6.84")
    assert not near(casablanca)
    assert near(f"{casablanca}|86")
    assert not near(f"{casablanca}|84|km")
    assert near(f"{casablanca}|53|[mi_i]")
    assert near(f"{casablanca}|86000|m,0|0")
    assert not matches(parse("Location", [("near", "34|-6")]), {"resourceType": "Location"})
    assert matches(parse("Location", [("near:missing", "false")]), rabat)
    for wrong in ("34", "91|0", "0|181", "a|b", "0|0|x", "0|0|1|kg", "0|0|-1", "0|0|1|m|", "nan|0"):
        with pytest.raises(BadParameter):
            near(wrong)


def test_every_criterion_must_hold_and_the_type_too() -> None:
    query = parse("Observation", _pairs("status=final&code=8302-2&date=ge2015&date=lt2016"))
    assert matches(query, OBSERVATION)
    assert not matches(parse("Observation", _pairs("status=final&code=x")), OBSERVATION)
    assert not matches(parse("Patient", []), OBSERVATION)


REFUSED = [
    ("foo=1", "foo", "has no such search parameter"), ("status:up=x", "status:up", ":not"),
    ("status:above=x", "status:above", "terminology"), ("code:in=x", "code:in", "terminology"),
    ("code:not-in=x", "code:not-in", "terminology"), ("code:below=x", "code:", "terminology"),
    ("date:exact=2015", "date:exact", ":missing"), ("subject:Medication=1", "subject:", "Patient"),
    ("subject:Foo=1", "subject:Foo", ":identifier"), ("status=", "status", "empty"),
    ("status=a,,b", "status", "empty"), ("status:missing=x", "status:missing", "true or false"),
    ("date=2015-13", "date", "YYYY"), ("date=15", "date", "YYYY"), ("date=xx2015", "date", "YYYY"),
    ("date=2015-02-30", "date", "YYYY"), ("value-quantity=abc", "value-quantity", "number"),
    ("value-quantity=1|cm", "value-quantity", "system|code"),
    ("value-quantity=1e999", "value-quantity", "exponent"), ("code=a|b|c", "code", "system|code"),
    ("code=|", "code", "needs"), ("identifier:of-type=a|b", "identifier:of-type", "type-code"),
    ("subject.nom=x", "subject.nom", "cannot be searched"), ("_has:x:y:z=1", "_has", "not served"),
    ("status.name=x", "status.name", "reference"), ("subject.birthdate=x", "subject.", "YYYY"),
    ("subject:Medication.code=x", "subject:", "target"), ("_has:Observation=1", "_has", "Type:"),
    ("_has:Observation:code:code=1", "_has", "refers by"), ("_has=1", "_has", "not served"),
    ("_has:Coverage:payor:status=1", "_has", "does not refer"), ("_filter=1", "_filter", "served"),
    ("a.b.c.d.e.f.g=1", "a.b", "links"), ("code-value-quantity=1", "code-v", "token$quantity"),
    ("code-value-quantity=1$", "code-v", "token$"),
    ("code-value-quantity:exact=1$2", "code-v", ":m"),
    ("_include=Observation", "_include", "Type:parameter"),
    ("_include:up=*", "_include:", "iterate"),
    ("_include=Foo:bar", "_include", "served"), ("_include=Observation:foo", "_inc", "refers by"),
    ("_include=Encounter:subject", "_include", "iterate"), ("_revinclude=*", "_rev", "Type:"),
    ("_include=Observation:subject:Claim", "_inc", "target"),
    ("_sort=code-value-date", "_sort", ""),
    ("_revinclude=Coverage:payor", "_rev", "does not refer"),
    ("_elements=foo", "_elem", "top-level"),
    ("_revinclude=Provenance:target:Patient", "_rev", "the target"),
    ("_summary=text&_include=*", "_summary", "takes no"),
    ("_summary=true&_elements=id", "_el", "or"),
    ("value-quantity=1|s|", "value-quantity", "code"),
    ("_sort=" + ",".join(["date"] * 11), "_s", "10"),
    ("_count=-1", "_count", "whole"), ("_count=x", "_count", "whole"), ("_sort=foo", "_sort", ""),
    ("subject:Patient=Group/1", "subject:Patient", "reference to Patient"),
    ("_count=1&_count=2", "_count", "once"), ("_total=yes", "_total", "accurate"),
    ("_summary=x", "_summary", "count"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "name", "text"), REFUSED)
def test_refused_by_name(query: str, name: str, text: str) -> None:
    with pytest.raises(BadParameter) as refused:
        parse("Observation", _pairs(query))
    (issue,) = refused.value.issues
    assert (issue.expression or "").startswith(name)
    assert text in issue.text


def test_no_value_is_repeated() -> None:
    for query in ("code=a|b|Zz-canary", "date=Zz-canary", "_count=Zz-canary", "_sort=Zz-canary"):
        with pytest.raises(BadParameter) as refused:
            parse("Observation", _pairs(query))
        assert "canary" not in repr(refused.value.issues)


def test_lenient_reading_skips_and_tells_what_it_does_not_know() -> None:
    query = parse("Observation", _pairs("foo=1&status=final"), Reading(lenient=True))
    assert query.unknown == ("foo",)
    assert [c.name for c in query.criteria] == ["status"]


def test_result_parameters() -> None:
    query = parse(
        "Observation",
        _pairs("_count=50&_total=none&_summary=false&_elements=id,code&_format=json&_sort=-date"),
    )
    assert (query.count, query.total, query.summary) == (50, "none", "false")
    assert query.elements == ("id", "code")
    assert [(p.code, descending) for p, descending in query.sort] == [("date", True)]


def test_the_patients_that_a_query_names() -> None:
    def named(kind: str, query: str) -> set[str]:
        return patients_named(kind, _pairs(query), "https://x/fhir")

    assert named("Observation", "patient=a&subject=https://x/fhir/Patient/c") == {"a", "c"}
    assert named("Observation", "subject:Patient=a&patient=Patient/a") == {"a"}
    assert named("Observation", "subject=a") == {"a"}
    assert named("Observation", "subject=Group/a&performer=Practitioner/a") == set()
    assert named("Observation", "patient=https://other/fhir/Patient/c") == set()
    assert named("Patient", "_id=a&link=b") == {"a"}
    assert named("Observation", "_id=a") == set()


def test_order_by_references_numbers_and_uris() -> None:
    def made(own: str, subject: str, value: int, profile: str) -> Json:
        return {
            "resourceType": "Observation",
            "id": own,
            "subject": {"reference": subject},
            "valueQuantity": {"value": value},
            "meta": {"profile": [profile]},
        }

    all_ = [made("a", "Patient/2", 10, "u"), made("b", "Patient/1", 9, "w")]
    for sort in ("subject", "value-quantity", "-_profile"):
        found = ordered(parse("Observation", [("_sort", sort)]), all_)
        assert [r["id"] for r in found] == ["b", "a"], sort


def test_order() -> None:
    def made(own: str, day: str | None, status: str) -> Json:
        dated = {"effectiveDateTime": day} if day else {}
        return {"resourceType": "Observation", "id": own, "status": status, **dated}

    all_ = [made("a", "2020", "x"), made("b", None, "y"), made("c", "2021-01", "x"),
            made("d", "2019-05-05", "y")]  # fmt: skip

    def order(sort: str) -> str:
        found = ordered(parse("Observation", [("_sort", sort)]), all_)
        return "".join(r["id"] for r in found)

    assert order("date") == "dacb"
    assert order("-date") == "cadb"
    assert order("status,-date") == "cadb"
    assert order("-status,date") == "dbac"
    assert order("_id") == "abcd"
    assert order("subject,value-quantity,-_profile") == "abcd"
    assert ordered(parse("Observation", []), all_) == all_


@given(st.text(max_size=12), st.text(max_size=20))
def test_any_pair_is_parsed_or_refused(name: str, value: str) -> None:
    for resource_type in ("Observation", "Patient"):
        try:
            query = parse(resource_type, [(name, value), ("date", value), ("code", value)])
        except BadParameter:
            continue
        matches(query, OBSERVATION)


WORDS = st.lists(
    st.sampled_from(
        ["_has", "Observation", "Patient", "Medication", "subject", "patient", "code", "encounter",
         "assessed-condition", "DiagnosticReport", "_include", "_revinclude", "iterate", "missing",
         "value-quantity", "code-value-quantity", "_id", "Substance", "*", "of-type", "Foo", ""]
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip
MARKS = st.sampled_from([":", ".", "::", "..", "|", "$", ","])


@settings(max_examples=500)
@given(st.sampled_from(["Observation", "Patient", "DiagnosticReport"]), WORDS, WORDS, MARKS, MARKS)
def test_any_chain_or_include_is_parsed_or_refused(
    kind: str, name: list[str], value: list[str], one: str, other: str
) -> None:
    for names in (one.join(name), f"_include:{one.join(name)}", f"subject.{one.join(name)}"):
        for text in (other.join(value), f"{other.join(value)}|1|http://unitsofmeasure.org|m"):
            for pair in ((names, text), ("_include", text), ("_revinclude", text)):
                try:
                    query = parse(kind, [pair], BASE)
                except BadParameter:
                    continue
                matches(query, OBSERVATION)
                matches(query, PATIENT)


PARTS = st.text(alphabet="ab|,\\$é ", min_size=1, max_size=8)


@given(PARTS, PARTS)
def test_escaped_values_are_found_whole(system: str, code: str) -> None:
    def escaped(text: str) -> str:
        return "".join("\\" + c if c in "\\|,$" else c for c in text)

    coding = {"system": system, "code": code}
    resource = {"resourceType": "Observation", "code": {"coding": [coding]}}
    query = parse("Observation", [("code", f"{escaped(system)}|{escaped(code)}")])
    assert matches(query, resource)
