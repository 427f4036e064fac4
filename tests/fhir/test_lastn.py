"""The newest of each code: R4's own examples, ties, and a slow oracle that shares no code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dmp.domain.refusals import BadParameter
from dmp.fhir.lastn import most_of, newest
from tests.brute import held_span
from tests.shelf import DATES, Json

NOON = "2026-11-20T12:00:00Z"


def one(code: str, effective: object = NOON) -> Json:
    """`a b` are two codings, `'a'` is a text; effective a date, a Period or nothing."""
    codes, *texts = code.split("'")
    codings = [{"system": "urn:t", "code": part} for part in codes.split()]
    told: Json = {"coding": codings} if codings else {}
    if texts:
        told["text"] = texts[0]
    name = "effectivePeriod" if isinstance(effective, dict) else "effectiveDateTime"
    when = {name: effective} if effective else {}
    return {"resourceType": "Observation", "code": told, **when}


GROUPS: list[tuple[list[str], int]] = [
    (["a", "b", "c"], 3),
    (["a", "b", "a c"], 2),
    (["a", "b", "a b"], 1),
    (["a b", "c d", "b c", "d e"], 1),
    (["'textM'", "'Text'", "'t e x t'"], 3),
    (["'text'", "'text'"], 1),
    (["a 'text'", "'text'", "b 'text'"], 3),
    (["", ""], 2),
]


@pytest.mark.parametrize(("codes", "groups"), GROUPS)
def test_codes_are_grouped_as_r4_shows(codes: list[str], groups: int) -> None:
    older = [one(code, f"2026-11-{i:02}") for i, code in enumerate(codes, 1)]

    assert len(newest(older, 1)) == groups


def test_codings_are_equal_by_system_and_code() -> None:
    def coded(**coding: str) -> Json:
        return {"code": {"coding": [coding]}, "effectiveDateTime": NOON}

    alike = coded(system="urn:t", code="a", display="A", version="1")
    older = {**alike, "effectiveDateTime": "2025"}
    for other, kept in (
        (coded(system="urn:t", code="a"), [0]),
        (coded(code="a"), [0, 1]),
        (coded(system="urn:u", code="a"), [0, 1]),
        (coded(display="A"), [0, 1]),
    ):
        assert newest([{**other, "effectiveDateTime": "2027"}, older], 1) == kept


def test_what_is_only_displayed_is_told_by_its_text() -> None:
    told = [{"code": {"coding": [{"display": "x"}], "text": "T"}}, {"code": {"text": "T"}}]
    assert newest(told, 1) == [1]


TIMES: list[tuple[list[object], int, list[int]]] = [
    (["2026-01-01", "2026-01-02", "2026-01-03"], 1, [2]),
    (["2026-01-03", "2026-01-02", "2026-01-01"], 2, [0, 1]),
    ([NOON, NOON, "2025"], 1, [0, 1]),
    ([NOON, "2026-11-20T13:00:00+01:00", "2025"], 1, [0, 1]),
    (["2024", NOON, "2025", "2025", "2025"], 2, [1, 2, 3, 4]),
    (["2024", NOON, "2025", "2025", "2025"], 1, [1]),
    (["2024", NOON], 9, [0, 1]),
    # a day ends after its noon, and an open period after everything
    (["2026-11-20", NOON], 1, [0]),
    ([NOON, {"start": "2020"}, "2026-12"], 1, [1]),
    ([{"start": "2020", "end": "2021"}, {"start": "2019", "end": "2021"}], 1, [0]),
    # without a time: after the others, the last written first, and never equal
    (["", "", "2001"], 1, [2]),
    (["", "", "2001"], 2, [1, 2]),
    (["", ""], 1, [1]),
]


@pytest.mark.parametrize(("times", "most", "kept"), TIMES)
def test_so_many_of_the_newest_are_kept_and_ties_with_them(
    times: list[object], most: int, kept: list[int]
) -> None:
    assert newest([one("a", when) for when in times], most) == kept


def test_nothing_has_no_newest() -> None:
    assert newest([], 1) == []


def slow(observations: Sequence[Json], most: int) -> list[int]:
    """By hand: sets of names that are united until none overlap; rank by counting the newer."""
    groups: list[tuple[set[str], set[int]]] = []
    for i, each in enumerate(observations):
        codings = {f"{c.get('system')}|{c['code']}" for c in each["code"].get("coding", [])}
        names = codings or {"'" + each["code"].get("text", f"{i}'")}
        members = {i}
        for other in [g for g in groups if g[0] & names]:
            groups.remove(other)
            names, members = names | other[0], members | other[1]
        groups.append((names, members))
    kept = []
    for _, members in groups:
        ends = {i: ends_of(observations[i]) for i in members}
        for i in members:
            newer = [j for j in members if ends[j] > ends[i]]
            undated = [j for j in members if not ends[i] and not ends[j] and j > i]
            if len(newer) + len(undated) < most:
                kept.append(i)
    return sorted(kept)


def ends_of(observation: Json) -> tuple[Any, ...]:
    """When it ended and when it began; nothing without a time."""
    when = observation.get("effectiveDateTime")
    return tuple(reversed(held_span(when))) if when else ()


CODES = st.sampled_from(["a", "b", "c", "a b", "b c", "c d", "d", "'x'", "'y'", "a 'x'"])


@given(st.lists(st.builds(one, CODES, st.one_of(DATES, st.just(""))), max_size=12),
       st.integers(1, 4))  # fmt: skip
@example([one("a"), one("b"), one("a b"), one("a", "")], 2)
def test_it_is_what_the_slow_way_finds(observations: list[Json], most: int) -> None:
    assert newest(observations, most) == slow(observations, most)


@pytest.mark.parametrize(
    ("pairs", "place"),
    [
        ([("max", "0"), ("code", "x")], "max"),
        ([("max", "-1"), ("code", "x")], "max"),
        ([("max", "two"), ("code", "x")], "max"),
        ([("max", "٣"), ("code", "x")], "max"),
        ([("max", "9" * 10), ("code", "x")], "max"),
        ([("max", "1"), ("max", "1"), ("code", "x")], "max"),
        ([("_sort", "date"), ("code", "x")], "_sort"),
        ([], "category"),
        ([("status", "final")], "category"),
        ([("encounter.code", "x")], "category"),
    ],
    ids=["zero", "negative", "word", "arabic digit", "huge", "twice", "order", "nothing",
         "no code", "another's code"],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(pairs: list[tuple[str, str]], place: str) -> None:
    with pytest.raises(BadParameter) as refused:
        most_of(pairs)

    assert refused.value.issues[0].expression == place


@pytest.mark.parametrize(
    "name", ["category", "category:not", "code", "code:text", "combo-code", "code-value-quantity",
             "component-code"]
)  # fmt: skip
def test_category_or_a_code_is_enough(name: str) -> None:
    assert most_of([(name, "x")]) == 1
    assert most_of([(name, "x"), ("max", "3")]) == 3
