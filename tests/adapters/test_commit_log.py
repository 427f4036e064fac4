"""The commit log against a plain dict: writers, compactors and readers in any order."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dmp.adapters.dynamodb.commits import PART_BYTES_MAX
from dmp.adapters.dynamodb.segments import DynamoSegments
from dmp.domain.identifiers import base32hex, commit_id, resource_id
from dmp.domain.journal import Entry
from dmp.domain.record import Version
from dmp.use_cases import compaction
from dmp.use_cases.compaction import SETTLED_MS, Compaction
from dmp.use_cases.ports import Door, Pointer, Write
from tests.aws_calls import counted, forget
from tests.stack import stack as deployed
from tests.world import World

Name = tuple[str, str]
WHO = {"kind": "practitioner"}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with deployed() as made:
        yield World(made)


class SettableClock:
    """Stands still unless told."""

    def __init__(self, now_ms: int) -> None:
        self.at = now_ms
        self.random = random.Random(7)  # noqa: S311  # repeatable on purpose

    def now_ms(self) -> int:
        return self.at

    def random_bits(self, bits: int) -> int:
        return self.random.getrandbits(bits)


class Log:
    """One record written and folded directly, beside the dict that it must equal."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.patient = world.open_record()
        self.id = self.patient.patient or ""
        self.clock = SettableClock(world.clock.now_ms() + 1000)
        self.store = DynamoSegments(world.vault, *world.tables.values())
        self.compaction = Compaction(self.store, self.clock)
        opened = self.store.state(self.door()).current
        self.versions: dict[Name, list[Version]] = {k: [v] for k, v in opened.items()}
        self.pointers: dict[Name, Pointer] = {}

    def door(self, *names: Name) -> Door:
        wanted = [(kind, i) for kind, text in names if (i := resource_id(text))]
        door = self.store.enter(self.id, self.patient, wanted)
        assert isinstance(door, Door)
        return door

    def commit(self, *made: tuple[Name | None, bytes, bool], late_ms: int = 0) -> str:
        """Create (no name), update or delete, in one commit."""
        clock = self.clock
        clock.at += 1
        commit = commit_id(clock.at - late_ms, clock.random_bits(35))
        versions, pointers = [], []
        for name, body, deleted in made:
            new = f"{self.id}.{commit}.{base32hex(clock.random_bits(20), 4)}"
            key = name or ("Observation", new)
            number = len(self.versions.get(key, ())) + 1
            version = Version(*key, number, "", commit, "", "", body, deleted)
            versions.append(version)
            if name:
                held = self.pointers.get(key, Pointer(*key, 1, (), own=False))
                moved = Pointer(*key, number, (*held.commits, commit), own=False)
                self.pointers[key] = moved
                pointers.append(moved)
        entry = Entry(
            f"{self.id}.{commit_id(clock.at, clock.random_bits(35))}", "", "create", "permit", "r",
            WHO, "TREAT", "00",
        )  # fmt: skip
        write = Write(self.id, commit, versions, entry, 1, pointers)
        self.store.commit(self.door(), write)
        for version in versions:
            self.versions.setdefault((version.type, version.id), []).append(version)
        return commit

    def expected(self, until: str = "") -> dict[Name, Version]:
        known = {
            key: [v for v in every if not until or v.commit <= until]
            for key, every in self.versions.items()
        }
        return {key: every[-1] for key, every in known.items() if every}

    def state(self, until: str = "") -> dict[Name, Version]:
        return self.store.state(self.door(), until).current

    def segments(self) -> int:
        return len(list(self.store.items(self.id, "KS#", "KS#~")))


