"""The journal as its patient reads it, page by page, and the leaves it is made of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest

from dmp.fhir.json_reader import read_object
from dmp.fhir.validator import validate
from tests.aws_calls import forget
from tests.clinic import Clinic
from tests.world import Reply, World

LONG = "x" * 6000


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def ids(reply: Reply) -> list[str]:
    assert reply.status == 200, reply.body
    return [entry["resource"]["id"] for entry in reply.json.get("entry", [])]


def following(reply: Reply) -> str:
    links = {link["relation"]: link["url"] for link in reply.json["link"]}
    if "next" not in links:
        return ""
    decoded = parse_qsl(urlsplit(links["next"]).query)  # as the gateway hands it on
    return "GET /fhir/AuditEvent?" + "&".join(f"{name}={value}" for name, value in decoded)


def read_whole(clinic: Clinic, query: str) -> list[str]:
    """Every page."""
    request, found = f"GET /fhir/AuditEvent?{query}", []
    while request:
        page = clinic.world.call(request, clinic.patient)
        found += ids(page)
        request = following(page)
    return found


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_pages_tell_every_entry_once_newest_first(clinic: Clinic, count: int) -> None:
    for _ in range(3):
        clinic.observe()
    every = [f"{clinic.id}.{row['sk'][2:]}" for row in clinic.rows("J#")]

    assert read_whole(clinic, f"_count={count}") == every[::-1]


@pytest.mark.parametrize("date", ["ge2020-01-01T00:00:00+01:00", "lt2100", "2026"])
def test_pages_keep_to_their_dates(clinic: Clinic, date: str) -> None:
    for _ in range(3):
        clinic.observe()
    year = clinic.entries()[0].at[:4]
    date = date.replace("2026", year)

    every = len(clinic.rows("J#"))

    assert len(read_whole(clinic, f"_count=2&date={date}")) == every
    assert read_whole(clinic, "date=lt2020") == []


def test_an_instant_is_within_itself(clinic: Clinic) -> None:
    clinic.observe()
    entry = clinic.entries()[-1]

    for prefix, expected in (("", True), ("ge", True), ("le", True), ("gt", False), ("lt", False)):
        assert (entry.id in read_whole(clinic, f"date={prefix}{entry.at}")) == expected
    assert entry.id in read_whole(clinic, f"date={entry.at[:19]}Z")


def test_long_queries_hide_no_older_entry(clinic: Clinic) -> None:
    for _ in range(180):
        reply = clinic.world.call(f"GET /fhir/Patient/{clinic.id}?x={LONG}", clinic.doctor)
        assert reply.status == 200

    every = len(clinic.rows("J#"))
    assert len(read_whole(clinic, "_count=200")) == every


def test_each_entry_is_a_valid_audit_event_and_read_alone(clinic: Clinic) -> None:
    clinic.observe()
    page = clinic.world.call("GET /fhir/AuditEvent", clinic.patient)
    first = page.json["entry"][0]["resource"]

    alone = clinic.world.call(f"GET /fhir/AuditEvent/{first['id']}", clinic.patient)

    assert validate(read_object(alone.body.encode())) == []
    assert alone.json == first


def test_the_leaf_is_the_bytes_that_were_hashed(clinic: Clinic) -> None:
    clinic.observe()
    row = clinic.rows("J#")[-1]

    leaf = clinic.world.call(f"GET /journal/entry/{clinic.id}.{row['sk'][2:]}", clinic.patient)

    assert leaf.headers["Content-Type"] == "application/json"
    assert hashlib.sha256(b"\0" + leaf.body.encode()).digest() == row["leaf"]


@pytest.mark.parametrize(
    ("scope", "search", "read"), [("s", 200, 403), ("r", 403, 200), ("rs", 200, 200)]
)
def test_reading_and_searching_are_two_scopes(
    clinic: Clinic, scope: str, search: int, read: int
) -> None:
    caller = type(clinic.patient)(
        "patient", "portal", (f"patient/AuditEvent.{scope}",), "PATRQT", clinic.patient.expires,
        "t", clinic.id, clinic.patient.session,
    )  # fmt: skip
    name = f"{clinic.id}.{clinic.rows('J#')[-1]['sk'][2:]}"

    assert clinic.world.call("GET /fhir/AuditEvent", caller).status == search
    assert clinic.world.call(f"GET /fhir/AuditEvent/{name}", caller).status == read


def test_nobody_else_reads_it(clinic: Clinic) -> None:
    name = f"{clinic.id}.{clinic.rows('J#')[-1]['sk'][2:]}"
    other = Clinic(clinic.world, granted=False)

    for path in (f"fhir/AuditEvent?patient={clinic.id}", f"fhir/AuditEvent/{name}",
                 f"journal/entry/{name}"):  # fmt: skip
        assert clinic.world.call(f"GET /{path}", clinic.doctor).status == 403
        assert clinic.world.call(f"GET /{path}", other.patient).status == 404


@pytest.mark.parametrize(
    "query", ["x=y", "_count=201", "_count=x", "date=x", "_page=x", "date=2026-13", "_sort=outcome",
              "_include=AuditEvent:entity", "patient=x"],
)  # fmt: skip
def test_what_cannot_be_asked_is_named(clinic: Clinic, query: str) -> None:
    reply = clinic.world.call(f"GET /fhir/AuditEvent?{query}", clinic.patient)

    assert reply.status == 400
    assert reply.json["issue"][0]["expression"] == [query.partition("=")[0]]


def test_an_entry_that_is_not_there_is_not_found(clinic: Clinic) -> None:
    for name in (f"{clinic.id}.0000000000000000", "x", clinic.id):
        assert clinic.world.call(f"GET /fhir/AuditEvent/{name}", clinic.patient).status == 404
