"""`$lastn` and `$meta` through the gate: over what the caller may see, journalled, paged."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from tests.aws_calls import forget
from tests.brute import Brute, name_of
from tests.clinic import Clinic
from tests.fhir.test_lastn import ends_of, slow
from tests.shelf import BASE, DOCTOR, PID, Made, Request, Shelf, parsed, records
from tests.world import BENNIS, World, observation

Pairs = list[tuple[str, str]]
LATER = "2026-11-21T09:30:00+01:00"


def pages(shelf: Shelf, asked: Pairs) -> list[bytes]:
    """Every page, following the links."""
    queries, request = shelf.queries(), Request(DOCTOR, "r", "q")
    found = [queries.lastn(request, asked)]
    while link := {x["relation"]: x["url"] for x in parsed(found[-1])["link"]}.get("next"):
        split = urlsplit(link)
        assert f"https://{split.netloc}{split.path}" == f"{BASE}/Observation/$lastn"
        found.append(queries.lastn(request, parse_qsl(split.query)))
        assert len(found) < 100
    return found


FILTERS = st.sampled_from(
    [("category:missing", "true"), ("code", "8480-6,2339-0"), ("code:not", "x"),
     ("category", "http://loinc.org|"), ("code:missing", "false")]
)  # fmt: skip


@given(records(), FILTERS, st.integers(1, 3), st.integers(1, 3))
def test_it_is_what_brute_force_finds_in_a_record_without_what_is_hidden(
    made: Made, criterion: tuple[str, str], most: int, count: int
) -> None:
    note(str([made.resources, made.sealed, sorted(made.deleted)]))
    found = Brute(made.visible()).search("Observation", [("patient", PID), criterion])
    expected = {name_of(found[i]) for i in slow(found, most)}
    asked = [("patient", PID), criterion, ("max", str(most)), ("_count", str(count))]

    got = pages(made.whole(), asked)

    assert got == pages(made.without(), asked)
    resources = [e["resource"] for b in got for e in parsed(b).get("entry", [])]
    shown = [name_of(one) for one in resources]
    ends = [ends_of(one) for one in resources]
    assert ends == sorted(ends, reverse=True)
    assert (set(shown), len(shown)) == (expected, len(expected))
    assert {parsed(b)["total"] for b in got} == {len(expected)}


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def shown(clinic: Clinic, query: str) -> list[str]:
    url = f"GET /fhir/Observation/$lastn?patient={clinic.id}&{query}"
    reply = clinic.world.call(url, clinic.doctor)
    assert reply.status == 200, reply.body
    return [e["resource"]["id"] for e in reply.json.get("entry", [])]


def test_the_newest_come_first_and_the_search_is_told(clinic: Clinic) -> None:
    old = clinic.observe()
    new = clinic.observe(effectiveDateTime=LATER)
    text = clinic.observe(code={"text": "poids"}, effectiveDateTime="2019")

    assert shown(clinic, "code:missing=false") == [new, text]
    assert shown(clinic, "code=2339-0&max=2") == [new, old]
    assert shown(clinic, "code=nothing") == []
    assert clinic.told()[-1] == ("search", "permit", "consent-permit")
    assert "$lastn" in clinic.entries()[-1].canonical().decode()


def test_what_is_sealed_leaves_no_trace(clinic: Clinic) -> None:
    kept = clinic.observe()
    codes = [{"system": "http://loinc.org", "code": c} for c in ("2339-0", "x")]
    other = clinic.observe(code={"coding": codes[1:]})
    bridge = clinic.observe(code={"coding": codes}, effectiveDateTime=LATER)
    assert shown(clinic, "code:missing=false") == [bridge]

    clinic.seal(f"Observation/{bridge}")

    assert set(shown(clinic, "code:missing=false")) == {kept, other}
    own = clinic.world.call("GET /fhir/Observation/$lastn?code:missing=false", clinic.patient)
    assert [e["resource"]["id"] for e in own.json["entry"]] == [bridge]


def test_who_may_not_search_is_refused(clinic: Clinic) -> None:
    url = f"GET /fhir/Observation/$lastn?patient={clinic.id}&code=x"

    assert clinic.world.call(url, clinic.world.doctor(BENNIS)).status == 403
    assert clinic.told()[-1][1] == "refuse"
    assert clinic.world.call(url, clinic.world.doctor(scopes=("user/Patient.rs",))).status == 403


@pytest.mark.parametrize(
    ("path", "status", "expression"),
    [
        ("Observation/$lastn?patient={id}", 400, "category"),
        ("Observation/$lastn?code=x", 400, "patient"),
        ("Observation/$lastn?patient={id}&code=x&max=0", 400, "max"),
        ("Observation/$lastn?patient={id}&code=x&nonsense=1", 400, "nonsense"),
        ("Condition/$lastn?patient={id}&code=x", 404, "id"),
        ("Observation/$meta", 404, "id"),
        ("Observation/{id}.0000000000000000.0000/$meta", 404, "id"),
        ("Observation/{id}.0000000000000000.0000/$meta-add", 404, "operation"),
        ("Starship/{id}/$meta", 404, "type"),
    ],
)
def test_what_is_not_served_is_refused(
    clinic: Clinic, path: str, status: int, expression: str
) -> None:
    reply = clinic.world.call(f"GET /fhir/{path.replace('{id}', clinic.id)}", clinic.doctor)

    assert reply.status == status, reply.body
    assert reply.json["issue"][0]["expression"] == [expression]


def test_meta_is_that_of_the_resource_and_told_as_a_read(clinic: Clinic) -> None:
    label = {"system": "urn:l", "code": "N"}
    name = clinic.observe(meta={"tag": [label]})
    url = f"GET /fhir/Observation/{name}"

    reply = clinic.world.call(f"{url}/$meta", clinic.doctor)

    whole = clinic.world.call(url, clinic.doctor).json
    told = [{"name": "return", "valueMeta": whole["meta"]}]
    assert reply.json == {"resourceType": "Parameters", "parameter": told}
    assert whole["meta"]["tag"] == [label]
    read, told_of_meta = reversed(clinic.entries()[-2:])
    assert (read.action, read.what) == (told_of_meta.action, told_of_meta.what)


def test_meta_of_what_is_hidden_or_gone_is_as_a_read(clinic: Clinic) -> None:
    hidden, gone = clinic.observe(), clinic.observe()
    clinic.seal(f"Observation/{hidden}")
    clinic.world.call(f"DELETE /fhir/Observation/{gone}", clinic.doctor)

    for name, status in ((hidden, 404), (gone, 410)):
        meta = clinic.world.call(f"GET /fhir/Observation/{name}/$meta", clinic.doctor)
        read = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)
        assert (meta.status, meta.body) == (read.status, read.body)
        assert meta.status == status


def test_both_are_answered_in_a_batch(clinic: Clinic) -> None:
    name = clinic.observe()
    urls = [f"Observation/$lastn?patient={clinic.id}&code=2339-0", f"Observation/{name}/$meta"]
    entries = [{"request": {"method": "GET", "url": url}} for url in urls]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}

    reply = clinic.world.call("POST /fhir", clinic.doctor, bundle)

    found, meta = (entry["resource"] for entry in reply.json["entry"])
    assert [e["resource"]["id"] for e in found["entry"]] == [name]
    assert meta["parameter"][0]["valueMeta"]["versionId"] == "1"
    assert observation(clinic.id)["code"] == found["entry"][0]["resource"]["code"]
