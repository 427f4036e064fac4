"""The list of accesses for a portal, and the journal taken away as FHIR and as a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from dmp.domain.identifiers import commit_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry, Outcome
from dmp.domain.usage import accesses
from dmp.use_cases import export_pages
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.fhir import balp
from tests.world import AMRANI, BENNIS, Reply, World

P = "0123456789abcdefghij"


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    name = made.observe()
    world.call(f"GET /fhir/Observation/{name}", made.doctor)
    world.call(f"GET /fhir/Patient/{made.id}", world.doctor(BENNIS))
    yield made
    forget(made.id)


def get(clinic: Clinic, path: str, **headers: str) -> Reply:
    return clinic.world.call(f"GET /journal/{path}", clinic.patient, **headers)


def test_each_access_is_told_with_who_why_and_what(clinic: Clinic) -> None:
    with counted() as calls:
        answer = get(clinic, "usage")

    assert answer.status == 200, answer.body
    assert [c for c in calls if c != "Decrypt"] == ["BatchGetItem", "Query", "PutItem", "GetItem"]
    assert (answer.json["total"], answer.json["offset"]) == (2, 0)
    refused, access = answer.json["usages"]
    assert (refused["who"]["inpe"], refused["count"], refused["refused"]) == (BENNIS, 1, 1)
    assert refused["rules"] == ["policy-deny"]
    assert access["who"]["inpe"] == AMRANI
    assert access["who"]["role"] == "physician"
    assert access["organization"]["name"] == "Clinique Atlas"
    assert (access["purpose"], access["rules"]) == ("TREAT", ["consent-permit"])
    assert (access["actions"], access["count"], access["refused"]) == (["create", "read"], 2, 0)
    assert access["time"] <= access["last"]
    assert (
        clinic.world.call(f"GET /fhir/AuditEvent/{access['entry']}", clinic.patient).status == 200
    )


def test_a_list_is_cut_by_time_offset_and_limit(clinic: Clinic) -> None:
    both = get(clinic, "usage").json["usages"]

    assert get(clinic, "usage?limit=1").json["usages"] == both[:1]
    assert get(clinic, "usage?offset=1&limit=1").json["usages"] == both[1:]
    assert get(clinic, "usage?to=2020-01-01").json["usages"] == []
    assert get(clinic, f"usage?from={both[0]['time'][:10]}").json["total"] == 2
    for query in ("limit=1001", "offset=-1", "from=x", "x=y", "to=2026-13-01", "limit=1&limit=2"):
        answer = get(clinic, f"usage?{query}")
        assert (answer.status, answer.json["code"]) == (400, "bad-parameter"), query


def entry(
    at_ms: int, inpe: str = AMRANI, purpose: str = "TREAT", outcome: Outcome = "permit"
) -> Entry:
    who = {"kind": "practitioner", "inpe": inpe, "organization": "100000001"}
    return Entry(
        f"{P}.{commit_id(at_ms, 0)}", instant(at_ms), "read", outcome, "r", who, purpose, "00"
    )  # fmt: skip


def test_an_access_lasts_an_hour_from_its_first_entry() -> None:
    hour = 3_600_000
    own = replace(entry(5), who={"kind": "patient", "patient": P})
    told = [entry(0), entry(1, BENNIS), own, entry(2, purpose="ETREAT"), entry(hour - 1),
            entry(hour), entry(2 * hour - 1, outcome="refuse")]  # fmt: skip

    found = accesses(told)

    assert [(u.first.who["inpe"], u.first.purpose, u.count, u.refused) for u in found] == [
        (AMRANI, "TREAT", 2, 1), (AMRANI, "ETREAT", 1, 0), (BENNIS, "TREAT", 1, 0),
        (AMRANI, "TREAT", 2, 0),
    ]  # fmt: skip


def exported(clinic: Clinic, query: str) -> list[Reply]:
    pages = [get(clinic, f"export?{query}")]
    while link := pages[-1].headers.get("Link"):
        url = link.partition("<")[2].partition(">")[0]
        assert link.endswith('rel="next"')
        pairs = parse_qsl(urlsplit(url).query)
        pages.append(get(clinic, "export?" + "&".join(f"{n}={v}" for n, v in pairs)))
    assert [page.status for page in pages] == [200] * len(pages), pages[-1].body
    return pages


@pytest.mark.parametrize("most", [2, 5000])
def test_every_entry_is_taken_away_once_oldest_first(
    clinic: Clinic, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_pages, "ENTRIES_MAX", most)
    rows = [f"{clinic.id}.{row['sk'][2:]}" for row in clinic.rows("J#")]
    until = get(clinic, "usage").json["usages"][0]["last"]

    bundles = [page.json for page in exported(clinic, f"to={until[:-1]}9Z")]
    ids = [entry["resource"]["id"] for b in bundles for entry in b.get("entry", ())]
    assert {b["type"] for b in bundles} == {"collection"}
    assert [b.get("link", [{}])[0].get("relation") for b in bundles] == [
        *["next"] * (len(bundles) - 1), None
    ]  # fmt: skip
    assert ids == rows[: len(ids)]
    assert len(ids) >= len(rows) - 1

    tables = [page.body for page in exported(clinic, f"format=csv&to={until[:-1]}9Z")]
    lines = [line for t in tables for line in list(csv.reader(io.StringIO(t[1:])))[1:]]
    assert all(table.startswith("\ufeff") for table in tables)
    assert [line[-1] for line in lines] == ids


def test_an_export_is_told_once_and_journalled_as_a_disclosure(clinic: Clinic) -> None:
    notices = len(clinic.rows("N#"))
    with counted() as calls:
        get(clinic, "export")

    assert [c for c in calls if c != "Decrypt"] == ["BatchGetItem", "Query", "TransactWriteItems"]
    newest = clinic.world.call("GET /fhir/AuditEvent?_count=1", clinic.patient).json
    event = newest["entry"][0]["resource"]
    assert balp.profile_of(event) == "PrivacyDisclosure.Source"
    assert balp.faults(event) == []
    assert len(clinic.rows("N#")) == notices + 1


def test_a_table_speaks_the_readers_language_and_runs_no_formula(clinic: Clinic) -> None:
    clinic.world.call(
        f"GET /fhir/Patient/{clinic.id}", replace(clinic.doctor, practitioner_name="=HYPERLINK(1)")
    )
    told = {
        language: get(clinic, "export?format=csv", Accept_Language=f"{language}-MA,en;q=0.5")
        for language in ("ar", "fr", "zgh", "en")
    }

    assert len({page.body.partition("\r\n")[0] for page in told.values()}) == 4
    assert "Praticien" in told["fr"].body
    assert told["fr"].headers["Content-Type"] == "text/csv; charset=utf-8"
    cells = [cell for line in csv.reader(io.StringIO(told["fr"].body)) for cell in line]
    assert "'=HYPERLINK(1)" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]
    assert get(clinic, "export", Accept_Language="de").status == 200


def test_what_cannot_be_exported_is_named_and_nobody_else_may(clinic: Clinic) -> None:
    for query in ("format=xml", "from=x", "_page=x", "format=csv&format=fhir", "x=y"):
        answer = get(clinic, f"export?{query}")
        assert (answer.status, answer.json["code"]) == (400, "bad-parameter"), query
    other = Clinic(clinic.world, granted=False)
    for path in ("usage", "export"):
        assert clinic.world.call(f"GET /journal/{path}", clinic.doctor).status == 403
        named = f"GET /journal/{path}?patient={clinic.id}"
        assert clinic.world.call(named, other.patient).status == 404
        narrow = replace(clinic.patient, scopes=("patient/Observation.rs",))
        assert clinic.world.call(f"GET /journal/{path}", narrow).status == 403
