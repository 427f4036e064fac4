"""Dates at the edges of a period, exceptions in seals, teams: where certainty is decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dmp.domain.access import Item, Permit, Refuse, decide
from dmp.domain.consent import Actor, CareTeam, Data, Member, Standing
from dmp.domain.matching import denies, permits
from tests.domain.test_access import (
    ANYONE,
    CLASS,
    DOCTOR,
    GLUCOSE,
    ME,
    MINE,
    NOW,
    OTHER,
    OWNER,
    TEAM,
    THEIRS,
    deny,
    permit,
)

DAY = "2026-11-20"


@pytest.mark.parametrize(
    ("date", "first", "last", "permitted", "denied"),
    [
        (DAY, DAY, DAY, True, True),
        (DAY, "2026-11-21", "", False, False),
        (DAY, "", "2026-11-19", False, False),
        (DAY, "2026-11", "2026-11", True, True),
        (DAY, "2026", "2026", True, True),
        (DAY, "2026-12", "", False, False),
        (DAY, "", "2025", False, False),
        ("2026-11", "2026-11-01", "2026-11-30", False, True),
        ("2026-11", "2026-11-01", "2026-11-31", True, True),
        ("2026-11", "2026-11-02", "", False, True),
        ("2026-11", "", "2026-11-01", False, True),
        ("2026-11", "2026-11-31", "", False, True),
        ("2026-11", "2026-12-01", "", False, False),
        ("2026", "2026-01-01", "2026-12-31", True, True),
        ("2026", "2026-01", "2026-12", True, True),
        ("2026", "2026-12-31", "", False, True),
        ("2026", "", "2026-01-01", False, True),
        ("2026", "", "2025-12-31", False, False),
        ("2026", "2027", "", False, False),
        ("", "2026", "", False, True),
        ("", "", "2026", False, True),
        ("2026-11-20T23:59:59+01:00", DAY, DAY, True, True),
    ],
)
def test_a_permit_needs_all_of_a_date_and_a_deny_any(
    date: str, first: str, last: str, permitted: bool, denied: bool
) -> None:
    item, data = Item("Observation", "a", date=date), Data(period=(first, last))

    assert (permits(data, item), denies(data, item)) == (permitted, denied)


@pytest.mark.parametrize(
    ("labels", "label", "permitted", "denied"),
    [
        ((), "N", True, True),
        (("N",), "N", True, True),
        (("M",), "N", True, True),
        (("M",), "M", True, True),
        (("R",), "N", False, False),
        (("R",), "R", True, True),
        (("V",), "R", False, True),
        (("V",), "V", True, True),
        (("R", "V"), "R", False, True),
        (("HIV", "N"), "N", False, True),
        (("HIV", "M"), "M", False, True),
        (("HIV",), "R", True, True),
        (("HIV",), "HIV", True, True),
        (("HIV",), "STD", False, True),
        (("STD",), "HIV", False, False),
        (("ETHUD",), "ETH", False, True),
        (("SUD",), "ETH", False, True),
        (("ETH",), "SUD", False, True),
        (("PSY",), "MH", False, True),
        (("MST",), "VIO", False, True),
        (("vip",), "vip", True, True),
        (("vip",), "N", True, True),
    ],
)
def test_a_label_is_read_narrowly_by_permits_and_widely_by_denies(
    labels: tuple[str, ...], label: str, permitted: bool, denied: bool
) -> None:
    item, data = Item("Observation", "a", labels=labels), Data(labels=(label,))

    assert (permits(data, item), denies(data, item)) == (permitted, denied)


SEAL = deny(ANYONE, data=Data(period=("2026", "2026")))
INSIDE = replace(SEAL, effect="permit", actors=(ME,), nested=True)


@pytest.mark.parametrize(
    ("exception", "opens"),
    [
        (INSIDE, True),
        (replace(INSIDE, data=CLASS), True),
        (replace(INSIDE, data=Data(types=("Condition",))), False),
        (replace(INSIDE, nested=False), False),
        (replace(INSIDE, effect="deny"), False),
        (replace(INSIDE, consent="another"), False),
        (replace(INSIDE, actors=(OTHER,)), False),
        (replace(INSIDE, actors=(OTHER, MINE)), True),
        (replace(INSIDE, ends=NOW), False),
    ],
)
def test_an_exception_opens_what_its_seal_closes_even_undated(
    exception: object, opens: bool
) -> None:
    held = Standing(1, "deny", (SEAL, permit(ME, at=2), exception), OWNER)  # type: ignore[arg-type]
    undated = replace(GLUCOSE, date="")

    assert isinstance(decide(DOCTOR, held, undated), Permit) == opens


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ((Member((ME,)),), True),
        ((Member((MINE,)),), True),
        ((Member((ME, MINE)),), True),
        ((Member((ME, THEIRS)),), False),
        ((Member((OTHER,)),), False),
        ((Member((OTHER,)), Member((ME,))), True),
        ((Member(()),), False),
        ((Member((ANYONE,)),), False),
        ((Member((Actor("role", "physician"),)),), False),
        ((Member((ME,), starts=NOW),), True),
        ((Member((ME,), ends=NOW),), False),
    ],
)
def test_a_team_is_who_is_in_it(members: tuple[Member, ...], names: bool) -> None:
    provisions = (permit(TEAM),)
    held = Standing(1, "deny", provisions, OWNER, teams=(CareTeam("t", members),))

    assert isinstance(decide(DOCTOR, held, GLUCOSE), Permit) == names
    elsewhere = replace(held, teams=(CareTeam("u", members),))
    assert decide(DOCTOR, elsewhere, GLUCOSE) == Refuse("policy-deny")


def test_a_seal_opens_to_a_team_that_it_names() -> None:
    team = CareTeam("t", (Member((ME,)),))
    inside = replace(INSIDE, actors=(TEAM,))
    held = Standing(1, "deny", (SEAL, inside), OWNER, teams=(team,))

    assert decide(DOCTOR, held, GLUCOSE) == Permit("consent-permit", SEAL.consent)
    assert decide(DOCTOR, replace(held, teams=()), GLUCOSE) == Refuse("seal", SEAL.consent)


def test_what_is_related_to_an_encounter_is_the_encounter_too() -> None:
    related = Data(related=("Encounter/e",))

    assert denies(related, Item("Encounter", "e"))
    assert permits(related, Item("Encounter", "e"))
