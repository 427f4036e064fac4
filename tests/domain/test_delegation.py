"""Delegates and guardians: powers, period, seals; and the patient's own strong session."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dmp.domain.access import Asking, Decision, Item, Permit, Refuse, decide, may_enter
from dmp.domain.consent import Actor, Delegate, Power, Provision, Standing
from tests.domain.test_access import (
    ANYONE,
    CLASS,
    GLUCOSE,
    NOW,
    OWNER,
    SEAL,
    THIS,
    deny,
    excepted,
    permit,
)

DAUGHTER = "d" * 20
HERSELF = Actor("related-person", "r1")
ACTING = Asking("read", "PATRQT", NOW, patient=DAUGHTER)
OWN = replace(ACTING, patient=OWNER)
ALL: tuple[Power, ...] = ("read", "write", "consent", "journal")
TREATMENT_SEAL = replace(SEAL, purposes=("TREAT",))


def standing(*provisions: Provision, powers: tuple[Power, ...] = ALL, **delegate: str) -> Standing:
    members = {"related": "r1", **delegate}
    one = Delegate(DAUGHTER, powers, **members)  # type: ignore[arg-type]
    return Standing(1, "deny", provisions, OWNER, (one,))


@pytest.mark.parametrize(
    ("type_", "direction", "needed"),
    [
        ("Observation", "read", "read"),
        ("Observation", "write", "write"),
        ("Consent", "read", "consent"),
        ("Consent", "write", "consent"),
        ("AuditEvent", "read", "journal"),
    ],
)
def test_each_power_opens_its_own(type_: str, direction: str, needed: Power) -> None:
    asking = replace(ACTING, direction=direction)  # type: ignore[arg-type]
    item = replace(GLUCOSE, type=type_)
    others: tuple[Power, ...] = tuple(p for p in ALL if p != needed)

    assert decide(asking, standing(powers=(needed,)), item) == Permit("delegate", "r1")
    assert may_enter(asking, standing(powers=(needed,))) == Permit("delegate", "r1")
    assert decide(asking, standing(powers=others), item) == Refuse("not-the-patient")


def test_nobody_writes_the_journal() -> None:
    asking, item = replace(ACTING, direction="write"), replace(GLUCOSE, type="AuditEvent")

    assert decide(asking, standing(), item) == Refuse("not-the-patient")


@pytest.mark.parametrize(
    ("powers", "direction", "enters"),
    [
        (("read",), "read", True),
        (("journal",), "read", True),
        (("consent",), "read", True),
        (("consent",), "write", True),
        (("write",), "read", False),
        (("read", "journal"), "write", False),
        ((), "read", False),
    ],
)
def test_the_door_asks_for_any_power(
    powers: tuple[Power, ...], direction: str, enters: bool
) -> None:
    asking = replace(ACTING, direction=direction)  # type: ignore[arg-type]

    assert isinstance(may_enter(asking, standing(powers=powers)), Permit) == enters


@pytest.mark.parametrize(
    ("starts", "ends", "acts"),
    [
        ("", "", True),
        (NOW, "", True),
        ("2026-11-22T10:00:00.001Z", "", False),
        ("", NOW, False),
        ("", "2026-11-22T10:00:00.001Z", True),
    ],
)
def test_the_period_is_exact(starts: str, ends: str, acts: bool) -> None:
    held = standing(starts=starts, ends=ends)

    assert isinstance(decide(ACTING, held, GLUCOSE), Permit) == acts
    assert isinstance(may_enter(ACTING, held), Permit) == acts


def test_a_guardian_is_told_as_one() -> None:
    assert decide(ACTING, standing(kind="guardian"), GLUCOSE) == Permit("guardian", "r1")
    assert may_enter(ACTING, standing(kind="guardian")) == Permit("guardian", "r1")


def test_another_person_is_no_delegate() -> None:
    stranger = replace(ACTING, patient="s" * 20)

    assert decide(stranger, standing(), GLUCOSE) == Refuse("not-the-patient")
    assert decide(replace(ACTING, patient=""), standing(), GLUCOSE) == Refuse("not-the-patient")


HERS = excepted(SEAL, HERSELF)
CASES: list[tuple[str, tuple[Provision, ...], bool, Decision]] = [
    ("a seal", (SEAL,), True, Refuse("seal", "deny-1")),
    ("a seal for treatment", (TREATMENT_SEAL,), True, Refuse("seal", "deny-1")),
    ("a seal on what it refers to", (deny(ANYONE, data=replace(THIS, items=("Goal/g",))),), True,
     Refuse("seal", "deny-1")),
    ("its exception", (SEAL, HERS), True, Permit("delegate", "r1")),
    ("its exception for part of it",
     (deny(ANYONE, data=CLASS),
      replace(excepted(deny(ANYONE, data=CLASS), HERSELF), data=replace(CLASS, items=THIS.items))),
     True, Permit("delegate", "r1")),
    ("its exception for another part of it",
     (deny(ANYONE, data=CLASS), replace(excepted(deny(ANYONE, data=CLASS), HERSELF),
                                        data=replace(CLASS, items=("Observation/z",)))),
     True, Refuse("seal", "deny-1")),
    ("its exception for another", (SEAL, excepted(SEAL, Actor("related-person", "r2"))), True,
     Refuse("seal", "deny-1")),
    ("its exception for anyone", (SEAL, excepted(SEAL, ANYONE)), True, Refuse("seal", "deny-1")),
    ("its exception, weak", (SEAL, HERS), False, Refuse("stronger-sign-in", "deny-1")),
    ("the seal comes before the session", (SEAL,), False, Refuse("seal", "deny-1")),
    ("nothing sealed, weak", (), False, Permit("delegate", "r1")),
    ("a permit is not needed", (deny(ANYONE),), True, Permit("delegate", "r1")),
    ("a deny that names her", (deny(HERSELF, data=THIS),), True, Refuse("consent-deny", "deny-1")),
    ("a deny that names another", (deny(Actor("related-person", "r2")),), True,
     Permit("delegate", "r1")),
    ("a seal of writing", (replace(SEAL, directions=("write",)),), True, Permit("delegate", "r1")),
    ("a seal that is over", (replace(SEAL, ends=NOW),), True, Permit("delegate", "r1")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("provisions", "strong", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_a_delegate_meets(
    provisions: tuple[Provision, ...], strong: bool, expected: Decision
) -> None:
    assert decide(replace(ACTING, strong=strong), standing(*provisions), GLUCOSE) == expected


@pytest.mark.parametrize(
    ("provisions", "item", "expected"),
    [
        ((SEAL,), GLUCOSE, Refuse("stronger-sign-in", "deny-1")),
        ((TREATMENT_SEAL,), GLUCOSE, Refuse("stronger-sign-in", "deny-1")),
        ((SEAL,), replace(GLUCOSE, id="z"), Permit("patient-own")),
        ((SEAL,), Item("Consent", "c", related=THIS.items), Permit("patient-own")),
        ((SEAL,), Item("AuditEvent", "j", related=THIS.items), Permit("patient-own")),
        ((SEAL,), Item("Goal", "g", related=THIS.items), Refuse("stronger-sign-in", "deny-1")),
        ((deny(ANYONE), permit(ANYONE)), GLUCOSE, Permit("patient-own")),
    ],
)
def test_a_weak_session_sees_nothing_sealed_of_ones_own(
    provisions: tuple[Provision, ...], item: Item, expected: Decision
) -> None:
    held = Standing(1, "deny", provisions, OWNER)

    assert decide(replace(OWN, strong=False), held, item) == expected
    assert decide(OWN, held, item) == Permit("patient-own")
    assert may_enter(replace(OWN, strong=False), held) == Permit("patient-own")


def test_of_two_delegations_one_is_told_whatever_their_order() -> None:
    first, second = (Delegate(DAUGHTER, ALL, related=name) for name in ("r1", "r2"))
    guardian = Delegate(DAUGHTER, ALL, kind="guardian", related="r0")

    for delegates in ((first, second, guardian), (guardian, second, first)):
        held = Standing(1, "deny", (), OWNER, delegates)
        assert decide(ACTING, held, GLUCOSE) == Permit("delegate", "r1")
