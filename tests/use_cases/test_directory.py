"""Lines of the directory: all of them taken, or every fault told by its place."""

from __future__ import annotations

from typing import Any

import pytest

from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import ROLES, Book
from dmp.use_cases.directory import Line, NotTaken, book_of

CLINIC, PHYSICIAN = "100000011", "200000011"


def lines(**changes: dict[str, Any]) -> list[Line]:
    """Good lines; `changes` by kind go into its line, None takes a member out."""
    good: dict[str, dict[str, Any]] = {
        "organizations": {"inpe": CLINIC, "id": "org-1", "name": "Clinique Al Amal"},
        "practitioners": {
            "inpe": PHYSICIAN, "id": "prac-1", "family": "Bennani", "given": ["Salma"],
            "name": "Dr Salma Bennani",
        },
        "roles": {
            "practitioner": PHYSICIAN, "organization": CLINIC, "role": "physician",
            "starts": "2020-01-01",
        },
    }  # fmt: skip
    merged = {kind: {**row, **changes.get(kind, {})} for kind, row in good.items()}
    return [
        Line(kind, kind, {name: value for name, value in row.items() if value is not None})
        for kind, row in merged.items()
    ]


def test_good_lines_become_entries_under_the_names_of_each_other() -> None:
    book = book_of(lines(roles={"ends": "2030-12-31"}), Book())

    assert set(book) == {
        Organization(CLINIC, "org-1", "Clinique Al Amal"),
        Practitioner(PHYSICIAN, "prac-1", "Bennani", ("Salma",), "Dr Salma Bennani"),
        Role(PHYSICIAN, CLINIC, "physician", "2020-01-01", "prac-1", "org-1",
             "Dr Salma Bennani", "Clinique Al Amal", ends="2030-12-31"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        *(("organizations", "inpe", v) for v in ("12345678", "1234567890", "12345678x", 123456789)),
        *(("organizations", "name", v) for v in (None, "", " x", "x ", "é" * 101, "a\tb", 7)),
        *(("organizations", "id", v) for v in ("a/b", "", "a.b", "x" * 65, "é", "0" * 20)),
        *(("organizations", "active", v) for v in ("yes", 1)),
        *(("organizations", "ends", v) for v in ("2021-02-29", "31-12-2026", 2026)),
        *(("practitioners", "given", v) for v in ([], "Salma", [""], [None], None)),
        ("practitioners", "family", None),
        *(("roles", "practitioner", v) for v in ("200000012", None, CLINIC)),
        *(("roles", "organization", v) for v in ("100000012", PHYSICIAN)),
        *(("roles", "role", v) for v in ("phisician", "Physician", None, ["nurse"], "x" * 65)),
        *(("roles", "starts", v) for v in ("2020-1-1", "20200101", "2021-02-29", 2020, None)),
        *(("roles", "ends", v) for v in ("never", "2019-12-31")),
    ],
    ids=str,
)
def test_a_fault_is_told_by_its_place_and_column(kind: str, column: str, value: Any) -> None:
    with pytest.raises(NotTaken) as refused:
        book_of(lines(**{kind: {column: value}}), Book())

    told = {(fault.place, fault.column): fault.accepted for fault in refused.value.faults}
    assert told.get((kind, column))
    assert not isinstance(value, str) or len(value) < 8 or value not in str(told)


def test_every_fault_is_told_at_once() -> None:
    bad = lines(organizations={"name": None, "inpe": "1"}, roles={"role": "x", "starts": ""})

    with pytest.raises(NotTaken) as refused:
        book_of(bad, Book())

    assert len(refused.value.faults) == 4


def test_names_too_long_together_need_one_that_is_not() -> None:
    long = {"family": "a" * 150, "given": ["b" * 150], "name": None}

    with pytest.raises(NotTaken) as refused:
        book_of(lines(practitioners=long), Book())

    assert [fault.column for fault in refused.value.faults] == ["name"]


@pytest.mark.parametrize("kind", ["organizations", "practitioners", "roles"])
def test_two_lines_about_the_same_are_refused(kind: str) -> None:
    twice = [*lines(), *(Line("again", kind, one.row) for one in lines() if one.kind == kind)]

    with pytest.raises(NotTaken) as refused:
        book_of(twice, Book())

    assert [(f.place, kind in f.accepted) for f in refused.value.faults] == [("again", True)]


def test_an_id_is_kept_for_ever_and_is_nobody_elses() -> None:
    before = book_of(lines(), Book())
    other = {"inpe": "100000012", "name": "Autre"}

    kept = book_of(lines(organizations={"id": None, "name": "Nouveau nom"}), before)
    assert kept.organization(CLINIC) == Organization(CLINIC, "org-1", "Nouveau nom")
    for row in ({"inpe": CLINIC, "name": "A", "id": "org-2"}, {**other, "id": "org-1"}):
        with pytest.raises(NotTaken) as refused:
            book_of([Line("1", "organizations", row)], before)
        assert [fault.column for fault in refused.value.faults] == ["id"]


def test_without_an_id_the_number_is_one() -> None:
    book = book_of(lines(organizations={"id": None}, practitioners={"id": None}), Book())

    assert [e.id for e in book if not isinstance(e, Role)] == [CLINIC, PHYSICIAN]


def test_what_changes_is_told_apart() -> None:
    before = book_of(lines(), Book())
    ends = book_of(lines(roles={"ends": "2026-12-31"}), before).differences(before)
    renamed = book_of(lines(organizations={"name": "Autre"}), before).differences(before)
    again = book_of(lines(), before).differences(before)
    closed = book_of(lines(organizations={"active": False}), before).differences(before)
    added = before.differences(Book())

    assert [type(e) for e in ends.ended] == [Role]
    assert {type(e) for e in renamed.changed} == {Organization, Role}  # a role bears the name
    assert again.entries == ()
    assert [type(e) for e in closed.ended] == [Organization]
    assert len(added.added) == 3


def test_the_roles_that_the_server_acts_on_are_among_the_roles() -> None:
    assert {"administrator", "auditor", "registrar", "physician"} <= set(ROLES)


def test_nothing_to_load_is_nothing_loaded() -> None:
    assert book_of([], Book()) == Book()
