"""How often codes may be asked for, what a typed code is, how long a session lasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain import sign_in
from dmp.domain.sign_in import DAY_S, HOUR_S

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("sent", "wait"),
    [
        ((), 0),
        ((NOW,), 60),
        ((NOW - 59,), 1),
        ((NOW - 60,), 0),
        ((NOW - 3599, NOW - 400, NOW - 300, NOW - 200, NOW - 100), 1),
        ((NOW - 3600, NOW - 400, NOW - 300, NOW - 200, NOW - 100), 0),
        ((NOW - 500, NOW - 400, NOW - 300, NOW - 200, NOW - 100), 3100),
        (tuple(NOW - DAY_S + 10 + n * 2 * HOUR_S for n in range(10)), 10),
        (tuple(NOW - DAY_S + n * 2 * HOUR_S for n in range(10)), 0),
    ],
)
def test_a_code_waits_for_the_minute_the_hour_and_the_day(sent: tuple[int, ...], wait: int) -> None:
    assert sign_in.wait_s(sent, NOW) == wait


@given(st.lists(st.integers(0, 3 * DAY_S), max_size=200))
def test_whatever_the_attempts_no_window_holds_more_than_its_number(attempts: list[int]) -> None:
    kept: tuple[int, ...] = ()
    sent = []
    for at in sorted(attempts):
        if sign_in.wait_s(kept, at) == 0:
            kept = sign_in.with_one_more(kept, at)
            sent.append(at)

    for at in sent:
        assert sum(at <= other < at + 60 for other in sent) == 1
        assert sum(at <= other < at + HOUR_S for other in sent) <= 5
        assert sum(at <= other < at + DAY_S for other in sent) <= 10
    assert len(kept) <= 10


@given(st.lists(st.integers(0, DAY_S), min_size=1, max_size=20))
def test_after_the_wait_a_code_may_be_asked_for(attempts: list[int]) -> None:
    kept: tuple[int, ...] = ()
    now = 0
    for step in attempts:
        now += step
        now += sign_in.wait_s(kept, now)

        assert sign_in.wait_s(kept, now) == 0
        kept = sign_in.with_one_more(kept, now)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("١٢٣٤٥٦", "123456"),
        ("۱۲۳۴۵۶", "123456"),
        ("000000", "000000"),
        ("12345", None),
        ("1234567", None),
        ("12345a", None),
        ("12345½", None),
        ("-12345", None),
        ("", None),
    ],
)
def test_a_typed_code_is_six_digits_of_any_script(text: str, digits: str | None) -> None:
    assert sign_in.typed(text) == digits


def test_codes_and_secrets_keep_their_length() -> None:
    assert sign_in.code(0) == "000000"
    assert sign_in.code(1_000_007) == "000007"
    assert len(sign_in.secret(0)) == len(sign_in.secret((1 << 256) - 1)) == 43


def test_a_session_idles_thirty_minutes_and_never_outlives_its_end() -> None:
    until = NOW + sign_in.SESSION_S_MAX

    assert sign_in.session_expires(NOW, until) == NOW + 1800
    assert sign_in.session_expires(until - 60, until) == until


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.10", "192.0.2.10"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("test-invoke-source-ip", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_household_is_one_source(address: str, source: str) -> None:
    assert sign_in.source_of(address) == source
