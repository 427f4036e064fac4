"""What outsiders see of an activation, and what the operator reads."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from dmp.domain.activation import (
    Activation,
    Asked,
    Finding,
    Status,
    ended,
    finding_of,
    is_email,
)
from dmp.domain.person import Person

ASKED = Asked(
    "urn:ma:cin", "BE742318", "El Idrissi", ("Nadia",), "1985-03-14", "+212612345678", None,
    "fr", "sms", "deny",
)  # fmt: skip
NADIA = Person("El Idrissi", ("Nadia",), "1985-03-14", "+212612345678", ())
ROW = Activation("a", "verifying", since=0, until=100, ttl=1000, asked=ASKED, patient="p")


@pytest.mark.parametrize(
    ("status", "reason", "tries", "now", "seen"),
    [
        ("verifying", "", 3, 99, {"status": "verifying"}),
        ("verifying", "", 3, 100, {"status": "expired"}),
        ("awaiting-code", "", 3, 99, {"status": "awaiting-code"}),
        ("awaiting-code", "", 3, 100, {"status": "expired"}),
        ("awaiting-code", "", 0, 99, {"status": "refused", "reason": "not-confirmed"}),
        ("awaiting-code", "", 0, 100, {"status": "refused", "reason": "not-confirmed"}),
        ("opening", "", 2, 500, {"status": "opening"}),
        ("active", "", 2, 500, {"status": "active", "patient": "p"}),
        ("refused", "not-confirmed", 0, 500, {"status": "refused", "reason": "not-confirmed"}),
        ("expired", "", 3, 500, {"status": "expired"}),
        ("failed", "", 3, 500, {"status": "failed"}),
    ],
)
def test_each_state_as_outsiders_see_it(
    status: Status, reason: str, tries: int, now: int, seen: dict[str, str]
) -> None:
    row = replace(ROW, status=status, reason=reason, tries=tries)

    assert row.view_at(now) == {"id": "a", **seen}


def test_no_finding_can_be_told_apart_from_outside() -> None:
    for status in ("verifying", "awaiting-code"):
        views = [replace(ROW, status=status, finding=f).view_at(50) for f in get_args(Finding)]
        assert all(view == views[0] for view in views)


@pytest.mark.parametrize(
    ("person", "has_record", "finding"),
    [
        (NADIA, False, "matched"),
        (None, False, "unknown"),
        (None, True, "unknown"),
        (NADIA, True, "duplicate"),
        (replace(NADIA, family="Bennis"), True, "differs"),
        (replace(NADIA, birth_date="1985-03-15"), False, "differs"),
        (replace(NADIA, died=True), False, "died"),
        (replace(NADIA, phone=None), False, "in-person"),
        (replace(NADIA, phone="+212661111111"), False, "other-phone"),
    ],
)
def test_only_a_full_match_gets_a_code(
    person: Person | None, has_record: bool, finding: Finding
) -> None:
    assert finding_of(ASKED, person, has_record) == finding


def test_the_operator_keeps_the_first_truth() -> None:
    assert ended("matched", "expired") == "expired"
    assert ended("duplicate", "not-confirmed") == "duplicate"


def test_a_request_survives_its_row() -> None:
    assert Asked.from_text(ASKED.to_text()) == ASKED


@pytest.mark.parametrize(
    ("address", "valid"),
    [
        ("nadia@example.org", True),
        ("n.el+dmp@mail.example.co.ma", True),
        ("nadia@example", False),
        ("nadia@@example.org", False),
        ("na dia@example.org", False),
        ("نادية@example.org", False),
        ("nadia@example.org\nBcc: x@example.org", False),
        ("x" * 65 + "@example.org", False),
        ("", False),
        (7, False),
    ],
)
def test_an_address_that_mail_providers_take(address: object, valid: bool) -> None:
    assert is_email(address) is valid
