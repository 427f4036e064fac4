"""What is lost, or not sound any more: rows, kept keys, settings; and what is wrong with an answer.

A record that has everything, who comes to it, and what each may see of it while all is sound.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.segments import DynamoSegments
from dmp.domain.caller import Caller
from dmp.use_cases import compaction
from tests.doors import DOORS, Door, sent, shown_in
from tests.engine import Key
from tests.memory import Memory, Tables, memory_of, remembered
from tests.scenarios import NOBODY, consented, sealed
from tests.scenes import Guest, Scene, guests, observation, scene, seeded
from tests.world import Reply, routed

Row = dict[str, Any]
CHOSEN = {
    "read lab", "vread lab", "history lab", "search", "type history", "$lastn", "$everything",
    "$document", "create", "create unless", "update", "patch", "delete", "transaction",
    "batch of reads", "consents", "consent", "revoke", "journal", "leaf",
    "$explain", "$break-glass",
}  # fmt: skip
GUESTS = (
    "owner", "owner-weak", "owner-app", "guardian", "practitioner", "author-elsewhere", "stranger",
)  # fmt: skip
REFUSED = {401, 403, 404, 410, 503}


def kind_of(key: Key) -> str:
    """`STANDING`, `K` of a commit, `role`, and `keys` for all of the keys table."""
    table, pk, sk = key
    return "keys" if table.startswith("Keys") else (sk or pk).partition("#")[0]


@dataclass(frozen=True)
class Case:
    """One guest at one door."""

    door: Door
    guest: Guest

    @property
    def name(self) -> str:
        """As a failure tells it."""
        return f"{self.guest.name}, {self.door.name}"


@dataclass
class Play:
    """The scene, its cases and tables; `usual` is what each case shows while all is sound."""

    scene: Scene
    guests: dict[str, Guest]
    tables: Tables
    entry: str
    usual: dict[str, frozenset[str]]

    @property
    def memory(self) -> Memory:
        """The engine behind it."""
        return memory_of(self.scene.world)

    def cases(self, folder: str = "") -> Iterator[Case]:
        """Every chosen door by every guest; those of one function alone if it is named."""
        for door in DOORS:
            url, _, _ = sent(door, self.scene, self.entry)
            method, _, path = url.partition("?")[0].partition(" ")
            if door.name in CHOSEN and folder in ("", routed(method, path)[0]):
                for name in GUESTS:
                    if (door.name, name) != ("$explain", "guardian"):  # told of their own record
                        yield Case(door, self.guests[name])

    def ask(self, case: Case, tables: Tables) -> Reply:
        """The case's answer, on these tables."""
        self.memory.restore(tables)
        url, body, headers = sent(case.door, self.scene, self.entry)
        return self.scene.world.call(url, case.guest.caller, body, **headers)

    def changed(self, tables: Tables) -> bool:
        """Whether the last request added a commit."""
        return any(k[2].startswith("K#") and k not in tables for k in self.memory.engine.items)

    def looked_at(self) -> set[str]:
        """Kinds of rows that the last request asked for."""
        log = self.memory.engine.log
        return {kind_of(key) for _, what, keys in log if what != "change" for key in keys}

    def with_rows(self, kind: str, change: Callable[[Row], Row | None]) -> Tables:
        """Every row of the kind changed, or gone where `change` gives None."""
        tables = dict(self.tables)
        for key, row in self.tables.items():
            if kind_of(key) == kind and (left := change(row)) is not None:
                tables[key] = left
            elif kind_of(key) == kind:
                del tables[key]
        assert tables != self.tables, "nothing is damaged"
        return tables

    def faults(
        self,
        cases: Iterable[Case],
        tables: Tables,
        closed: Callable[[Caller], bool],
        *,
        internal: bool = False,
    ) -> list[str]:
        """What is wrong with the answers; whoever is `closed` out must get and change nothing.

        `internal` says that an internal error, told as such, is an answer too.
        """
        return [
            f"{case.name}: {one}"
            for case in cases
            for one in self._wrong(case, tables, shut=closed(case.guest.caller))
            if not (internal and one.startswith("fails"))
        ]

    def _wrong(self, case: Case, tables: Tables, *, shut: bool) -> Iterator[str]:
        reply = self.ask(case, tables)
        shown, changed = shown_in(reply.body, self.scene), self.changed(tables)
        if not shown <= self.usual[case.name]:
            yield f"shows {sorted(shown - self.usual[case.name])} more"
        if shut and shown:
            yield f"shows {sorted(shown)}"
        if shut and changed:
            yield "changes the record"
        if shut and reply.status not in {*REFUSED, 500} and not case.door.open:
            yield f"is not refused: {reply.status} {reply.body[:200]}"
        told = '"OperationOutcome"' in reply.body or '"about:blank"' in reply.body
        if reply.status >= 400 and not told:
            yield f"is refused without a word: {reply.status} {reply.body[:200]}"
        if reply.status == 500:
            yield f"fails: {reply.body[:200]}"


@contextmanager
def played() -> Iterator[Play]:
    """A record with everything, sealed for real; a part of it folded into a segment."""
    with seeded(), remembered(real=True) as world:
        the = scene(world)
        everybody = {guest.name: guest for guest in guests(the)}
        the.consent(NOBODY)
        consented(the)
        sealed(the, "psy")
        _folded(the)
        the.write("late", everybody["practitioner"].caller, observation(the, "late"))
        memory = memory_of(world)
        entry = min(key[2] for key in memory.engine.items if key[1] == the.id and key[2] > "J#")
        play = Play(the, everybody, memory.snapshot(), f"{the.id}.{entry[2:]}", {})
        for case in play.cases():
            play.usual[case.name] = shown_in(play.ask(case, play.tables).body, the)
        yield play


def _folded(the: Scene) -> None:
    segments = DynamoSegments(the.world.vault, *the.world.tables.values())
    always = {"FOLLOWING_MIN": 0, "SETTLED_MS": -1}
    with mock.patch.multiple(compaction, **always):
        assert compaction.Compaction(segments, SystemClock()).compact(the.id)


def everybody(_: Caller) -> bool:
    """Whose request hangs on a row: anybody's."""
    return True


def nobody(_: Caller) -> bool:
    """Whose request hangs on a row: nobody's."""
    return False


def practitioners(caller: Caller) -> bool:
    """Whose request hangs on a row of the directory."""
    return caller.kind == "practitioner"


def patients(caller: Caller) -> bool:
    """Whose request hangs on a session."""
    return caller.kind == "patient"


def apps(caller: Caller) -> bool:
    """Whose request hangs on what a patient let an app do."""
    return bool(caller.app)


def clients(caller: Caller) -> bool:
    """Whose request hangs on a registered client: all but the portal's."""
    return practitioners(caller) or apps(caller)
