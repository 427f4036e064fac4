"""The sealer under duplicates, reordering, rivals, crashes at every call, and a restored table."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dmp_verify
from dmp.domain.checkpoint import checkpoint_of
from dmp.domain.identifiers import commit_id
from dmp.domain.log import Log
from dmp.domain.merkle import consistency
from dmp.domain.refusals import Invalid, NotFound, Unavailable
from dmp.use_cases.log_recovery import LogRecovery
from dmp.use_cases.proofs import Proofs
from dmp.use_cases.sealing import (
    OVERDUE_MS,
    Comparison,
    Head,
    Leaf,
    LeafAnnouncer,
    LogRolledBack,
    Sealer,
    Shown,
)
from tests.verify.test_tampering import ORIGIN, OURS

NOW = 1_795_000_000_000


class Crash(Exception):
    """The process ended here."""


class Region:
    """Registry, bucket and key in memory; `before` is called at each call, by its number."""

    def __init__(self) -> None:
        self.current = Head(Log(), "", 0)
        self.index: dict[str, tuple[int, bytes]] = {}
        self.tiles: dict[tuple[int, int, int], bytes] = {}
        self.shown = Shown()
        self.calls = 0
        self.before: Callable[[int], None] = lambda _: None

    def _call(self) -> None:
        self.calls += 1
        self.before(self.calls)

    def head(self) -> Head:
        self._call()
        return self.current

    def leaves(self, ids: Sequence[str]) -> Mapping[str, tuple[int, bytes]]:
        self._call()
        return {name: self.index[name] for name in ids if name in self.index}

    def append(self, head: Head, fresh: Sequence[Leaf], log: Log) -> bool:
        self._call()
        if head.revision != self.current.revision or any(f.id in self.index for f in fresh):
            return False
        rows = enumerate(fresh, head.log.size)
        self.index |= {leaf.id: (number, leaf.hash) for number, leaf in rows}
        self.current = Head(log, head.note, head.revision + 1)
        return True

    def sign(self, head: Head, note: str) -> bool:
        self._call()
        if head.revision != self.current.revision:
            return False
        self.current = replace(head, note=note, revision=head.revision + 1)
        return True

    def tile(self, level: int, index: int) -> bytes:
        self._call()
        return self.tiles[level, index, 256]

    def partial_tile(self, level: int, index: int, hashes: int) -> bytes:
        self._call()
        return self.tiles[level, index, hashes]

    def publish(self, level: int, index: int, hashes: bytes) -> None:
        self._call()
        assert self.tiles.setdefault((level, index, len(hashes) // 32), hashes) == hashes

    def checkpoint(self) -> Shown:
        self._call()
        return self.shown

    def publish_checkpoint(self, note: str, instead: Shown) -> bool:
        self._call()
        if instead != self.shown:
            return False
        self.shown = Shown(note, str(self.calls))
        return True

    @property
    def public(self) -> str:
        """What outsiders see."""
        return self.shown.note

    def note(self, checkpoint: Any) -> str:
        self._call()
        return OURS.note_of(checkpoint)

    def sealer(self) -> Sealer:
        """A sealer of this region."""
        return Sealer(self, self, self, ORIGIN)

    def proofs(self) -> Proofs:
        """What outsiders are given; nobody co-signs."""
        return Proofs(self, self, Nobody())

    def check(self, leaves: Sequence[Leaf]) -> None:
        """Every leaf is in the log once, and the published checkpoint proves it."""
        assert self.current.log.size == len({leaf.id for leaf in leaves}) == len(self.index)
        assert {number for number, _ in self.index.values()} == set(range(len(self.index)))
        assert self.public == self.current.note
        told = dmp_verify.read_checkpoint(self.public, OURS.pem)
        assert told.size == self.current.log.size
        for leaf in leaves:
            text = self.proofs().entry(leaf.id)
            path = dmp_verify.hashes(text.partition("\n\n")[0].split("\n")[2:])
            number = self.index[leaf.id][0]
            dmp_verify.check_inclusion(number, told.size, leaf.hash, path, told.root)


class Scanned:
    """Records without entries."""

    def written(self, part: int, parts: int) -> Iterator[Leaf]:
        del part, parts
        return iter(())


class Nobody:
    """No witness."""

    def holds(self, name: str, key: bytes, signature: bytes, body: str) -> bool:
        del name, key, signature, body
        return False

    def keep(self, body: str, name: str, line: str) -> None:
        raise AssertionError(body, name, line)

    def lines(self, body: str) -> Sequence[str]:
        del body
        return ()


def leaves(count: int, first: int = 0) -> list[Leaf]:
    """Leaves of entries that nobody needs to read."""
    return [
        Leaf(f"{'p' * 20}.{commit_id(NOW + i, i)}", dmp_verify.leaf_hash(str(i).encode()))
        for i in range(first, first + count)
    ]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 400), max_size=120), max_size=6))
def test_duplicates_and_order_do_not_matter(batches: list[list[int]]) -> None:
    region, every = Region(), leaves(401)
    for batch in batches:
        region.sealer().seal([every[i] for i in batch])
    sealed = {i for batch in batches for i in batch}
    if sealed:
        region.check([every[i] for i in sealed])


def test_a_thousand_leaves_in_one_batch_take_one_signature() -> None:
    region, every, signed = Region(), leaves(1000), []
    region.note = lambda told: signed.append(told) or OURS.note_of(told)  # type: ignore[method-assign,func-returns-value]
    assert region.sealer().seal(every) == 1000
    assert [told.size for told in signed] == [1000]
    region.check(every)
    assert region.sealer().seal(every) == 0
    assert len(signed) == 1


def _crashing_at(number: int, error: type[Exception]) -> Callable[[int], None]:
    def before(call: int) -> None:
        if call == number:
            raise error

    return before


@pytest.mark.parametrize("error", [Crash, Unavailable])
def test_a_crash_at_any_call_loses_and_doubles_nothing(error: type[Exception]) -> None:
    first, more = leaves(250), leaves(40, 240)
    for number in itertools.count(1):
        region = Region()
        region.sealer().seal(first)
        region.before = _crashing_at(region.calls + number, error)
        try:
            region.sealer().seal(more)
        except (Crash, Unavailable):
            region.before = lambda _: None
            region.sealer().seal(more)
            region.check([*first, *more])
        else:
            assert number > 8
            return


@pytest.mark.parametrize("seed", range(40))
def test_two_sealers_at_once_leave_each_leaf_once(seed: int) -> None:
    """The rival's whole run happens inside one call of the other's, at any of its calls."""
    region, chance = Region(), random.Random(seed)  # noqa: S311
    every = leaves(300)
    mine, theirs = chance.sample(every, 150), chance.sample(every, 150)
    region.sealer().seal(every[:10])
    at = region.calls + chance.randrange(1, 13)

    def before(call: int) -> None:
        if call == at:
            region.sealer().seal(theirs)

    region.before = before
    region.sealer().seal(mine)
    assert region.calls > at
    region.check(list({leaf.id: leaf for leaf in [*every[:10], *mine, *theirs]}.values()))


def test_every_checkpoint_that_left_is_continued_by_each_later_one() -> None:
    region, kept = Region(), []
    for first in range(0, 700, 70):
        region.sealer().seal(leaves(70, first))
        kept.append(region.public)
    for old in kept:
        size = checkpoint_of(old).size  # type: ignore[union-attr]
        dmp_verify.verify_grown(old, region.proofs().since(str(size)), OURS.pem)


def test_a_table_restored_from_a_backup_signs_nothing_and_says_so() -> None:
    region = Region()
    region.sealer().seal(leaves(30))
    backup = region.current, dict(region.index)
    region.sealer().seal(leaves(30, 30))
    region.current, region.index = backup
    with pytest.raises(LogRolledBack, match="shorter"):
        region.sealer().seal([])
    with pytest.raises(LogRolledBack, match="does not begin"):
        region.sealer().seal(leaves(50, 100))
    public = checkpoint_of(region.public)
    assert public is not None
    assert public.size == 60


@pytest.mark.parametrize(("kept", "lost"), [(0, 30), (30, 30), (200, 300), (256, 256), (10, 600)])
def test_a_restored_table_is_put_back_as_it_was_published(kept: int, lost: int) -> None:
    region, every = Region(), leaves(kept + lost)
    region.sealer().seal(every[:kept])
    backup = region.current, dict(region.index)
    region.sealer().seal(every[kept:])
    sealed = dict(region.index)
    region.current, region.index = backup

    class Written:
        def written(self, part: int, parts: int) -> Iterator[Leaf]:
            assert (part, parts) == (0, 1)
            yield from every[:-1]  # the newest entry's record is gone, say

    recovery = LogRecovery(region, region, Written())
    assert recovery.rebuild() == lost
    assert recovery.rebuild() == 0
    region.sealer().seal(every)  # what follows is sealed as ever; the nameless one once more
    assert region.index.items() >= {k: v for k, v in sealed.items() if k != every[-1].id}.items()
    region.proofs().since(str(kept + lost))


def test_nothing_is_put_back_that_the_published_root_does_not_prove() -> None:
    region = Region()
    region.sealer().seal(leaves(20))
    backup = region.current, dict(region.index)
    region.sealer().seal(leaves(20, 20))
    region.current, region.index = backup
    region.tiles[0, 0, 40] = region.tiles[0, 0, 40][:-32] + bytes(32)
    with pytest.raises(LogRolledBack, match="do not continue"):
        LogRecovery(region, region, Scanned()).rebuild()
    assert region.current.log.size == 20


def test_a_checkpoint_of_another_log_in_the_bucket_stops_the_sealer() -> None:
    region = Region()
    region.shown = Shown(OURS.note([b"entry"], "dmp.ma/test/MA-01"), "1")
    with pytest.raises(LogRolledBack, match="not this log's"):
        region.sealer().seal(leaves(1))


def test_proofs_are_of_what_is_signed_and_no_more() -> None:
    region, (one, two) = Region(), leaves(2)
    with pytest.raises(NotFound, match="nothing is sealed yet"):
        region.proofs().checkpoint()
    region.sealer().seal([one])
    head = region.current
    region.append(head, [two], head.log.appended([two.hash]))
    assert region.proofs().entry(one.id).startswith("c2sp.org/tlog-proof@v1\nindex 0\n\n")
    with pytest.raises(NotFound, match="a minute at most"):
        region.proofs().entry(two.id)
    for size in ("0", "2", "-1", "x", "", "\u0661"):
        with pytest.raises(NotFound, match="no checkpoint of that size"):
            region.proofs().since(size)
    assert consistency(1, 1, region.current.log.subtrees(region.tile)) == []


def test_a_note_is_cosigned_by_registered_witnesses_alone() -> None:
    region = Region()
    region.sealer().seal(leaves(3))
    assert region.proofs().cosign(region.public) == region.public
    with pytest.raises(Invalid, match="not the newest"):
        region.proofs().cosign(region.public.replace("\n3\n", "\n4\n"))
    with pytest.raises(Invalid, match="no registered witness"):
        region.proofs().cosign(region.public + "\u2014 somebody AAAAAAAAAAAA\n")


class Queue:
    """Messages; refuses when it is told to."""

    def __init__(self) -> None:
        self.held: list[Leaf] = []
        self.down = False

    def hand_on(self, leaf: Leaf) -> None:
        if self.down:
            raise Unavailable("sqs")
        self.held.append(leaf)


def test_what_the_queue_does_not_take_goes_to_the_dead_letters() -> None:
    (leaf,) = leaves(1)
    queue, dead = Queue(), Queue()
    announcer = LeafAnnouncer(queue, dead)
    assert announcer.announce(leaf)
    queue.down = True
    assert not announcer.announce(leaf)
    assert queue.held == dead.held == [leaf]
    dead.down = True
    with pytest.raises(Unavailable):
        announcer.announce(leaf)


def test_the_comparison_finds_what_was_lost_once_it_is_five_minutes_old() -> None:
    region, queue, every = Region(), Queue(), leaves(300)
    region.sealer().seal(every[:100] + every[150:])

    class Written:
        def written(self, part: int, parts: int) -> Iterator[Leaf]:
            assert (part, parts) == (3, 24)
            yield from every

    class At:
        def __init__(self, now: int) -> None:
            self.now = now

        def now_ms(self) -> int:
            return self.now

        def random_bits(self, bits: int) -> int:
            return bits

    # leaf i was written at NOW + i
    assert Comparison(Written(), region, queue, At(NOW + 101 + OVERDUE_MS)).sweep(3, 24) == 1
    assert queue.held == [every[100]]
    assert Comparison(Written(), region, queue, At(NOW + 400 + OVERDUE_MS)).sweep(3, 24) == 50