class CommitLog(RuleBasedStateMachine):
    """Any order of writes, compactions and reads."""

    world: World

    @initialize()
    def opened(self) -> None:
        self.log = Log(self.world)
        self.commits: list[str] = []

    def teardown(self) -> None:
        forget(self.log.id)

    @rule(bodies=st.lists(st.binary(max_size=30), min_size=1, max_size=3))
    def create(self, bodies: list[bytes]) -> None:
        self.commits.append(self.log.commit(*[(None, body, False) for body in bodies]))

    @rule(body=st.binary(max_size=30), late=st.integers(1, 20_000))
    def create_under_an_id_taken_earlier(self, body: bytes, late: int) -> None:
        self.commits.append(self.log.commit((None, body, False), late_ms=late))

    @rule(data=st.data(), body=st.binary(max_size=30), deleted=st.booleans())
    def change(self, data: st.DataObject, body: bytes, deleted: bool) -> None:
        names = [name for name in self.log.versions if name[0] == "Observation"]
        if names:
            name = data.draw(st.sampled_from(names))
            self.commits.append(self.log.commit((name, b"" if deleted else body, deleted)))

    @rule(ms=st.sampled_from([1000, SETTLED_MS - 1, SETTLED_MS + 1]))
    def time_passes(self, ms: int) -> None:
        self.log.clock.at += ms

    @rule(times=st.integers(1, 2))
    def compact(self, times: int) -> None:
        for _ in range(times):
            self.log.compaction.compact(self.log.id)

    @rule()
    def compact_twice_at_once(self) -> None:
        seen = [self.log.store.following(self.log.id) for _ in range(2)]
        with mock.patch.object(self.log.store, "following", side_effect=seen):
            done = [self.log.compaction.compact(self.log.id) for _ in seen]
        assert done in ([True, False], [False, False])

    @precondition(lambda self: self.commits)
    @rule(data=st.data())
    def read_as_of_a_commit(self, data: st.DataObject) -> None:
        until = data.draw(st.sampled_from(self.commits))
        assert self.log.state(until) == self.log.expected(until)

    @precondition(lambda self: self.log.versions)
    @rule(data=st.data())
    def every_version_of_one(self, data: st.DataObject) -> None:
        names = [name for name in self.log.versions if name[0] != "Patient"]
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        door = self.log.door(name)
        pointer = door.pointers.get(name)
        first = resource_id(name[1])
        assert first
        commits = [first.commit or "", *(pointer.commits if pointer else ())]
        held = self.log.store.versions(door, commits)
        found = [v for c in commits for v in held[c] if (v.type, v.id) == name]
        assert found == self.log.versions[name]

    @invariant()
    def the_state_is_the_dict(self) -> None:
        assert self.log.state() == self.log.expected()


def test_any_order_of_writers_compactors_and_readers_keeps_the_dict(world: World) -> None:
    CommitLog.world = world
    with mock.patch.object(compaction, "FOLLOWING_MIN", 2):
        run_state_machine_as_test(
            CommitLog, settings=settings(max_examples=10, stateful_step_count=20, deadline=None)
        )


@pytest.fixture
def log(world: World) -> Iterator[Log]:
    made = Log(world)
    yield made
    forget(made.id)


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)  # noqa: S311  # not a secret


def settle(log: Log) -> None:
    log.clock.at += SETTLED_MS + 1


@pytest.mark.parametrize(("count", "done"), [(63, False), (64, True)])
def test_a_segment_is_made_when_more_than_64_commits_follow(
    log: Log, count: int, done: bool
) -> None:
    for i in range(count):  # after the one that opened the record
        log.commit((None, b"%d" % i, False))

    assert log.compaction.compact(log.id) is False
    settle(log)
    assert log.compaction.compact(log.id) is done
    assert log.compaction.compact(log.id) is False
    assert log.segments() == int(done)
    with counted() as calls:
        assert log.state() == log.expected()
    assert calls == ["BatchGetItem", "Query"]


def test_a_page_that_began_before_a_compaction_goes_on_as_it_was(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "FOLLOWING_MIN", 1)
    seen = log.commit((None, b"one", False))
    name = next(n for n in log.versions if n[0] == "Observation")
    log.commit((name, b"two", False))
    settle(log)
    assert log.compaction.compact(log.id)

    assert log.state(seen)[name].body == b"one"
    assert log.state()[name].body == b"two"


@pytest.mark.parametrize("size", [PART_BYTES_MAX + 1, 1024 * 1024])
def test_a_resource_larger_than_an_item_is_compacted_too(
    log: Log, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(compaction, "FOLLOWING_MIN", 1)
    log.commit((None, noise(size), False))
    log.commit((None, b"{}", False))
    settle(log)

    assert log.compaction.compact(log.id)

    assert log.state() == log.expected()


def test_large_commits_are_compacted_in_turn_within_a_transaction(log: Log) -> None:
    for i in range(3):
        log.commit((None, noise(1_000_000, i), False), (None, noise(900_000, i + 9), False))
    settle(log)

    done = 0
    while log.compaction.compact(log.id):
        done += 1

    assert done >= 1
    assert log.state() == log.expected()


def test_a_record_without_keys_is_left_alone(log: Log) -> None:
    key: dict[str, Any] = {"pk": {"S": log.id}}
    client = log.world.stack.client("dynamodb")
    client.delete_item(TableName=log.store.keys, Key=key)

    assert log.compaction.compact(log.id) is False


@pytest.mark.parametrize("last", "0123456789abcdefghijklmnopqrstuv")
def test_one_commit_in_eight_is_worth_a_look(last: str) -> None:
    assert compaction.worth_a_look(f"K#0123{last}") == (last in "08go")
