"""The scene of tests/scenes.py, with consents, for questions at any door."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.doors import Door, sent, shown_in
from tests.memory import Tables, memory_of
from tests.scenes import Guest, Scene
from tests.world import Reply


@dataclass
class Stage:
    """One record, who comes to it, and what is in force."""

    scene: Scene
    guests: dict[str, Guest]
    base: Tables
    tables: Tables

    def begin(self, *steps: Callable[[Scene], object]) -> Stage:
        """From the consents alone, with what these steps do."""
        memory_of(self.scene.world).restore(self.base)
        consents = list(self.scene.consents)
        for step in steps:
            step(self.scene)
        self.scene.consents = consents
        self.tables = memory_of(self.scene.world).snapshot()
        return self

    def ask(self, who: str, request: str, body: object = None, **headers: str) -> Reply:
        """The answer to `GET /fhir/{lab}?patient={id}`, items by their names."""
        memory_of(self.scene.world).restore(self.tables)
        caller = self.guests[who].caller if who else None
        url = request.format_map(self.names)
        return self.scene.world.call(url, caller, body, **headers)

    def send(self, who: str, door: Door) -> Reply:
        """The answer at one of tests/doors.py."""
        url, body, headers = sent(door, self.scene, f"{self.scene.id}.{'0' * 16}")
        return self.ask(who, url, body, **headers)

    def shown(self, who: str, request: str) -> set[str]:
        """The items that the answer shows, the pages that follow it included."""
        found: set[str] = set()
        while request:
            reply = self.ask(who, request)
            found |= shown_in(reply.body, self.scene)
            request = _following(reply, self.scene.world.base)
        return found

    def changed(self) -> bool:
        """Whether the last request added a commit."""
        items = memory_of(self.scene.world).engine.items
        return any(key[2].startswith("K#") and key not in self.tables for key in items)

    @property
    def names(self) -> dict[str, Any]:
        """`Type/id` of each item by its name, and the record's id."""
        the = self.scene
        named = {name: the.reference(name) for name in the.items}
        return {**named, "id": the.id, "kept": the.consents[0]}


def _following(reply: Reply, base: str) -> str:
    if reply.status >= 300 or '"next"' not in reply.body:
        return ""
    (url,) = (x["url"] for x in reply.json["link"] if x["relation"] == "next")
    return "GET /fhir" + str(url).removeprefix(base)
