"""What `$everything` is asked for, as a table of cases."""

from __future__ import annotations

import pytest

from dmp.domain.record import Version
from dmp.domain.refusals import BadParameter
from dmp.use_cases.everything import everything_of

AT = "2026-11-22T10:00:00.000Z"


def version(kind: str = "Observation", date: str = "2026-11-20T09:30:00+01:00") -> Version:
    """A resource."""
    return Version(kind, "p.c.s", 1, AT, "c", "1", "1", b"{}", date=date)


CASES: list[tuple[list[tuple[str, str]], Version, bool]] = [
    ([], version(), True),
    ([("_type", "Observation,Condition")], version(), True),
    ([("_type", "Condition"), ("_type", "Encounter")], version("Encounter"), True),
    ([("_type", "Condition")], version(), False),
    ([("_since", "2026-11-22T10:00:00Z")], version(), True),
    ([("_since", "2026-11-22T10:00:00.001Z")], version(), False),
    ([("_since", "2026-11-22T11:00:00.001+01:00")], version(), False),
    ([("start", "2026-11-20")], version(), True),
    ([("start", "2026-11-21")], version(), False),
    ([("end", "2026-11-20")], version(), True),
    ([("end", "2026-11-19")], version(), False),
    ([("start", "2026"), ("end", "2026")], version(), True),
    ([("start", "2026-11-21")], version(date="2026-11"), True),
    ([("start", "2026-12-01")], version(date="2026-11"), False),
    ([("start", "2026-11-20T08:30:00Z")], version(), True),
    ([("start", "2026-11-20T08:30:01Z")], version(), False),
    ([("start", "2030-01-01")], version(date=""), True),
]


@pytest.mark.parametrize(("parameters", "one", "taken"), CASES)
def test_a_resource_is_taken_or_not(
    parameters: list[tuple[str, str]], one: Version, taken: bool
) -> None:
    assert everything_of(parameters).takes(one) is taken


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("_count", "0"),
        ("_count", "-1"),
        ("_count", "many"),
        ("_type", "Nonsense"),
        ("_type", ""),
        ("_since", "yesterday"),
        ("start", "2026-13"),
        ("end", "x"),
        ("code", "1"),
    ],
)
def test_a_parameter_of_a_wrong_form_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadParameter) as refused:
        everything_of([(name, value)])

    assert refused.value.issues[0].expression == name


def test_a_parameter_twice_is_refused() -> None:
    with pytest.raises(BadParameter):
        everything_of([("_count", "1"), ("_count", "2")])
