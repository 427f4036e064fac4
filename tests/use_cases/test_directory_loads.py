"""A load is wholly there or wholly absent: stopped at every call, repeated, two at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from dmp.adapters.dynamodb import client, conflicts
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.directory_loads import LEASE_S, DynamoLoads
from dmp.adapters.dynamodb.references import DirectoryReferences
from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import Book
from dmp.use_cases.directory_loads import Loads, LoadUnderWay
from tests.engine import Engine
from tests.schedules import Schedule

CLINIC, HOSPITAL = "100000001", "100000002"
FIRST = "200000001"
OLD = Book().with_entries([
    Organization(CLINIC, "org-1", "Clinique Atlas"),
    *(Practitioner(f"2000000{n:02}", f"prac-{n}", "Amrani", ("Salma",), f"Dr {n}")
      for n in range(1, 61)),
    *(Role(f"2000000{n:02}", CLINIC, "nurse", "2020-01-01", "", "", "", "") for n in range(1, 61)),
])  # fmt: skip
# Everybody moves from the clinic, which closes, to a hospital that is new.
NEW = OLD.with_entries([
    replace(OLD.entries[f"organization#{CLINIC}"], active=False),
    Organization(HOSPITAL, "org-2", "Hôpital Ibn Sina"),
    *(replace(e, active=False) for e in OLD if isinstance(e, Role)),
    *(replace(e, organization=HOSPITAL) for e in OLD if isinstance(e, Role)),
])  # fmt: skip


class Crash(BaseException):
    """The process ends here."""


class Clock:
    """A settable clock; each asks for chance once."""

    def __init__(self, now_s: int = 1_800_000_000) -> None:
        self.now_s = now_s
        self._given = 0

    def now_ms(self) -> int:
        return self.now_s * 1000

    def random_bits(self, bits: int) -> int:
        self._given += 1
        return self._given % 2**bits


class Directory:
    """The adapters over the in-memory engine, and the directory as those who read it see it."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.clock = engine, Clock()
        self.store = DynamoLoads("registry")
        self.loads = Loads(self.store, self.clock)
        self.registry, self.references = Registry("registry"), DirectoryReferences("registry")

    def load(self, book: Book) -> None:
        base, before = self.loads.in_force()
        self.loads.load(base, before, book, "tests", lambda _done, _of: None)

    def seen(self) -> set[str]:
        """Which directory each reader sees: the searcher, the gate, a token, a reference."""
        found = {"old": OLD, "new": NEW}
        book = self.loads.in_force()[1]
        kinds = {name for name, one in found.items() if one == book}
        for numbers in (range(1, 4), range(40, 44), range(58, 61)):
            for n in numbers:
                one = f"2000000{n:02}"
                keys = [f"role#{one}#{CLINIC}", f"role#{one}#{HOSPITAL}", f"organization#{CLINIC}"]
                rows = self.registry.rows(keys)
                live = {key for key, row in rows.items() if row["active"]}
                whole = {(keys[0], keys[2]): "old", (keys[1],): "new"}
                kinds.add(whole.get(tuple(key for key in keys if key in live), "torn"))
                token = self.registry.role(one, HOSPITAL)
                kinds.add("new" if token is not None and token.active else "old")
        reference = f"Organization?identifier=urn:ma:inpe|{HOSPITAL}"
        kinds.add("new" if self.references.references([reference]) else "old")
        return kinds

    def left_behind(self) -> list[str]:
        """Rows that are still staged."""
        return [key for (_, key, _), item in self.engine.items.items() if "next" in item]


@contextmanager
def directory(switch: Any = None) -> Iterator[Directory]:
    engine = Engine()
    waits = mock.Mock(sleep=lambda _: switch and switch("wait"), monotonic=lambda: 0.0)
    with (
        mock.patch.object(client, "client", return_value=engine),
        mock.patch.object(conflicts, "time", waits),
    ):
        yield Directory(engine)


def dying(at: int, *, after: bool) -> Any:
    """A switch that ends the process before its call number `at`, or as soon as that took effect.

    A transaction switches twice, the second time just before it commits.
    """
    counted = 0

    def switch(what: str) -> None:
        nonlocal counted
        if what == "commit":
            return
        counted += 1
        if counted > at or (counted == at and not after):
            raise Crash

    return switch


def calls_of_a_load() -> int:
    with directory() as one:
        one.load(OLD)
        before = len(one.engine.calls)
        one.load(NEW)
        return len(one.engine.calls) - before


