"""What the text of R4 asks of values beyond their type: codes, uris, markup, sizes, ids, links."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from dmp.fhir.validator import validate

Json = dict[str, Any]
TWO = "urn:uuid:00000000-0000-4000-8000-00000000000"
OBSERVATION: Json = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
DATA = b"bonjour"
ATTACHED: Json = {
    "contentType": "text/plain",
    "data": base64.b64encode(DATA).decode(),
    "size": len(DATA),
    "hash": base64.b64encode(hashlib.sha1(DATA, usedforsecurity=False).digest()).decode(),
}


def told(resource: Json) -> list[str | None]:
    return [issue.expression for issue in validate(resource)]


def media(**changes: Any) -> Json:
    return {"resourceType": "Media", "status": "completed", "content": {**ATTACHED, **changes}}


def test_an_attachment_is_what_it_says() -> None:
    assert told(media()) == []
    assert told(media(size=8)) == ["Media.content.size"]
    assert told(media(hash="AAAA")) == ["Media.content.hash"]
    assert told(media(data="not base64")) == ["Media.content.data"]
    assert told(media(contentType="blue/green")) == ["Media.content.contentType"]


@pytest.mark.parametrize(
    ("element", "good", "bad"),
    [
        ("language", ["fr", "ar-MA", "zgh", "zgh-Tfng-MA", "en-US-x-own", "x-own", "FR"],
         ["xx", "francais-", "f", "ar_MA", "e", "en-"]),
        ("implicitRules", ["http://a/b", "urn:uuid:00000000-0000-4000-8000-00000000000A",
                           "urn:oid:1.2.3", "urn:uuid:00000000-0000-4000-8000-000000000001#x"],
         ["urn:uuid:1", "urn:oid:1.02", "urn:oid:9.1", "a b"]),
    ],
)  # fmt: skip
def test_codes_and_uris_have_their_form(element: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        assert told({**OBSERVATION, element: value}) == [], value
    for value in bad:
        assert told({**OBSERVATION, element: value}) == [f"Observation.{element}"], value


def test_currencies_are_those_of_iso() -> None:
    def invoice(code: str) -> Json:
        money = {"value": 300, "currency": code}
        return {"resourceType": "Invoice", "status": "issued", "totalNet": money}

    assert told(invoice("MAD")) == []
    for code in ("DHS", "mad", "D"):
        assert told(invoice(code)) == ["Invoice.totalNet.currency"], code


def test_a_system_is_absolute_and_r4s_own_are_closed() -> None:
    def coded(system: str, code: str) -> Json:
        return {**OBSERVATION, "method": {"coding": [{"system": system, "code": code}]}}

    place = "Observation.method.coding[0]"
    assert told(coded("http://example.org/any", "x")) == []
    assert told(coded("http://terminology.hl7.org/CodeSystem/v3-ActCode", "newer")) == []
    assert told(coded("http://hl7.org/fhir/allergy-intolerance-type", "allergy")) == []
    assert told(coded("http://hl7.org/fhir/observation-status", "no")) == [f"{place}.code"]
    assert told(coded("loinc", "x")) == [f"{place}.system"]
    assert told(coded("#local", "x")) == [f"{place}.system"]


@pytest.mark.parametrize(
    ("text", "string", "markdown"),
    [
        ("taux < 3 et > 1", True, True),
        ("Hb <LOD", True, True),
        ("a <b>b</b>", False, True),
        ("a <!-- b -->", False, True),
        ("<resource type>", True, True),
        ("<any onclick=y()>", False, False),
        ("a<br/>b", False, True),
        ("x <script>y()</script>", False, False),
        ("x < script src=y", False, False),
        ('<img src="x" onerror="y()">', False, False),
        ("[x](javascript:y)", True, False),
        ("<", True, True),
    ],
)
def test_markup_in_text(text: str, string: bool, markdown: bool) -> None:
    noted = {**OBSERVATION, "note": [{"text": text}]}
    assert (told({**OBSERVATION, "valueString": text}) == []) == string
    assert (told(noted) == []) == markdown


def test_an_id_is_used_once_in_a_resource() -> None:
    named = {"id": "a", "text": "x"}
    assert told({**OBSERVATION, "code": named, "method": {**named, "id": "b"}}) == []
    assert told({**OBSERVATION, "code": named, "method": named}) == ["Observation.method.id"]
    inner = {"resourceType": "Specimen", "id": "s", "type": named}
    linked = {**OBSERVATION, "contained": [inner], "specimen": {"reference": "#s"}, "code": named}
    assert told(linked) == []


def test_what_is_contained_is_referred_to() -> None:
    def containing(*contained: Json, **more: Any) -> Json:
        return {**OBSERVATION, "contained": list(contained), **more}

    one: Json = {"resourceType": "Device", "id": "d"}
    used = {"device": {"reference": "#d"}}
    assert told(containing(one, **used)) == []
    assert told(containing(one)) == ["Observation.contained[0]"]
    assert told(containing(one, one, **used)) == ["Observation.contained[1]"]
    assert told(containing({"resourceType": "Device"})) == ["Observation.contained[0]"]
    upward = {"resourceType": "Provenance", "id": "p", "recorded": "2026-01-01T00:00:00Z",
              "target": [{"reference": "#"}], "agent": [{"who": {"display": "x"}}]}  # fmt: skip
    assert told(containing(upward)) == []
    uri = {"extension": [{"url": "http://example.org/x", "valueUri": "#d"}]}
    assert told(containing(one, **uri)) == []
    assert told({**OBSERVATION, **used}) == ["Observation.device.reference"]


def bundle(kind: str, *entries: Json, **more: Any) -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries), **more}


PATIENT = {"resourceType": "Patient", "id": "1"}


@pytest.mark.parametrize(
    ("resource", "places"),
    [
        (bundle("collection", {"fullUrl": "Patient/1", "resource": PATIENT}),
         ["Bundle.entry[0].fullUrl"]),
        (bundle("collection", {"fullUrl": "http://a/Patient/2", "resource": PATIENT}),
         ["Bundle.entry[0].fullUrl"]),
        (bundle("collection", {"fullUrl": "http://a/Patient/1", "resource": PATIENT}), []),
        (bundle("collection", {"fullUrl": "http://a/any", "resource": PATIENT}), []),
        (bundle("searchset", {"resource": {"resourceType": "Patient"}}),
         ["Bundle.entry[0].resource"]),
        (bundle("searchset", {"resource": PATIENT, "search": {"mode": "outcome"}}),
         ["Bundle.entry[0].resource"]),
        (bundle("searchset", link=[{"relation": "self", "url": "http://a"}] * 2),
         ["Bundle.entry", "Bundle.link[1].relation"]),
    ],
)  # fmt: skip
def test_bundles(resource: Json, places: list[str]) -> None:
    if not resource["entry"]:
        resource["entry"] = [{"resource": PATIENT}]
        places = places[1:]
    assert told(resource) == places


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        (TWO + "2", True),
        (TWO + "2/_history/3", True),
        (TWO + "3", False),
        (TWO + "2/_history/2", False),
        ("Patient/1", False),
    ],
)
def test_a_document_has_what_its_composition_refers_to(reference: str, found: bool) -> None:
    composition = {
        "resourceType": "Composition", "status": "final", "type": {"text": "x"}, "title": "x",
        "date": "2026-01-01", "author": [{"display": "x"}],
        "section": [{"title": "x", "entry": [{"reference": reference}]}],
        "relatesTo": [{"code": "replaces", "targetReference": {"reference": "Composition/9"}}],
    }  # fmt: skip
    document = bundle(
        "document",
        {"fullUrl": TWO + "1", "resource": composition},
        {"fullUrl": TWO + "2", "resource": {**PATIENT, "meta": {"versionId": "3"}}},
        identifier={"system": "urn:x", "value": "y"},
        timestamp="2026-01-01T00:00:00Z",
    )
    place = "Bundle.entry[0].resource.section[0].entry[0].reference"
    assert told(document) == ([] if found else [place])
