"""Transactions taken apart and answers spliced together."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.refusals import Invalid
from dmp.fhir import bundle
from dmp.fhir.bundle import Answer, Entry, Version, entries_of, names_of
from dmp.fhir.json_reader import read_object
from dmp.fhir.validator import validate
from tests.fhir import examples

Json = dict[str, Any]
NOW = "2026-01-02T03:04:05.678Z"
URN = "urn:uuid:3f1a4b0e-0000-4000-8000-000000000001"
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def _bundle(*entries: object, kind: str = "transaction") -> Json:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def _request(method: str, url: str, resource: Json | None = None, **more: Any) -> Json:
    entry: Json = {"request": {"method": method, "url": url, **more}}
    return entry | ({"resource": resource} if resource else {})


def test_entries_keep_what_they_ask() -> None:
    created = _request("POST", "Observation", OBSERVATION, ifNoneExist="code=x") | {"fullUrl": URN}
    updated = _request("PUT", "Observation/1", OBSERVATION | {"id": "1"}, ifMatch='W/"2"')
    read = _request("GET", "Observation?code=x", ifNoneMatch='W/"1"')
    first, second, third = entries_of(_bundle(created, updated, read))
    assert first == Entry(0, URN, "POST", "Observation", OBSERVATION, "code=x", None, None)
    assert (second.index, second.method, second.if_match) == (1, "PUT", 'W/"2"')
    assert (third.resource, third.if_none_match) == (None, 'W/"1"')


def test_every_real_transaction_is_taken_apart() -> None:
    for path in examples.files("synthea"):
        raw = examples.resource(path)
        entries = entries_of(raw)
        assert [e.resource for e in entries] == [e["resource"] for e in raw["entry"]]


FAULTS: dict[str, tuple[Json, str]] = {
    "not a Bundle": ({"resourceType": "List"}, "Bundle.type"),
    "a document": (_bundle(kind="document"), "Bundle.type"),
    "entries not in an array": ({**_bundle(), "entry": {}}, "Bundle.entry"),
    "an entry that is text": (_bundle("x"), "Bundle.entry[0]"),
    "no request": (_bundle({"resource": OBSERVATION}), "Bundle.entry[0].request"),
    "unknown method": (_bundle(_request("MERGE", "x")), "Bundle.entry[0].request.method"),
    "no method": (_bundle({"request": {"url": "x"}}), "Bundle.entry[0].request.method"),
    "method in an array": (_bundle({"request": {"method": []}}), "Bundle.entry[0].request.method"),
    "no url": (_bundle({"request": {"method": "GET"}}), "Bundle.entry[0].request.url"),
    "a url of another host": (_bundle(_request("GET", "//a/b")), "Bundle.entry[0].request.url"),
    "an absolute url": (_bundle(_request("GET", "http://a/b")), "Bundle.entry[0].request.url"),
    "POST of nothing": (_bundle(_request("POST", "Observation")), "Bundle.entry[0].resource"),
    "GET with a resource": (
        _bundle(_request("GET", "Observation", OBSERVATION)), "Bundle.entry[0].resource"
    ),
    "POST of another type": (
        _bundle(_request("POST", "Condition", OBSERVATION)), "Bundle.entry[0].request.url"
    ),
    "POST with an id": (
        _bundle(_request("POST", "Observation/1", OBSERVATION)), "Bundle.entry[0].request.url"
    ),
    "PUT without an id": (
        _bundle(_request("PUT", "Observation", OBSERVATION)), "Bundle.entry[0].request.url"
    ),
    "PUT under another id": (
        _bundle(_request("PUT", "Observation/1", OBSERVATION)), "Bundle.entry[0].resource.id"
    ),
    "ifMatch of a number": (
        _bundle(_request("PUT", "Observation/1", {**OBSERVATION, "id": "1"}, ifMatch=2)),
        "Bundle.entry[0].request.ifMatch",
    ),
    "a relative fullUrl": (
        _bundle({"fullUrl": "Observation/1", **_request("GET", "Observation")}),
        "Bundle.entry[0].fullUrl",
    ),
    "a fullUrl twice": (
        _bundle(*[{"fullUrl": URN, **_request("POST", "Observation", OBSERVATION)}] * 2),
        "Bundle.entry[1].fullUrl",
    ),
    "one resource changed twice": (
        _bundle(_request("DELETE", "Observation/1"), _request("DELETE", "Observation/1")),
        "Bundle.entry[1].request.url",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "place"), FAULTS.values(), ids=FAULTS.keys())
def test_faults_of_form_are_placed(raw: Json, place: str) -> None:
    with pytest.raises(Invalid) as refused:
        entries_of(raw)
    assert [i.expression for i in refused.value.issues] == [place]


def test_a_batch_may_change_one_resource_twice() -> None:
    twice = [_request("DELETE", "Observation/1")] * 2
    assert len(entries_of(_bundle(*twice, kind="batch"))) == 2


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["POST", "Observation", "x/1", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["request", "resource", "fullUrl", "method", "url", "resourceType", "id"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_any_entries_are_taken_apart_or_refused(entries: Any) -> None:
    raw = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    with contextlib.suppress(Invalid):
        entries_of(raw)


def test_an_entry_is_known_by_its_full_url_and_by_its_address() -> None:
    def entry(url: str | None) -> Entry:
        return Entry(0, url, "POST", "Patient", {}, None, None, None)

    assert names_of(entry(None)) == []
    assert names_of(entry(URN)) == [URN]
    restful = "https://a.example/fhir/Patient/7"
    assert names_of(entry(restful)) == [restful, "Patient/7"]


def test_a_searchset_is_valid_and_keeps_bodies_as_they_are() -> None:
    body = b'{"resourceType":"Patient","id":"a","multipleBirthInteger":1}'
    outcome = b'{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"value"}]}'
    made = bundle.searchset(
        [("https://a/Patient/a", body, "match"), ("https://b/Patient/a", body, "include")],
        total=1,
        links=[("self", 'https://a/Patient?name="x"')],
        last_updated=NOW,
        outcome=outcome,
    )
    assert body in made
    read = read_object(made)
    assert validate(read) == []
    assert read["total"] == 1
    assert [e["search"]["mode"] for e in read["entry"]] == ["match", "include", "outcome"]
    assert read["link"] == [{"relation": "self", "url": 'https://a/Patient?name="x"'}]


def test_an_empty_searchset_has_no_entries() -> None:
    read = read_object(bundle.searchset([], total=0, links=[], last_updated=NOW))
    assert validate(read) == []
    assert "entry" not in read
    assert read["total"] == 0


def test_a_transaction_response_answers_entry_for_entry() -> None:
    answers = [
        Answer("201 Created", "Patient/a/_history/1", 'W/"1"', NOW, b'{"resourceType":"Patient"}'),
        Answer("204 No Content"),
    ]
    read = read_object(bundle.transaction_response("transaction", answers, last_updated=NOW))
    assert validate(read) == []
    assert read["type"] == "transaction-response"
    assert read["entry"][0]["response"]["etag"] == 'W/"1"'
    assert read["entry"][1] == {"response": {"status": "204 No Content"}}


def test_a_history_tells_deletions() -> None:
    url = "https://a/Patient/a"
    versions = [
        Version(url, None, "DELETE", "Patient/a", "204", 'W/"2"', NOW),
        Version(url, b'{"resourceType":"Patient"}', "POST", "Patient", "201", 'W/"1"', NOW),
    ]
    read = read_object(bundle.history(versions, total=2, links=[], last_updated=NOW))
    assert validate(read) == []
    assert "resource" not in read["entry"][0]
    assert read["entry"][1]["request"] == {"method": "POST", "url": "Patient"}


def test_a_slash_before_the_url_makes_no_difference() -> None:
    with_slash = entries_of(_bundle(_request("GET", "/Observation/1")))

    assert with_slash == entries_of(_bundle(_request("GET", "Observation/1")))
