"""Journal leaves into the region's log, once each, and a signed checkpoint over all of them.

The log's head moves by one conditional transaction that also names each leaf's index: two sealers
at once, a batch that comes twice or out of order, or a crash anywhere leave every leaf in the log
exactly once. What leaves the system (tiles, checkpoints) is written after the head that it shows,
so that it can always be written again, the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dmp.domain.checkpoint import Checkpoint, checkpoint_of
from dmp.domain.identifiers import commit_millis
from dmp.domain.log import Log
from dmp.domain.merkle import root
from dmp.domain.refusals import Unavailable
from dmp.use_cases.ports import Clock

AT_ONCE = 99  # leaves of one transaction, the head being its hundredth item
TRIES_MAX = 8
OVERDUE_MS = 300_000


class LogRolledBack(Exception):
    """What was published is not in the log any more: its table was restored, or rewritten."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A journal entry's id (`<patient>.<entry>`) and its leaf hash."""

    id: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands. `note` is its newest signed checkpoint, empty before the first."""

    log: Log
    note: str
    revision: int

    @property
    def signed(self) -> Checkpoint | None:
        """What the note says."""
        return checkpoint_of(self.note)


@dataclass(frozen=True, slots=True)
class Shown:
    """A published checkpoint and which version of its object that is."""

    note: str = ""
    version: str = ""


class LogRows(Protocol):
    """The head and the leaves' indexes; every read is consistent."""

    def head(self) -> Head:
        """The head; an empty log when there is none yet."""

    def leaves(self, ids: Sequence[str]) -> Mapping[str, tuple[int, bytes]]:
        """Index and hash of those that are in the log."""

    def append(self, head: Head, fresh: Sequence[Leaf], log: Log) -> bool:
        """One transaction; False when the head moved or a leaf was there already."""

    def sign(self, head: Head, note: str) -> bool:
        """Keep the note; False when the head moved."""


class PublishedLog(Protocol):
    """Tiles and checkpoints as outsiders see them."""

    def tile(self, level: int, index: int) -> bytes:
        """A full tile's hashes."""

    def publish(self, level: int, index: int, hashes: bytes) -> None:
        """A tile, full or partial; the same again changes nothing."""

    def checkpoint(self) -> Shown:
        """The newest checkpoint published; empty before the first."""

    def publish_checkpoint(self, note: str, instead: Shown) -> bool:
        """The next one; False when another stands there by now. Earlier ones stay as versions."""


class LogSigner(Protocol):
    """The region's log key."""

    def note(self, checkpoint: Checkpoint) -> str:
        """The checkpoint signed: one KMS call."""


class JournalRows(Protocol):
    """Leaves as the records hold them."""

    def written(self, part: int, parts: int) -> Iterator[Leaf]:
        """Every leaf of one part of the table."""


class LeafQueue(Protocol):
    """The way to the sealer."""

    def hand_on(self, leaf: Leaf) -> None:
        """One message."""


@dataclass(frozen=True, slots=True)
class LeafAnnouncer:
    """From the record's stream to the sealer's queue."""

    queue: LeafQueue
    dead_letters: LeafQueue

    def announce(self, leaf: Leaf) -> bool:
        """Hand a leaf on; to the dead letters, and False, when the queue would not take it."""
        try:
            self.queue.hand_on(leaf)
        except Unavailable:
            self.dead_letters.hand_on(leaf)
            return False
        return True


@dataclass(frozen=True, slots=True)
class Sealer:
    """Appends what the queue brings and signs what it appended."""

    rows: LogRows
    published: PublishedLog
    signer: LogSigner
    origin: str

    def seal(self, leaves: Sequence[Leaf]) -> int:
        """How many were new to the log. On return all are in it, under a published checkpoint."""
        count = 0
        for first in range(0, len(leaves), AT_ONCE):
            count += self._append(leaves[first : first + AT_ONCE])
        self._sign()
        return count

    def _append(self, leaves: Sequence[Leaf]) -> int:
        for _ in range(TRIES_MAX):
            head = self.rows.head()
            known = self.rows.leaves([leaf.id for leaf in leaves])
            fresh = list({leaf.id: leaf for leaf in leaves if leaf.id not in known}.values())
            if not fresh:
                return 0
            for level, index, hashes in head.log.full_tiles():
                self.published.publish(level, index, hashes)
            log = head.log.trimmed().appended(leaf.hash for leaf in fresh)
            if self.rows.append(head, fresh, log):
                return len(fresh)
        raise Unavailable("other sealers kept winning")

    def _sign(self) -> None:
        for _ in range(TRIES_MAX):
            head = self.rows.head()
            if not head.log.size:
                return
            shown = self.published.checkpoint()
            self._compare(head, shown.note)
            if self._signed(head) and self._publish(self.rows.head(), shown):
                return
        raise Unavailable("other sealers kept winning")

    def _signed(self, head: Head) -> bool:
        """Whether the head has a note over all of its leaves, now."""
        signed = head.signed
        if signed is not None and signed.size == head.log.size:
            return True
        return self.rows.sign(head, self.signer.note(self._checkpoint(head)))

    def _publish(self, head: Head, shown: Shown) -> bool:
        """Whether the head's note is what outsiders see, its tiles before it."""
        if shown.note == head.note:
            return True
        for level, index, hashes in (*head.log.full_tiles(), *head.log.partial_tiles()):
            self.published.publish(level, index, hashes)
        return self.published.publish_checkpoint(head.note, shown)

    def _checkpoint(self, head: Head) -> Checkpoint:
        tree = root(head.log.size, head.log.subtrees(self.published.tile))
        return Checkpoint(self.origin, head.log.size, tree)

    def _compare(self, head: Head, note: str) -> None:
        """What was published must begin the log: else nothing more is signed."""
        if not note or note == head.note:
            return
        outside = checkpoint_of(note)
        if outside is None or outside.origin != self.origin:
            raise LogRolledBack("the published checkpoint is not this log's")
        if outside.size > head.log.size:
            if self.rows.head().log.size >= outside.size:
                return  # another sealer went on meanwhile
            raise LogRolledBack("the log is shorter than its published checkpoint")
        if root(outside.size, head.log.subtrees(self.published.tile)) != outside.root:
            raise LogRolledBack("the log does not begin with its published checkpoint")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Finds entries that stream and queue lost: the records beside the log."""

    journal: JournalRows
    rows: LogRows
    queue: LeafQueue
    clock: Clock

    def sweep(self, part: int, parts: int) -> int:
        """Queue each leaf of the part that is five minutes old and not in the log; how many."""
        before = self.clock.now_ms() - OVERDUE_MS
        missing = 0
        for some in _hundreds(self.journal.written(part, parts)):
            known = self.rows.leaves([leaf.id for leaf in some])
            for leaf in some:
                if leaf.id not in known and commit_millis(leaf.id.partition(".")[2]) < before:
                    self.queue.hand_on(leaf)
                    missing += 1
        return missing


def _hundreds(leaves: Iterable[Leaf]) -> Iterator[list[Leaf]]:
    some: list[Leaf] = []
    for leaf in leaves:
        some.append(leaf)
        if len(some) == AT_ONCE + 1:
            yield some
            some = []
    if some:
        yield some
