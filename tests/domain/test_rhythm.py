"""When a notice is told: the patient's rhythm, their quiet hours, Morocco's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import product
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.contact import CHANNELS, LANGUAGES, RHYTHMS, Contact
from dmp.domain.notices import Kind
from dmp.domain.rhythm import CHOSEN, PATIENT, TELL, next_digest, planned

ZONE = ZoneInfo("Africa/Casablanca")
EACH = Contact("+212612345678", None, "fr", "sms")
DAILY, NONE = replace(EACH, rhythm="daily", digest_hour=18), replace(EACH, rhythm="none")
NIGHT = replace(EACH, quiet=("21:00", "08:00"))
NOON = replace(EACH, quiet=("12:00", "14:30"))


def at(text: str) -> datetime:
    """A time of Morocco's clock."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


@pytest.mark.parametrize("kind", sorted(set(get_args(Kind)) - PATIENT))
@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_what_guards_the_record_is_told_at_once_whatever_was_chosen(kind: str, rhythm: str) -> None:
    contact = replace(NIGHT, rhythm=rhythm)  # type: ignore[arg-type]
    assert planned(kind, contact, at("2026-11-22T03:00")) == TELL
    assert {"break-glass", "contact-changed", "welcome"} <= set(get_args(Kind)) - PATIENT


@pytest.mark.parametrize("kind", ["break-glass", "contact-changed"])
def test_some_things_no_preference_suppresses_or_puts_off(kind: str) -> None:
    quiet = (None, ("00:00", "23:59"), ("21:00", "08:00"), ("12:00", "14:30"))
    every = product(LANGUAGES, CHANNELS, RHYTHMS, (0, 12, 23), quiet)
    chosen = [Contact("+212600000001", "n@example.org", *choice) for choice in every]
    hours = [at(f"2026-11-22T{hour:02d}:30") for hour in range(24)]

    assert len(chosen) == 4 * 2 * 3 * 3 * 4
    assert {planned(kind, contact, now) for contact in chosen for now in hours} == {TELL}


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-22T20:59:59", None),
        ("2026-11-22T21:00", "2026-11-23T08:00"),
        ("2026-11-22T23:59", "2026-11-23T08:00"),
        ("2026-11-23T00:00", "2026-11-23T08:00"),
        ("2026-11-23T07:59:59", "2026-11-23T08:00"),
        ("2026-11-23T08:00", None),
        ("2026-11-23T12:00", None),
    ],
)
def test_the_night_is_quiet(now: str, until: str | None) -> None:
    plan = planned("access", NIGHT, at(now))
    if until is None:
        assert plan == TELL
    else:
        assert (plan.act, plan.at) == ("wait", int(at(until).timestamp()))


def test_quiet_hours_may_lie_within_a_day() -> None:
    assert planned("access", NOON, at("2026-11-22T11:59")) == TELL
    assert planned("refused", NOON, at("2026-11-22T12:00")).at == int(
        at("2026-11-22T14:30").timestamp()
    )
    assert planned("access", NOON, at("2026-11-22T14:30")) == TELL


def test_a_digest_is_told_at_the_patients_hour() -> None:
    before, after = at("2026-11-22T17:59"), at("2026-11-22T18:00")
    first, second = planned("access", DAILY, before), planned("access", DAILY, after)
    assert (first.act, first.day, first.at) == (
        "digest", "20261122", int(at("2026-11-22T18:00").timestamp()),
    )  # fmt: skip
    assert second.day == "20261123"
    assert next_digest(DAILY, datetime.fromtimestamp(first.at, ZONE)) == second


def test_a_digest_waits_for_the_end_of_the_quiet_hours() -> None:
    late = replace(DAILY, digest_hour=22, quiet=("21:00", "08:00"))
    assert planned("digest", late, at("2026-11-22T22:00")).act == "wait"


def test_none_suppresses_accesses_alone() -> None:
    noon = at("2026-11-22T12:00")
    assert {
        kind for kind in get_args(Kind) if planned(kind, NONE, noon).act == "suppress"
    } == CHOSEN


# Morocco keeps +01:00 but for Ramadan, when the clock goes back: 2026-02-15 03:00 and 2026-03-22.
@pytest.mark.parametrize(
    ("now", "hour"),
    [
        ("2026-02-14T19:00", "2026-02-15T18:00+00:00"),
        ("2026-02-15T12:00", "2026-02-15T18:00+00:00"),
        ("2026-03-21T19:00", "2026-03-22T18:00+01:00"),
        ("2026-11-21T19:00", "2026-11-22T18:00+01:00"),
    ],
)
def test_the_hour_is_that_of_moroccos_clock_in_ramadan_too(now: str, hour: str) -> None:
    plan = planned("access", DAILY, at(now))
    assert plan.at == int(datetime.fromisoformat(hour).timestamp())


MINUTES = st.integers(0, 60 * 24 * 366 - 1)
CLOCKS = st.integers(0, 1439).map(lambda m: f"{m // 60:02d}:{m % 60:02d}")


@given(MINUTES, CLOCKS, CLOCKS, st.sampled_from(sorted(PATIENT)), st.sampled_from(RHYTHMS))
def test_nothing_waits_longer_than_a_day_and_the_end_of_quiet_is_not_quiet(
    minute: int, start: str, end: str, kind: str, rhythm: str
) -> None:
    now = at("2026-01-01T00:00") + timedelta(minutes=minute)
    quiet = None if start == end else (start, end)
    contact = replace(EACH, quiet=quiet, rhythm=rhythm)  # type: ignore[arg-type]
    plan = planned(kind, contact, now)
    if plan.act in ("wait", "digest"):
        waits = plan.at - now.timestamp()
        assert 0 < waits <= 25 * 3600
    if plan.act == "wait":
        assert planned(kind, contact, datetime.fromtimestamp(plan.at, ZONE)).act != "wait"
