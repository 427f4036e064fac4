"""What proves a person: its limits, and that nothing of it is lost on the way to its row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain import credential as rules
from dmp.domain.credential import Credential, Passkey, Pin
from dmp.domain.refusals import Invalid

NOW = 1_795_000_000
PIN = Pin("00" * 16, 14, "11" * 32)
KEY = Passkey("a", "k", 0, backed_up=False, name="x", created=1)
texts = st.text(max_size=8)
passkeys = st.builds(
    Passkey, id=texts, key=texts, count=st.integers(0, 9), backed_up=st.booleans(), name=texts,
    created=st.integers(0, 9),
)  # fmt: skip
pins = st.builds(Pin, salt=texts, cost=st.integers(1, 20), mac=texts, wrong=st.integers(0, 5))
credentials = st.builds(
    Credential, holder=texts, version=st.integers(0, 9), pin=st.none() | pins,
    recovery=st.lists(texts, max_size=3).map(tuple), passkeys=st.lists(passkeys).map(tuple),
)  # fmt: skip


@given(credentials)
def test_a_row_holds_all_of_it(credential: Credential) -> None:
    assert Credential.from_text(credential.to_text()) == credential


@pytest.mark.parametrize(("wrong", "since", "locked"), [
    (4, 0, 0), (5, 0, 3600), (5, 3599, 1), (5, 3600, 0), (0, 0, 0),
])  # fmt: skip
def test_five_wrong_tries_lock_for_an_hour(wrong: int, since: int, locked: int) -> None:
    pin = Pin("", 14, "", wrong, NOW)

    assert pin.locked_s(NOW + since) == locked
    assert pin.tried_wrong(NOW).wrong == (1 if wrong == 5 else wrong + 1)


@pytest.mark.parametrize("pin", ["860413", "591736", "٨٦٠٤١٣", " 86 04 13 ", "198503141402"])
def test_a_pin_that_will_do(pin: str) -> None:
    assert len(rules.pin_of(pin)) in (6, 12)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(6, 12))
def test_no_pin_goes_up_or_down_in_equal_steps(first: int, step: int, length: int) -> None:
    digits = "".join(str((first + i * step) % 10) for i in range(length))

    with pytest.raises(Invalid):
        rules.pin_of(digits)


@given(st.integers(0, 2**80 - 1))
def test_a_recovery_code_is_read_however_it_is_written(random: int) -> None:
    code = rules.recovery_code(random)

    kept = code.replace("-", "")
    assert len(kept) == 16
    for written in (code, code.lower(), kept.replace("0", "O").replace("1", "l"), f" {kept} "):
        assert rules.typed_recovery_code(written) == kept


def test_recovery_codes_go_with_the_last_thing_they_stand_in_for() -> None:
    both = Credential("h", 1, PIN, ("m",), (KEY,))

    assert both.without(KEY.handle).recovery == both.without_pin().recovery == ("m",)
    assert both.without_pin().without(KEY.handle) == Credential("h", 1)
    assert both.without(KEY.handle).without_pin() == Credential("h", 1)
    assert both.without("another") == both


def test_what_is_known() -> None:
    assert not Credential("h", 1, None, ("m",)).known
    assert Credential("h", 1, PIN).known
    assert Credential("h", 1, None, (), (KEY,)).known


def test_a_passkey_is_replaced_by_its_id() -> None:
    again = Passkey("a", "k2", 3, backed_up=True, name="y", created=2, used=5)

    assert Credential("h", passkeys=(KEY,)).with_passkey(again).passkeys == (again,)
    assert again.shown()["last_used"] == 5


def test_holders_are_told_apart() -> None:
    assert rules.is_patient_holder("0123456789abcdefghij")
    assert not rules.is_patient_holder(rules.practitioner_holder("200000001", "100000001"))
    assert not rules.is_patient_holder("0123456789abcdefghij\n")
    handles = {Credential(h).user_handle for h in ("a", "b")}
    assert len(handles) == 2
