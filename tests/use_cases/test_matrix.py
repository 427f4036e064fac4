"""Door x caller x rule: what every door shows and changes is what the oracle permits, and no more.

Over sixty doors, twenty-two callers and a scenario for every rule, through the real handlers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from dmp.domain.consent import Standing
from dmp.domain.decision import Item, Rule
from dmp.fhir.routes import BEHIND_TOKEN
from tests.domain import oracle
from tests.doors import DOORS, ELSEWHERE, Door, sent, shown_in
from tests.memory import Tables, memory_of, remembered
from tests.scenarios import NOBODY, SCENARIOS
from tests.scenes import Guest, Scene, guests, scene, seeded
from tests.views import View
from tests.world import Reply

NAMES = (
    "owner", "owner-weak", "owner-signed-out", "owner-app", "delegate", "guardian",
    "other-patient", "practitioner", "practitioner-read-scope", "practitioner-condition-scope",
    "practitioner-write-scope", "practitioner-laboratory-scope", "practitioner-operations",
    "practitioner-btg", "colleague", "colleague-btg", "author-elsewhere", "stranger",
    "auditor", "retired", "suspended-client", "revoked-token", "expired-token",
)  # fmt: skip
EVERY = int(os.environ.get("DMP_MATRIX", "8"))  # one cell in so many; make prove takes all
BAD = {401, 403, 404, 405, 410, 412, 422}


@dataclass
class Play:
    """The scene as it was made, and what has been made of it for each scenario so far."""

    scene: Scene
    guests: dict[str, Guest]
    base: Tables
    consents: list[str]
    entry: str
    made: dict[str, tuple[Tables, list[str], Standing]]

    def stage(self, scenario: str) -> Standing:
        """Put the scenario in force; what is."""
        memory, the = memory_of(self.scene.world), self.scene
        if scenario not in self.made:
            memory.restore(self.base)
            the.consents = list(self.consents)
            SCENARIOS[scenario](the)
            self.made[scenario] = memory.snapshot(), the.consents, the.standing()
        tables, the.consents, standing = self.made[scenario]
        the.tables = tables
        return standing


@pytest.fixture(scope="module")
def play() -> Iterator[Play]:
    with seeded(), remembered() as world:
        the = scene(world)
        everybody = {guest.name: guest for guest in guests(the)}
        the.consent(NOBODY)
        memory = memory_of(world)
        entry = min(key[2] for key in memory.engine.items if key[1] == the.id and key[2] > "J#")
        yield Play(
            the, everybody, memory.snapshot(), list(the.consents), f"{the.id}.{entry[2:]}", {}
        )


def ask(play: Play, door: Door, guest: Guest) -> Reply:
    memory_of(play.scene.world).restore(play.scene.tables)
    url, body, headers = sent(door, play.scene, play.entry)
    return play.scene.world.call(url, guest.caller, body, **headers)


def commits(play: Play) -> int:
    engine, own = memory_of(play.scene.world).engine, play.scene.id
    return sum(key[1] == own and key[2].startswith("K#") for key in engine.items)


def differences(play: Play, door: Door, view: View) -> list[str]:
    """What is wrong with one cell; nothing, it is to be hoped."""
    reply = ask(play, door, view.guest)
    before = sum(k[1] == play.scene.id and k[2].startswith("K#") for k in play.scene.tables)
    changed, shown = commits(play) > before, shown_in(reply.body, play.scene)
    dead = view.guest.dead
    expected = frozenset() if dead else frozenset(door.shows(view))
    may_change = door.changes is not None and not dead and door.changes(view)
    found = []
    if shown != expected and not (door.at_most and shown <= expected):
        found.append(f"shows {sorted(shown)}, not {sorted(expected)}")
    if changed != may_change and (door.changes is not None or dead):
        found.append("changes the record" if changed else "changes nothing")
    if dead and not door.open and reply.status not in (401, 403, 404):
        found.append("answers a caller who is not live")
    if reply.status >= 300 and reply.status not in BAD:
        found.append("fails")
    if (expected and not door.at_most) or may_change:
        found += ["refuses"] if reply.status >= 300 else []
    if found:
        where = f"{door.name}: {reply.status}"
        return [f"{where} {one}: {reply.body[:300]}" for one in found]
    return []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_door_is_as_the_oracle_has_it(play: Play, scenario: str, name: str) -> None:
    standing = play.stage(scenario)
    view = View(play.scene, play.guests[name], standing)

    first = (list(SCENARIOS).index(scenario) + NAMES.index(name)) % EVERY
    found = [line for door in DOORS[first::EVERY] for line in differences(play, door, view)]

    assert not found, "\n".join(found)


def test_there_are_enough_cells(play: Play) -> None:
    assert set(play.guests) == set(NAMES)
    assert len(DOORS) * len(NAMES) * len(SCENARIOS) // EVERY > 2_500


def test_every_rule_of_a_decision_is_met(play: Play) -> None:
    met: set[str] = set()
    for scenario in SCENARIOS:
        standing = play.stage(scenario)
        for guest in play.guests.values():
            view = View(play.scene, guest, standing)
            for item in (*play.scene.items.values(), Item("Consent", "x", "patient")):
                asking: Any = view.asking("read"), view.asking("write")
                met |= {oracle.answer(a, standing, item)[1] for a in asking}

    assert met == set(get_args(Rule))


def test_every_route_behind_a_token_has_a_door() -> None:
    routes = {f"{route.method} {route.path}" for route in BEHIND_TOKEN}
    doors = {door.route for door in DOORS}

    assert doors <= routes, "a door to nowhere"
    assert doors | set(ELSEWHERE) == routes
    assert doors.isdisjoint(ELSEWHERE)
