"""Every row that a door looks at, lost, emptied, altered, swapped or over: absence means no.

The rows are those that the doors were seen to read; one of a new kind fails the build until what
its loss must mean is written here.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from dmp.domain.caller import Caller
from tests.doors import DOORS
from tests.losses import (
    GUESTS,
    Case,
    Play,
    Row,
    apps,
    clients,
    everybody,
    kind_of,
    nobody,
    patients,
    played,
    practitioners,
)
from tests.memory import Tables
from tests.world import AMRANI

# Policy, keys and who is live: without the row nothing is shown or changed for whom it is about.
CLOSED: dict[str, Callable[[Caller], bool]] = {
    "GUARD": everybody, "STANDING": everybody, "keys": everybody, "session": patients,
    "app": apps, "client": clients, "practitioner": practitioners, "organization": practitioners,
    "role": practitioners,
}  # fmt: skip
# What the record holds, and what finds it: without the row less is shown, never more.
LESS = ("K", "KS", "U", "A", "J", "CONTACT")
# What one operation alone asks for: lost, it finds nobody, ends or begins anew.
PASSING = {"I", "identifier", "review", "log"}
# What is over, and what a patient has to show besides a code: permitted where there is no row.
ABSENT = {"ended", "credential"}


def emptied(row: Row) -> Row:
    return {name: value for name, value in row.items() if name in ("pk", "sk")}


def altered(row: Row) -> Row:
    """One bit of whatever is sealed or wrapped."""
    return {
        name: {"B": bytes([value["B"][0] ^ 1, *value["B"][1:]])} if "B" in value else value
        for name, value in row.items()
    }


def over(row: Row) -> Row:
    """Not active, and past whatever end it has."""
    ends = {name: {"N": "1"} for name in ("expires", "until", "ttl") if name in row}
    closed = {"st": {"S": "closing"}} if "st" in row else {}
    active = {"active": {"BOOL": False}} if "active" in row else {}
    return {**row, **ends, **closed, **active}


DAMAGES: dict[str, Callable[[Row], Row | None]] = {
    "dropped": lambda _: None,
    "emptied": emptied,
    "altered": altered,
    "over": over,
}
SEALED = {"STANDING", "keys", "K", "KS", "J", "CONTACT"}
ENDING = {"GUARD", "A", *CLOSED} - {"STANDING", "keys"}
CASES = [
    (kind, damage)
    for kind in (*CLOSED, *LESS)
    for damage in DAMAGES
    if (damage != "altered" or kind in SEALED) and (damage != "over" or kind in ENDING)
]


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with played() as made:
        yield made


def test_every_kind_of_row_that_is_read_is_covered(play: Play) -> None:
    read: set[str] = set()
    for door in DOORS:
        for name in GUESTS:
            play.ask(Case(door, play.guests[name]), play.tables)
            read |= play.looked_at()

    assert read == {*CLOSED, *LESS, *PASSING, *ABSENT}


@pytest.mark.parametrize(("kind", "damage"), CASES)
def test_a_row_that_is_not_sound_shows_nothing_more(play: Play, kind: str, damage: str) -> None:
    tables = play.with_rows(kind, DAMAGES[damage])
    # no writer of ours, and no expiry, leaves half a row: a fault, told and counted as one
    internal = damage == "emptied" and kind in SEALED

    found = play.faults(play.cases(), tables, CLOSED.get(kind, nobody), internal=internal)

    assert not found, "\n".join(found[:12])


def swapped(play: Play, kind: str) -> Tables:
    """The sealed attributes of each row of the record, taken from another row of the kind."""
    rows = {k: row for k, row in play.tables.items() if kind_of(k) == kind}
    own = [key for key in rows if key[1] == play.scene.id]
    strange = [key for key in rows if key[1] != play.scene.id]
    others = [*own[1:], own[0]] if len(own) > 1 else strange
    tables = dict(play.tables)
    for key, other in zip(own, itertools.cycle(others), strict=False):
        sealed = {name: value for name, value in rows[other].items() if "B" in value}
        tables[key] = {**rows[key], **sealed}
    assert tables != play.tables
    return tables


@pytest.mark.parametrize("kind", ["CONTACT", "J", "K", "STANDING", "keys"])
def test_a_sealed_row_in_another_place_opens_nowhere(play: Play, kind: str) -> None:
    closed = CLOSED.get(kind, nobody)

    found = play.faults(play.cases(), swapped(play, kind), closed)

    assert not found, "\n".join(found[:12])


def test_a_policy_that_is_rolled_back_lets_nobody_in(play: Play) -> None:
    row = next(k for k in play.tables if k[1] == play.scene.id and k[2] == "STANDING")
    play.memory.restore(play.tables)
    play.scene.consent(AMRANI, type="deny")
    play.scene.consents.pop()
    tables = {**play.memory.snapshot(), row: play.tables[row]}

    found = play.faults(play.cases(), tables, everybody)

    assert not found, "\n".join(found[:12])
