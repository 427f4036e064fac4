"""What a process keeps, and what it is told at its start, when that is lost or not sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest

from dmp.adapters.dynamodb.records import keys_of
from dmp.adapters.envelope import Ring
from dmp.settings import MissingSetting
from tests.losses import Play, everybody, nobody, played

Rings = dict[bytes, tuple[float, Ring]]
FUNCTIONS = {
    "access_queries": "AccessQueries", "record_writes": "RecordWrites",
    "consent_changes": "ConsentChanges", "journal": "Journal",
}  # fmt: skip


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with played() as made:
        yield made


def emptied(rings: Rings, _: Ring) -> None:
    rings.clear()


def over(rings: Rings, _: Ring) -> None:
    rings.update({slot: (0.0, ring) for slot, (_, ring) in rings.items()})


def stale(rings: Rings, _: Ring) -> None:
    """What was opened for each place is another place's."""
    for _, ring in rings.values():
        ring._parsed = dict.fromkeys(ring._parsed, (b"other", None))


def mixed(rings: Rings, other: Ring) -> None:
    """Every slot holds another patient's keys."""
    rings.update({slot: (until, other) for slot, (until, _) in rings.items()})


def strange(play: Play) -> Ring:
    """The keys of another patient."""
    patient = play.guests["guardian"].caller.patient or ""
    (row,) = (
        row for key, row in play.tables.items() if key[0] == "KeysTable" and key[1] == patient
    )
    item = {"kv": int(row["kv"]["N"]), "rec": row["rec"]["B"], "ntc": row["ntc"]["B"]}
    return play.scene.world.vault.record_ring(patient, keys_of([item]))


@pytest.mark.parametrize("damage", [emptied, over, stale, mixed])
def test_keys_that_are_kept_wrongly_open_nothing_more(
    play: Play, damage: Callable[[Rings, Ring], None]
) -> None:
    other, found, warm = strange(play), [], 0
    closed = everybody if damage is mixed else nobody
    for case in play.cases():
        play.ask(case, play.tables)  # the keys are warm
        kept: list[Any] = [app.vault._rings for app in play.scene.world._apps.values()]
        warm += any(kept)
        for rings in kept:
            damage(rings, other)
        found += play.faults([case], play.tables, closed)
        for rings in kept:
            rings.clear()

    assert warm > 100
    assert not found, "\n".join(found[:12])


def wrong(given: dict[str, str], setting: str, how: str) -> dict[str, str]:
    """The environment with one setting gone, empty, something else, or another one's value."""
    names = sorted(given)
    other = given[names[(names.index(setting) + 1) % len(names)]]
    values = {"empty": "", "garbage": "garbage", "another's": other}
    changed = {**given, setting: values.get(how, "")}
    if how == "gone":
        del changed[setting]
    return changed


@pytest.mark.parametrize("folder", FUNCTIONS)
@pytest.mark.parametrize("how", ["gone", "empty", "garbage", "another's"])
def test_a_setting_that_is_missing_or_wrong_shows_nothing_more(
    play: Play, folder: str, how: str
) -> None:
    world, found = play.scene.world, []
    given = dict(world.stack.environment(FUNCTIONS[folder]))
    cases = list(play.cases(folder))
    for setting in given:
        made = wrong(given, setting, how)
        with (
            mock.patch.object(play.memory, "environment", lambda _, made=made: made),
            mock.patch.dict(world._apps),
        ):
            del world._apps[folder]
            try:
                world.app(folder, FUNCTIONS[folder])
            except (MissingSetting, ValueError):
                continue  # the cold start fails: nothing is answered at all
            wrongs = play.faults(cases, play.tables, nobody)
            found += [f"{setting}: {one}" for one in wrongs]

    assert cases
    assert not found, "\n".join(found[:12])
