"""Date and number arithmetic, against a brute force over moments and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.fhir.search import matches, parse
from dmp.fhir.search_ranges import moments

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "first", "after"),
    [
        ("2024", "2024-01-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"),
        ("2023", "2023-01-01T00:00:00+00:00", "2024-01-01T00:00:00+00:00"),
        ("2024-02", "2024-02-01T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2024-12", "2024-12-01T00:00:00+00:00", "2025-01-01T00:00:00+00:00"),
        ("2024-02-29", "2024-02-29T00:00:00+00:00", "2024-03-01T00:00:00+00:00"),
        ("2024-02-29T10:30", "2024-02-29T10:30:00+00:00", "2024-02-29T10:31:00+00:00"),
        ("2024-02-29T10:30:05Z", "2024-02-29T10:30:05+00:00", "2024-02-29T10:30:06+00:00"),
        ("2024-02-29T10:30:05+01:00", "2024-02-29T09:30:05+00:00", "2024-02-29T09:30:06+00:00"),
        ("2024-02-29T10:30:05 01:00", "2024-02-29T09:30:05+00:00", "2024-02-29T09:30:06+00:00"),
        ("2024-02-29T10:00:05.5-03:30", "2024-02-29T13:30:05.5+00:00",
         "2024-02-29T13:30:05.6+00:00"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59+00:00", "2017-01-01T00:00:00+00:00"),
        ("9999", "9999-01-01T00:00:00+00:00", None),
        ("9999-12-31", "9999-12-31T00:00:00+00:00", None),
    ],
)  # fmt: skip
def test_a_date_is_as_long_as_it_is_written(text: str, first: str, after: str | None) -> None:
    span = moments(text)
    assert span is not None
    assert span[0] == _micros(datetime.fromisoformat(first))
    if after:
        assert span[1] + 1 == _micros(datetime.fromisoformat(after))


@pytest.mark.parametrize("text", ["", "24", "2024-13", "2023-02-29", "0000", "2024-01-01T25:00"])
def test_what_is_no_date(text: str) -> None:
    assert moments(text) is None


DAYS = st.dates(min_value=datetime(1999, 12, 1).date(), max_value=datetime(2001, 2, 1).date())  # noqa: DTZ001
WRITTEN = st.tuples(DAYS, st.sampled_from(["%Y", "%Y-%m", "%Y-%m-%d"])).map(
    lambda pair: pair[0].strftime(pair[1])
)


@given(WRITTEN, WRITTEN)
def test_prefixes_mean_what_r4_says(asked: str, held: str) -> None:
    low, high = moments(asked) or (0, 0)
    first, last = moments(held) or (0, 0)
    resource = {"resourceType": "Observation", "effectiveDateTime": held}
    expected = {
        "eq": low <= first and last <= high,
        "ne": not (low <= first and last <= high),
        "gt": last > high,
        "lt": first < low,
        "ge": last > high or (low <= first and last <= high),
        "le": first < low or (low <= first and last <= high),
        "sa": first > high,
        "eb": last < low,
        "ap": first <= high and low <= last,
    }
    for prefix, wanted in expected.items():
        found = matches(parse("Observation", [("date", prefix + asked)]), resource)
        assert found is wanted, prefix


@pytest.mark.parametrize(
    ("period", "query", "expected"),
    [
        ({"start": "2015"}, "gt2020", True), ({"start": "2015"}, "2015", False),
        ({"end": "2015"}, "lt2000", True), ({"end": "2015"}, "sa2014", False),
        ({"start": "2015", "end": "2015"}, "2015", True), ({}, "ap2015", True),
    ],
)  # fmt: skip
def test_open_periods(period: dict[str, str], query: str, expected: bool) -> None:
    resource = {"resourceType": "Observation", "effectivePeriod": period}
    assert matches(parse("Observation", [("date", query)]), resource) is expected


def test_timings_span_their_events() -> None:
    timing = {"event": ["2015-01-01", "2015-12-31"], "repeat": {"boundsPeriod": {"end": "2016"}}}
    resource = {"resourceType": "Observation", "effectiveTiming": timing}
    assert matches(parse("Observation", [("date", "lt2015")]), resource)
    assert matches(parse("Observation", [("date", "le2016")]), resource)
    empty = {"resourceType": "Observation", "effectiveTiming": {"code": {"text": "x"}}}
    assert not matches(parse("Observation", [("date", "ge1900")]), empty)


NUMBERS = st.decimals(min_value=-20, max_value=20, places=1) | st.integers(-20, 20).map(Decimal)


@given(NUMBERS, NUMBERS)
def test_numbers_compare(asked: Decimal, held: Decimal) -> None:
    half = Decimal(5).scaleb(int(asked.as_tuple().exponent) - 1)
    resource = {"resourceType": "Observation", "valueQuantity": {"value": held}}
    expected = {
        "": asked - half <= held < asked + half,
        "ne": not asked - half <= held < asked + half,
        "gt": held > asked,
        "lt": held < asked,
        "ge": held >= asked,
        "le": held <= asked,
        "sa": held > asked,
        "eb": held < asked,
        "ap": abs(held - asked) <= abs(asked) / 10,
    }
    for prefix, wanted in expected.items():
        query = parse("Observation", [("value-quantity", f"{prefix}{asked}")])
        assert matches(query, resource) is wanted, prefix


@pytest.mark.parametrize(
    ("value", "query", "expected"),
    [
        ({"value": 5, "comparator": "<"}, "lt1", True),
        ({"value": 5, "comparator": "<"}, "5", False),
        ({"value": 5, "comparator": ">="}, "gt100", True), ({"unit": "cm"}, "5", False),
        ({"value": True}, "1", False), ({"value": 1.5}, "1.5", True),
    ],
)  # fmt: skip
def test_comparators_are_open_ranges(value: dict[str, object], query: str, expected: bool) -> None:
    resource = {"resourceType": "Observation", "valueQuantity": value}
    assert matches(parse("Observation", [("value-quantity", query)]), resource) is expected


def test_ranges_and_numbers() -> None:
    risk = {
        "resourceType": "RiskAssessment",
        "prediction": [{"probabilityDecimal": Decimal("0.8")}],
    }
    assert matches(parse("RiskAssessment", [("probability", "gt0.5")]), risk)
    onset = {
        "resourceType": "Condition",
        "onsetRange": {"low": {"value": 20, "unit": "a"}, "high": {"value": 30, "unit": "a"}},
    }
    assert matches(parse("Condition", [("onset-age", "le25")]), onset)
    assert matches(parse("Condition", [("onset-age", "ge25||a")]), onset)
    assert not matches(parse("Condition", [("onset-age", "25||mo")]), onset)
