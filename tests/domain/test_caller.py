"""Who is live, and what a scope covers: SMART v2 to the letter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dmp.domain.caller import Caller, Kind
from dmp.domain.refusals import ScopeMissing, Unauthenticated

NOW, DAY = 1_795_000_000, "2026-11-22"
PATIENT = Caller("patient", "portal", (), "PATRQT", NOW + 60, "t", "p" * 20, "s1")
DOCTOR = Caller(
    "practitioner", "app", (), "TREAT", NOW + 60, "t", practitioner="2", organization="1"
)
LIVE: dict[str, dict[str, Any]] = {
    "session#s1": {"active": True, "expires": NOW + 1},
    "client#app": {"active": True},
    "role#2#1": {"active": True, "starts": DAY, "ends": DAY},
    "practitioner#2": {"active": True},
    "organization#1": {"active": True},
}


@pytest.mark.parametrize(
    ("scope", "kind", "resource_type", "letter", "expected"),
    [
        ("user/Observation.r", "practitioner", "Observation", "r", True),
        ("user/Observation.rs", "practitioner", "Observation", "s", True),
        ("user/Observation.rs", "practitioner", "Observation", "c", False),
        ("user/Observation.rs", "practitioner", "Condition", "r", False),
        ("user/*.cruds", "practitioner", "Condition", "d", True),
        ("system/*.cruds", "practitioner", "Condition", "d", True),
        ("patient/*.cruds", "practitioner", "Condition", "d", False),
        ("patient/*.cruds", "patient", "Condition", "d", True),
        ("user/*.cruds", "patient", "Condition", "r", False),
        ("system/*.cruds", "patient", "Condition", "r", False),
        ("user/*.sr", "practitioner", "Condition", "r", False),
        ("user/*.rr", "practitioner", "Condition", "r", False),
        ("user/*.read", "practitioner", "Condition", "r", False),
        ("user/*.*", "practitioner", "Condition", "r", False),
        ("user/*.", "practitioner", "Condition", "r", False),
        ("user/*", "practitioner", "Condition", "r", False),
        ("user/Observation.r?category=laboratory", "practitioner", "Observation", "r", False),
        ("user/Obs*.r", "practitioner", "Observation", "r", False),
        ("USER/*.r", "practitioner", "Observation", "r", False),
        ("user*.r", "practitioner", "Observation", "r", False),
        ("openid", "patient", "Observation", "r", False),
        ("", "practitioner", "Observation", "r", False),
    ],
)
def test_a_scope_covers_what_smart_v2_says(
    scope: str, kind: Kind, resource_type: str, letter: str, expected: bool
) -> None:
    caller = replace(PATIENT if kind == "patient" else DOCTOR, scopes=("launch", scope))

    assert caller.covers(resource_type, letter) == expected


@pytest.mark.parametrize("letters", ["rs", "cruds", "ud"])
def test_letters_come_in_the_order_of_cruds(letters: str) -> None:
    for written in (letters, letters[::-1]):
        caller = replace(DOCTOR, scopes=(f"user/Observation.{written}",))
        right = written == letters
        assert [caller.covers("Observation", letter) for letter in letters] == [right] * len(
            letters
        )


@pytest.mark.parametrize(
    ("interaction", "letter"),
    [
        ("create", "c"), ("read", "r"), ("vread", "r"), ("history", "r"), ("update", "u"),
        ("patch", "u"), ("delete", "d"), ("search", "s"),
    ],
)  # fmt: skip
def test_each_interaction_needs_its_letter(interaction: str, letter: str) -> None:
    replace(DOCTOR, scopes=(f"user/Observation.{letter}",)).require_scope(
        "Observation", interaction
    )
    others = "cruds".replace(letter, "")
    with pytest.raises(ScopeMissing):
        replace(DOCTOR, scopes=(f"user/Observation.{others}",)).require_scope(
            "Observation", interaction
        )


def test_the_live_are_let_in() -> None:
    PATIENT.require_live(LIVE, NOW, DAY)
    DOCTOR.require_live(LIVE, NOW, DAY)
    open_ended = {**LIVE, "role#2#1": {"active": True}}
    DOCTOR.require_live(open_ended, NOW, DAY)


@pytest.mark.parametrize(
    ("caller", "key", "row"),
    [
        (PATIENT, "session#s1", None),
        (PATIENT, "session#s1", {"active": False, "expires": NOW + 1}),
        (PATIENT, "session#s1", {"expires": NOW + 1}),
        (PATIENT, "session#s1", {"active": True}),
        (PATIENT, "session#s1", {"active": True, "expires": "9999999999"}),
        (PATIENT, "session#s1", {"active": "yes", "expires": NOW + 1}),
        (PATIENT, "session#s1", {"active": True, "expires": NOW}),
        (DOCTOR, "client#app", None),
        (DOCTOR, "client#app", {"active": False}),
        (DOCTOR, "client#app", {}),
        (DOCTOR, "practitioner#2", None),
        (DOCTOR, "practitioner#2", {"active": False}),
        (DOCTOR, "organization#1", None),
        (DOCTOR, "organization#1", {"active": False}),
        (DOCTOR, "ended#t", {}),
        (DOCTOR, "role#2#1", None),
        (DOCTOR, "role#2#1", {"active": False}),
        (DOCTOR, "role#2#1", {"active": True, "starts": "2026-11-23"}),
        (DOCTOR, "role#2#1", {"active": True, "ends": "2026-11-21"}),
        (replace(DOCTOR, expires=NOW), "client#app", {"active": True}),
        (replace(PATIENT, expires=NOW - 1), "session#s1", {"active": True, "expires": NOW + 1}),
    ],
)
def test_whoever_is_not_live_is_out(caller: Caller, key: str, row: dict[str, Any] | None) -> None:
    rows = {name: held for name, held in {**LIVE, key: row}.items() if held is not None}

    with pytest.raises(Unauthenticated):
        caller.require_live(rows, NOW, DAY)


KNOWN = {"credential#" + "p" * 20: {"known": True}}


@pytest.mark.parametrize(
    ("caller", "rows", "expected"),
    [
        (PATIENT, {}, True),
        (PATIENT, {"credential#" + "p" * 20: {"known": False}}, True),
        (PATIENT, {"credential#" + "q" * 20: {"known": True}}, True),
        (PATIENT, KNOWN, False),
        (PATIENT, {**KNOWN, "session#s1": {"strong_until": NOW + 1}}, True),
        (PATIENT, {**KNOWN, "session#s1": {"strong_until": NOW}}, False),
        (PATIENT, {**KNOWN, "session#s1": {"strong_until": str(NOW + 1)}}, False),
        (PATIENT, {**KNOWN, "session#s2": {"strong_until": NOW + 1}}, False),
        (DOCTOR, KNOWN, True),
        (replace(PATIENT, app="a1"), {}, True),
        (replace(PATIENT, app="a1", session=None), {}, False),
        (replace(PATIENT, app="a1", session=None), KNOWN, False),
        (replace(DOCTOR, app="a1", session=None), KNOWN, True),
    ],
)
def test_who_has_a_pin_or_passkey_is_strong_once_it_is_proved(
    caller: Caller, rows: dict[str, Any], *, expected: bool
) -> None:
    assert caller.is_strong(rows, NOW) is expected


def test_what_proves_a_patient_is_read_with_their_session() -> None:
    assert PATIENT.registry_keys() == ["session#s1", "credential#" + "p" * 20]
