"""Instants are text in UTC, and every FHIR date and time has its place among them."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.instants import http_date, in_utc, instant

millis = st.integers(0, 253402300799999)


@given(millis, millis)
def test_text_order_is_time_order(one: int, other: int) -> None:
    assert (instant(one) < instant(other)) == (one < other)
    assert in_utc(instant(one)) == instant(one)


@given(millis)
def test_an_http_date_is_that_of_rfc_9110(at: int) -> None:
    moment = datetime.fromtimestamp(at // 1000, UTC)

    assert http_date(at) == format_datetime(moment, usegmt=True)


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [
        ("2026", "2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2026-12", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"),
        ("2024-02", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z"),
        ("2026-02-28", "2026-02-28T00:00:00.000Z", "2026-03-01T00:00:00.000Z"),
        ("9999-12-31", "9999-12-31T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
        ("9999-12", "9999-12-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
        ("9999", "9999-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"),
    ],
)
def test_a_date_lasts_to_its_end(text: str, begins: str, ends: str) -> None:
    assert in_utc(text) == begins
    assert in_utc(text, end=True) == ends


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00.000Z"),
        ("2026-11-22T10:00:00.1234567Z", "2026-11-22T10:00:00.123Z"),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z"),
        ("9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_is_moved_to_utc(text: str, expected: str) -> None:
    assert in_utc(text) == expected
    assert in_utc(text, end=True) == expected


@pytest.mark.parametrize("text", ["", "x", "2026-13", "2026-02-30", "2026-11-22T25:00:00Z"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        in_utc(text)
