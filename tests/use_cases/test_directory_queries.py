"""The directory, read by any live caller through the real handlers; records stay apart."""

from __future__ import annotations

from typing import Any

import pytest

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.directory_loads import DynamoLoads
from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import Book
from dmp.fhir.validator import validate
from dmp.use_cases import directory_queries
from dmp.use_cases.directory_loads import Loads
from tests.clinic import Clinic
from tests.world import AMRANI, BENNIS, CLINIC, HOSPITAL, World

INPE = "urn:ma:inpe"
URN = "urn:uuid:6f1d2a30-5a8e-4c53-9a0e-0c7a4a4f9b11"
BOOK = Book().with_entries([
    Organization(CLINIC, "o-1", "Clinique Atlas"),
    Organization(HOSPITAL, "o-2", "Hôpital Ibn Sina"),
    Organization("100000003", "o-3", "Centre de santé Atlas", active=False),
    Practitioner(AMRANI, "p-1", "Amrani", ("Salma",), "Dr Salma Amrani"),
    Practitioner(BENNIS, "p-2", "Bennîs", ("Youssef",), "Dr Youssef Bennîs"),
    Practitioner("200000003", "p-3", "Amrani", ("Omar",), "Omar Amrani", ends="2020-12-31"),
    Role(AMRANI, CLINIC, "physician", "2020-01-01", "", "", "", ""),
    Role(AMRANI, HOSPITAL, "administrator", "2020-01-01", "", "", "", "", "2021-01-01"),
    Role(BENNIS, HOSPITAL, "auditor", "2020-01-01", "", "", "", ""),
])  # fmt: skip


@pytest.fixture(scope="module")
def clinic(world: World) -> Clinic:
    made = Clinic(world)
    loads = Loads(DynamoLoads(world.tables["REGISTRY_TABLE"]), SystemClock())
    base, before = loads.in_force()
    loads.load(base, before, BOOK, "tests", lambda _done, _of: None)
    return made


def ids(answer: Any) -> list[str]:
    assert answer.status == 200, answer.body
    return [entry["resource"]["id"] for entry in answer.json.get("entry", ())]


FOUND: list[tuple[str, list[str]]] = [
    ("Organization", ["o-1", "o-2", "o-3"]),
    ("Organization?name=atlas", ["o-1", "o-3"]),
    ("Organization?name=clin", ["o-1"]),
    ("Organization?name=hopital", ["o-2"]),
    ("Organization?name:contains=ibn s", ["o-2"]),
    ("Organization?name:exact=Clinique Atlas", ["o-1"]),
    ("Organization?name:exact=clinique atlas", []),
    ("Organization?active=false", ["o-3"]),
    ("Organization?active=true,false", ["o-1", "o-2", "o-3"]),
    (f"Organization?identifier={INPE}|{CLINIC},{HOSPITAL}", ["o-1", "o-2"]),
    (f"Organization?identifier=urn:other|{CLINIC}", []),
    ("Organization?_id=o-2,o-3&active=true", ["o-2"]),
    ("Practitioner?name=amrani", ["p-1", "p-3"]),
    ("Practitioner?name=amrani&active=true", ["p-1"]),
    ("Practitioner?family=bennis&given=y", ["p-2"]),
    ("Practitioner?family=salma", []),
    (f"Practitioner?identifier={AMRANI}", ["p-1"]),
    ("PractitionerRole?practitioner=Practitioner/p-1", [f"{AMRANI}-{CLINIC}",
                                                         f"{AMRANI}-{HOSPITAL}"]),
    ("PractitionerRole?practitioner=p-1&active=true", [f"{AMRANI}-{CLINIC}"]),
    ("PractitionerRole?organization=o-2&role=auditor", [f"{BENNIS}-{HOSPITAL}"]),
    ("PractitionerRole?role=urn:dmp:role|administrator", [f"{AMRANI}-{HOSPITAL}"]),
    (f"PractitionerRole?organization:identifier={INPE}|{CLINIC}", [f"{AMRANI}-{CLINIC}"]),
    ("PractitionerRole?role=auditor&_include=*", [f"{BENNIS}-{HOSPITAL}", "o-2", "p-2"]),
]  # fmt: skip


@pytest.mark.parametrize(("query", "expected"), FOUND, ids=[query for query, _ in FOUND])
def test_a_search_finds_what_it_asks_for(clinic: Clinic, query: str, expected: list[str]) -> None:
    assert ids(clinic.world.call(f"GET /fhir/{query}", clinic.doctor)) == expected


