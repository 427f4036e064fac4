"""Searches of the journal by BALP's parameters, against a brute search of everything rendered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from dmp.domain.caller import Caller
from dmp.domain.instants import instant
from dmp.fhir import search
from dmp.fhir.audit_event import rendered
from dmp.use_cases import journal_searches
from dmp.use_cases.ports import Door, Span
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.world import BENNIS, Reply, World


@pytest.fixture(scope="module")
def clinic(world: World) -> Iterator[Clinic]:
    """A journal with reads, searches, writes, refusals, a consent and its end."""
    made = Clinic(world)
    name = made.observe()
    world.call(f"GET /fhir/Observation/{name}", made.doctor)
    world.call(f"GET /fhir/Observation?patient={made.id}&code=2339-0", made.doctor)
    world.call(f"GET /fhir/Patient/{made.id}", world.doctor(BENNIS))
    world.call(f"GET /fhir/Observation/{made.id}.0000000000000000.0000", made.doctor)
    made.seal(f"Observation/{name}")
    made.revoke()
    world.call(f"GET /fhir/Patient/{made.id}", made.doctor)
    yield made
    forget(made.id)


@pytest.fixture
def auditor(world: World) -> Caller:
    return world.doctor(role="auditor", purpose="HCOMPL", practitioner_id="aud")


def every(clinic: Clinic) -> list[dict[str, Any]]:
    """The whole journal rendered, newest first, without a word of the search."""
    door = clinic.store.enter(clinic.id, clinic.patient)
    assert isinstance(door, Door)
    return [rendered(entry) for entry in clinic.store.written(door, Span())]


def ask(clinic: Clinic, query: str, caller: Caller | None = None) -> Reply:
    return clinic.world.call(f"GET /fhir/AuditEvent?{query}", caller or clinic.patient)


def found(clinic: Clinic, query: str) -> list[str]:
    """The ids of every page."""
    ids: list[str] = []
    while query:
        page = ask(clinic, query)
        assert page.status == 200, page.body
        ids += [entry["resource"]["id"] for entry in page.json.get("entry", [])]
        query = following(page)
    return ids


def following(page: Reply) -> str:
    links = {link["relation"]: link["url"] for link in page.json["link"]}
    pairs = parse_qsl(urlsplit(links.get("next", "")).query)  # as the gateway hands it on
    return "&".join(f"{name}={value}" for name, value in pairs)


QUERIES = [
    "action=R", "action=E,C", "action:not=R", "outcome=0", "outcome=4", "type=rest",
    "type=http://dicom.nema.org/resources/ontology/DCM|110113", "subtype=search-type",
    "subtype=http://hl7.org/fhir/restful-interaction|read", "agent-name=Salma",
    "agent-name:contains=amrani", "agent-name:exact=Dr Salma Amrani",
    "agent=Practitioner/p{doctor}",
    "agent:identifier=urn:ma:inpe|{doctor}", "agent-role:text=physician", "agent=Patient/{id}",
    "entity=Patient/{id}", "entity-type=1", "entity-role=24", "entity-role=4&action=R",
    "patient=Patient/{id}", "patient={id}&outcome=4", "policy=urn:dmp:rule:patient-own",
    "source:missing=true", "date=ge{first}&date=le{last}", "date=gt{middle}", "date=lt{middle}",
    "date=ge{middle}&action=R", "date=eb{middle}", "date=sa{middle}", "date=ne{middle}",
    "date={middle}", "date=ap2025", "date={day}", "_lastUpdated=gt{middle}", "_id={one}",
    "_id={one},{two}", "altid=x", "address=x", "site=x", "entity-name=x",
]  # fmt: skip


@pytest.fixture(scope="module")
def first_day(clinic: Clinic) -> list[dict[str, Any]]:
    """What was journalled before anybody looked at it."""
    return every(clinic)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("count", ["2", "50"])
def test_a_search_finds_what_a_brute_search_finds(
    clinic: Clinic, first_day: list[dict[str, Any]], query: str, count: str
) -> None:
    words = {
        "id": clinic.id, "doctor": clinic.doctor.practitioner or "", "one": first_day[-2]["id"],
        "two": first_day[0]["id"], "first": first_day[-1]["recorded"],
        "last": first_day[0]["recorded"], "day": first_day[0]["recorded"][:10],
        "middle": first_day[len(first_day) // 2]["recorded"],
    }  # fmt: skip
    now = datetime.fromtimestamp(clinic.world.clock.now_ms() / 1000, UTC)
    asked = f"{query.format(**words)}&date=le{words['last']}"
    parsed = search.parse("AuditEvent", parse_qsl(asked), search.Reading(now=now))
    wanted = [e["id"] for e in first_day if search.matches(parsed, e)]

    assert found(clinic, f"{asked}&_count={count}") == wanted


def test_the_oldest_come_first_when_asked(clinic: Clinic, first_day: list[dict[str, Any]]) -> None:
    up = found(clinic, f"_sort=date&_count=2&date=le{first_day[0]['recorded']}")

    assert up == [event["id"] for event in first_day][::-1]


def test_the_look_is_journalled_before_it_is_answered(clinic: Clinic) -> None:
    with counted() as calls:
        page = ask(clinic, "_count=2")
    newest = every(clinic)[0]
    assert calls == ["BatchGetItem", "Query", "PutItem", "GetItem"]
    told = {e["what"]["reference"] for e in newest["entity"] if "reference" in e.get("what", {})}
    assert {f"AuditEvent/{e['resource']['id']}" for e in page.json["entry"]} < told

    with counted() as calls:
        clinic.world.call(f"GET /fhir/AuditEvent/{newest['id']}", clinic.patient)
    assert calls == ["BatchGetItem", "Query", "PutItem", "GetItem"]
    assert every(clinic)[0]["subtype"][0]["code"] == "read"


def test_a_page_reads_so_many_entries_and_no_more(
    clinic: Clinic, first_day: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_searches, "SCAN_MAX", 2)
    until = f"date=le{first_day[0]['recorded']}"

    page = ask(clinic, f"agent-name=nobody&{until}")
    assert "entry" not in page.json
    assert "total" not in page.json
    assert following(page)
    assert found(clinic, f"agent-name=nobody&{until}") == []
    assert found(clinic, f"subtype=create&{until}") == [
        e["id"] for e in first_day if e["subtype"][0]["code"] == "create"
    ]
    refused = ask(clinic, "_summary=count")
    assert (refused.status, refused.json["issue"][0]["expression"]) == (400, ["_summary"])


def test_totals_are_told_when_all_was_read(clinic: Clinic, first_day: list[dict[str, Any]]) -> None:
    until, whole = f"date=le{first_day[0]['recorded']}", len(first_day)

    assert ask(clinic, f"{until}&_count=2&_total=accurate").json["total"] == whole
    alone = ask(clinic, f"{until}&_summary=count").json
    assert (alone["total"], alone.get("entry")) == (whole, None)
    assert ask(clinic, f"{until}&_count=0").json["total"] == whole
    assert "total" not in ask(clinic, f"{until}&_count=2").json
    assert ask(clinic, f"{until}&_count=200").json["total"] == whole


def test_a_link_is_good_for_its_caller_and_its_search_alone(clinic: Clinic) -> None:
    onward = following(ask(clinic, "action=R&_count=1"))
    token = dict(parse_qsl(onward))["_page"]

    assert ask(clinic, onward).status == 200
    for query in (f"action=E&_count=1&_page={token}", f"action=R&_count=2&_page={token}"):
        assert ask(clinic, query).status == 400
    other = replace(clinic.patient, client_id="another-app")
    assert ask(clinic, onward, other).status == 400


def test_an_auditor_sees_metadata_and_the_patient_is_told(clinic: Clinic, auditor: Caller) -> None:
    clinic.world.call(f"GET /fhir/Patient/{clinic.id}", clinic.world.doctor())
    notices = len(clinic.rows("N#"))
    page = ask(clinic, f"patient={clinic.id}&_count=200", auditor)

    assert page.status == 200, page.body
    events = [entry["resource"] for entry in page.json["entry"]]
    text = json.dumps(events)
    assert len(events) > 8
    assert "Observation/" not in text
    assert "query" not in text.replace("search-type", "")
    assert "Dr Salma Amrani" in text
    newest = every(clinic)[0]
    assert newest["extension"][0]["valueCode"] == "audit"
    assert newest["purposeOfEvent"][0]["coding"][0]["code"] == "HCOMPL"
    assert len(clinic.rows("N#")) == notices + 1

    one = clinic.world.call(f"GET /fhir/AuditEvent/{events[0]['id']}", auditor)
    assert one.json == events[0]
    assert len(clinic.rows("N#")) == notices + 1
    for what in ("entry", "proof"):
        assert clinic.world.call(f"GET /journal/{what}/{events[0]['id']}", auditor).status == 403
    assert ask(clinic, "action=R", auditor).status == 400


@pytest.mark.parametrize(
    "changes",
    [{"purpose": "TREAT"}, {"role": "physician"}, {"scopes": ("user/Observation.rs",)}],
    ids=lambda changes: next(iter(changes)),
)
def test_the_role_or_the_purpose_alone_is_not_enough(
    clinic: Clinic, auditor: Caller, changes: dict[str, Any]
) -> None:
    other = replace(auditor, **changes)
    before = len(clinic.rows("J#"))

    assert ask(clinic, f"patient={clinic.id}", other).status == 403
    told = clinic.rows("J#")[before:]
    assert len(told) == (0 if "scopes" in changes else 1)
    if told:
        event = every(clinic)[0]
        assert (event["outcome"], event["extension"][0]["valueCode"]) == ("4", "patient-only")
    assert ask(clinic, f"patient={'0' * 20}", other).status == 403


def test_a_form_asks_the_same(clinic: Clinic) -> None:
    before = instant(clinic.world.clock.now_ms())
    kind = "application/x-www-form-urlencoded"
    body = f"action=R&date=le{before}"
    page = clinic.world.call(
        "POST /fhir/AuditEvent/_search", clinic.patient, body, Content_Type=kind
    )

    assert page.status == 200, page.body
    again = ask(clinic, body)
    assert page.json["entry"] == again.json["entry"]
