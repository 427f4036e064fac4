"""Entries become accesses: one person, place and purpose for one hour; refusals by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.accesses import HOUR_MS, Wanted, grouped, millis, use_of
from dmp.domain.identifiers import commit_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry

START = 1_795_000_000_000
DOCTOR = {"kind": "practitioner", "inpe": "200000001", "name": "Dr Salma Amrani",
          "organization": "100000001", "organization_name": "Clinique Hôtel-Dieu"}  # fmt: skip
OTHER = {**DOCTOR, "inpe": "200000002", "name": "Dr Youssef Bennis"}


def entry(after_ms: int, who: dict[str, str] = DOCTOR, **changes: Any) -> Entry:
    members: dict[str, Any] = {
        "id": f"{'0' * 20}.{commit_id(START + after_ms, 1)}", "at": instant(START + after_ms),
        "action": "read", "outcome": "permit", "rule": "consent-permit", "who": who,
        "purpose": "TREAT", "salt": "",
    }  # fmt: skip
    return Entry(**{**members, **changes})


def test_an_access_lasts_an_hour_from_its_first_entry() -> None:
    entries = [entry(0), entry(HOUR_MS - 1), entry(HOUR_MS), entry(HOUR_MS + 1)]
    uses = grouped(entries)

    assert [len(use.entries) for use in uses] == [2, 2]
    assert uses[1].opening == entries[0]
    assert uses[1].entries[0] == entries[1]


@pytest.mark.parametrize(
    "other",
    [
        entry(1, OTHER),
        entry(1, {**DOCTOR, "organization": "100000002"}),
        entry(1, purpose="BTG"),
        entry(1, outcome="refuse", rule="policy-deny"),
        entry(1, {"kind": "patient", "patient": "0" * 20}),
    ],
    ids=["person", "place", "purpose", "refusal", "patient"],
)
def test_what_differs_stands_by_itself(other: Entry) -> None:
    assert len(grouped([entry(0), other, entry(2)])) == 2


times = st.lists(st.tuples(st.integers(0, 5 * HOUR_MS), st.sampled_from([DOCTOR, OTHER])),
                 unique_by=lambda pair: pair[0], max_size=30)  # fmt: skip


@given(times)
def test_every_entry_is_in_one_access_of_less_than_an_hour(pairs: list[Any]) -> None:
    entries = [entry(after, who) for after, who in pairs]
    uses = grouped(entries)

    assert sorted(e.id for use in uses for e in use.entries) == sorted(e.id for e in entries)
    for use in uses:
        assert millis(use.entries[0]) - millis(use.opening) < HOUR_MS
        assert {e.who["inpe"] for e in use.entries} == {use.who["inpe"]}
    openings = [use.opening.entry for use in uses]
    assert openings == sorted(openings, reverse=True)
    for one in entries:
        assert one in use_of(one, entries).entries


def test_kinds_are_told_and_no_content() -> None:
    named = entry(0, what=("Observation/x/_history/1", "MedicationRequest/y/_history/2"))
    empty = entry(1, action="search", query="Condition?code=73211009")
    written = entry(2, action="create", what=("Immunization/z/_history/1",))
    (use,) = grouped([named, empty, written])

    assert use.kinds(written=False) == ("illnesses", "medicines", "results")
    assert use.kinds(written=True) == ("vaccinations",)


USE = grouped([entry(0), entry(1000)])[0]
REFUSED = grouped([entry(0, outcome="refuse", rule="block")])[0]
URGENT = grouped([entry(0, purpose="BTG")])[0]


@pytest.mark.parametrize(
    ("use", "wanted", "taken"),
    [
        (USE, Wanted(), True),
        (USE, Wanted(since=instant(START + 1000)), True),
        (USE, Wanted(since=instant(START + 1001)), False),
        (USE, Wanted(until=instant(START + 1)), True),
        (USE, Wanted(until=instant(START)), False),
        (USE, Wanted(who="salma HOTEL"), True),
        (USE, Wanted(who="200000001"), True),
        (USE, Wanted(who="salma bennis"), False),
        (USE, Wanted(only="refused"), False),
        (REFUSED, Wanted(only="refused"), True),
        (URGENT, Wanted(only="break-glass"), True),
        (USE, Wanted(only="break-glass"), False),
        (USE, Wanted(reference=USE.entries[0].entry[-8:].upper()), True),
        (USE, Wanted(reference=USE.entries[1].entry[-8:].upper()), True),
        (USE, Wanted(reference="00000000"), False),
    ],
)
def test_what_is_wanted_is_taken(use: Any, wanted: Wanted, taken: bool) -> None:
    assert wanted.takes(use) is taken


def test_the_first_rule_comes_first() -> None:
    first, then = entry(0), replace(entry(1), rule="policy-permit")
    assert grouped([then, first])[0].rules == ("consent-permit", "policy-permit")