@pytest.mark.parametrize("after", [False, True])
def test_a_load_that_is_stopped_anywhere_is_there_or_absent_and_can_be_repeated(
    after: bool,
) -> None:
    outcomes = []
    for at in range(1, calls_of_a_load() + 1):
        with directory() as one:
            one.load(OLD)
            one.engine.switch = dying(at, after=after)
            try:
                one.load(NEW)
                ended = True
            except Crash:
                ended = False
            one.engine.switch = lambda _: None

            (seen,) = one.seen()
            assert seen == "new" or not ended
            outcomes.append(seen)

            one.clock.now_s += LEASE_S
            one.load(NEW)
            assert one.seen() == {"new"}
            one.load(NEW)
            assert one.left_behind() == []
    assert outcomes == sorted(outcomes, reverse=True)  # absent up to the one commit, there after
    assert {"old", "new"} == set(outcomes)


def test_who_reads_while_a_load_goes_on_sees_one_directory() -> None:
    with directory() as one:
        one.load(OLD)
        seen = []

        def look(_: str) -> None:
            one.engine.switch = lambda _: None
            seen.append(one.seen())
            one.engine.switch = look

        one.engine.switch = look
        one.load(NEW)

    assert all(len(kinds) == 1 for kinds in seen)
    assert (seen[0], seen[-1]) == ({"old"}, {"new"})


def test_an_error_on_the_way_leaves_nothing_behind_at_once() -> None:
    with directory() as one:
        one.load(OLD)

        def failing(done: int, of: int) -> None:
            if done == of:
                raise KeyboardInterrupt

        base, before = one.loads.in_force()
        with pytest.raises(KeyboardInterrupt):
            one.loads.load(base, before, NEW, "tests", failing)

        assert (one.seen(), one.left_behind()) == ({"old"}, [])
        one.load(NEW)
        assert one.seen() == {"new"}


def test_a_load_that_moves_is_not_taken_over_and_a_dead_one_is() -> None:
    with directory() as one:
        one.load(OLD)

        def dies(_done: int, _of: int) -> None:
            one.engine.switch = dying(0, after=False)
            raise Crash

        base, before = one.loads.in_force()
        with pytest.raises(Crash):
            one.loads.load(base, before, NEW, "tests", dies)
        one.engine.switch = lambda _: None

        one.clock.now_s += LEASE_S - 1
        with pytest.raises(LoadUnderWay, match="tests"):
            one.load(NEW)
        assert one.seen() == {"old"}
        one.clock.now_s += 1
        one.load(NEW)
        assert one.seen() == {"new"}


@pytest.mark.parametrize("seed", range(20))
def test_of_two_loads_at_once_each_is_whole_or_refused(seed: int) -> None:
    schedule = Schedule(seed)
    with directory(schedule.switch) as one:
        one.load(OLD)
        other = OLD.with_entries([Organization("100000009", "org-9", "Centre de santé Tafraout")])
        one.engine.switch = schedule.switch
        ended = schedule.run([lambda: one.load(NEW), lambda: one.load(other)])
        one.engine.switch = lambda _: None

        refused = [isinstance(answer, LoadUnderWay) for answer in ended]
        unknown = [a for a in ended if a is not None and not isinstance(a, LoadUnderWay)]
        assert unknown == []
        book = one.loads.in_force()[1]
        assert book in (NEW, other, NEW.with_entries(other), other.with_entries(NEW))
        assert not all(refused)
        assert book != OLD
        one.clock.now_s += LEASE_S
        one.load(book)
        assert one.left_behind() == []


def test_snapshots_that_nobody_reads_are_deleted() -> None:
    with directory() as one:
        for name in "abcd":
            one.load(OLD.with_entries([Organization(CLINIC, "org-1", name)]))

        kept = {key.split("#")[1] for _, key, _ in one.engine.items if key.startswith("snapshot")}
        assert len(kept) == 2
        assert one.loads.in_force()[1].organization(CLINIC) == Organization(CLINIC, "org-1", "d")


def test_a_load_of_what_is_there_writes_nothing() -> None:
    with directory() as one:
        one.load(OLD)
        kept = dict(one.engine.items)

        one.load(OLD)

        assert one.engine.items == kept


def test_rows_that_no_load_touches_cost_no_call() -> None:
    with directory() as one:
        one.load(OLD)
        one.engine.calls.clear()

        one.registry.rows([f"role#{FIRST}#{CLINIC}", f"organization#{CLINIC}"])

        assert one.engine.calls == ["BatchGetItem"]
