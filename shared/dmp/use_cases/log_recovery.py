"""The sealed log put back as it was published, after its table was restored from a backup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from dmp.domain.checkpoint import Checkpoint, checkpoint_of
from dmp.domain.log import TILE, TILE_BYTES
from dmp.domain.merkle import HASH_BYTES, root
from dmp.domain.refusals import Unavailable
from dmp.use_cases.sealing import AT_ONCE, JournalRows, Leaf, LogRolledBack, LogRows, PublishedLog


class PublishedTiles(PublishedLog, Protocol):
    """Tiles that are not full are read too."""

    def partial_tile(self, level: int, index: int, hashes: int) -> bytes:
        """A tile of so many hashes."""


@dataclass(frozen=True, slots=True)
class LogRecovery:
    """Appends to the log what the bucket shows and the table has lost."""

    rows: LogRows
    published: PublishedTiles
    journal: JournalRows

    def rebuild(self) -> int:
        """How many leaves were put back. Safe to run twice, or again after it was stopped."""
        shown = checkpoint_of(self.published.checkpoint().note)
        head = self.rows.head()
        if shown is None or shown.size <= head.log.size:
            return 0
        lost = list(self._leaves(head.log.size, shown.size))
        self._prove(lost, shown)
        names = self._names(set(lost))
        for first in range(0, len(lost), AT_ONCE):
            head = self.rows.head()
            some = [
                Leaf(names.get(leaf, f"lost.{head.log.size + i}"), leaf)
                for i, leaf in enumerate(lost[first : first + AT_ONCE])
            ]
            log = head.log.trimmed().appended(leaf.hash for leaf in some)
            if not self.rows.append(head, some, log):
                raise Unavailable("the log moved meanwhile: stop the sealer, then run it again")
        return len(lost)

    def _leaves(self, first: int, after: int) -> Iterator[bytes]:
        for tile in range(first // TILE, (after - 1) // TILE + 1):
            held = min(TILE, after - tile * TILE)
            whole = held == TILE
            hashes = (
                self.published.tile(0, tile)
                if whole
                else self.published.partial_tile(0, tile, held)
            )
            start = max(0, first - tile * TILE) * HASH_BYTES
            for at in range(start, min(len(hashes), TILE_BYTES), HASH_BYTES):
                yield hashes[at : at + HASH_BYTES]

    def _prove(self, lost: list[bytes], shown: Checkpoint) -> None:
        log = self.rows.head().log.appended(lost)
        if root(shown.size, log.subtrees(self.published.tile)) != shown.root:
            raise LogRolledBack("the published tiles do not continue this table")

    def _names(self, wanted: set[bytes]) -> dict[bytes, str]:
        """Which entries the leaves are of; one whose record is gone stays without a name."""
        return {leaf.hash: leaf.id for leaf in self.journal.written(0, 1) if leaf.hash in wanted}