@pytest.mark.parametrize(
    "query",
    [
        "Organization?colour=red", "Organization?name:fuzzy=a", "Organization?name:=a",
        "Organization?active=yes", "Organization?name=", "Organization?identifier=a|b|c",
        "Organization?_count=many", "Organization?_page=../x", "Organization?_include=*",
        "PractitionerRole?_include=PractitionerRole:service",
        "PractitionerRole?practitioner=Organization/o-1", "Practitioner?_id:exact=p-1",
    ],
)  # fmt: skip
def test_a_search_that_is_not_served_is_refused(clinic: Clinic, query: str) -> None:
    answer = clinic.world.call(f"GET /fhir/{query}", clinic.doctor)

    assert (answer.status, answer.json["resourceType"]) == (400, "OperationOutcome")


@pytest.mark.parametrize("name", ["Organization/o-3", f"PractitionerRole/{AMRANI}-{CLINIC}",
                                  "Practitioner/p-3"])  # fmt: skip
def test_an_entry_is_read_valid_and_as_it_stands_today(clinic: Clinic, name: str) -> None:
    answer = clinic.world.call(f"GET /fhir/{name}", clinic.doctor)

    assert answer.status == 200
    assert validate(answer.json) == []
    assert answer.json["active"] is (name.startswith("PractitionerRole"))


def test_nobodys_id_and_the_history_of_an_entry_are_not_found(clinic: Clinic) -> None:
    for path in ("Practitioner/nobody", "Organization/p-1", "Practitioner/p-1/_history"):
        assert clinic.world.call(f"GET /fhir/{path}", clinic.doctor).status == 404


def test_pages_hold_every_entry_once(clinic: Clinic) -> None:
    url, seen = "Practitioner?_count=2", []
    while url:
        page = clinic.world.call(f"GET /fhir/{url}", clinic.doctor)
        seen += ids(page)
        assert page.json["total"] == 3
        links = {link["relation"]: link["url"] for link in page.json["link"]}
        url = links.get("next", "").partition("/fhir/")[2]

    assert seen == ["p-1", "p-2", "p-3"]
    total = clinic.world.call("GET /fhir/Practitioner?_count=0", clinic.doctor)
    assert (ids(total), total.json["total"]) == ([], 3)


def test_patients_and_narrow_tokens_read_it_and_no_patient_is_told(clinic: Clinic) -> None:
    kept = clinic.rows("!")
    narrow = clinic.world.doctor(scopes=("user/Observation.r",))
    for caller in (clinic.patient, narrow):
        assert ids(clinic.world.call("GET /fhir/Organization?name=ibn", caller)) == ["o-2"]

    assert clinic.rows("!") == kept


def test_who_is_not_live_reads_nothing(clinic: Clinic) -> None:
    gone = clinic.world.doctor(client_id="app-unknown")

    for path in ("Organization", "Organization/o-1"):
        assert clinic.world.call(f"GET /fhir/{path}", gone).status == 401


def test_a_practitioner_of_a_record_is_the_records(clinic: Clinic) -> None:
    content = {
        "resourceType": "Practitioner",
        "name": [{"family": "Amrani"}],
        "extension": [{"url": "urn:example:of", "valueString": "record"}],
    }
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [
        {"fullUrl": URN, "resource": content,
         "request": {"method": "POST", "url": "Practitioner"}},
        {"resource": {"resourceType": "Observation", "status": "final", "code": {"text": "a"},
                      "subject": {"reference": f"Patient/{clinic.id}"},
                      "performer": [{"reference": URN}]},
         "request": {"method": "POST", "url": "Observation"}},
    ]}  # fmt: skip
    made = clinic.world.call("POST /fhir", clinic.doctor, sent)
    assert made.status == 200, made.body
    name = made.json["entry"][0]["response"]["location"].split("Practitioner/")[1].split("/")[0]

    inside = f"GET /fhir/Practitioner?patient={clinic.id}"
    assert ids(clinic.world.call(inside, clinic.doctor)) == [name]
    assert clinic.world.call(f"GET /fhir/Practitioner/{name}", clinic.doctor).status == 200
    assert name not in ids(clinic.world.call("GET /fhir/Practitioner", clinic.doctor))
    clinic.world.put_role(BENNIS, HOSPITAL)
    stranger = clinic.world.doctor(BENNIS)
    assert clinic.world.call(f"GET /fhir/Practitioner/{name}", stranger).status == 403


def test_so_many_requests_an_hour(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_queries, "AN_HOUR", 2)
    other = clinic.world.open_record()

    answers = [clinic.world.call("GET /fhir/Organization/o-1", other) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
