"""The region's log of journal leaves: its size, and the tiles that are not full yet.

A tile holds up to 256 hashes of tree level 8n (C2SP tlog-tiles); a full tile's root is one hash of
the next tile level. Full tiles stay in the log's edge until they are published, so that no hash is
ever in one place alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dmp.domain.merkle import HASH_BYTES, folded

TILE = 256
TILE_BYTES = TILE * HASH_BYTES
_BITS = 8
_HEADER = struct.Struct(">QI")
Tiles = Callable[[int, int], bytes]


@dataclass(frozen=True, slots=True)
class Level:
    """Hashes of one tile level, from index `first` (a multiple of 256) to the log's end."""

    first: int
    hashes: bytes

    @property
    def after(self) -> int:
        """The index that comes next."""
        return self.first + len(self.hashes) // HASH_BYTES


@dataclass(frozen=True, slots=True)
class Log:
    """`levels[n]` is tile level n; the log has `size` leaves."""

    levels: tuple[Level, ...] = (Level(0, b""),)

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self.levels[0].after

    def appended(self, leaves: Iterable[bytes]) -> Log:
        """The log with these leaf hashes at its end."""
        levels = list(self.levels)
        more, at = b"".join(leaves), 0
        while more:
            old = levels[at]
            levels[at] = new = Level(old.first, old.hashes + more)
            full = range(old.after // TILE, new.after // TILE)
            more, at = b"".join(folded(_tile(new, number)) for number in full), at + 1
            if at == len(levels) and more:
                levels.append(Level(0, b""))
        return Log(tuple(levels))

    def full_tiles(self) -> list[tuple[int, int, bytes]]:
        """Full tiles still in the edge: level, index, hashes."""
        return [
            (n, number, _tile(level, number))
            for n, level in enumerate(self.levels)
            for number in range(level.first // TILE, level.after // TILE)
        ]

    def partial_tiles(self) -> list[tuple[int, int, bytes]]:
        """The last tile of each level when it is not full."""
        return [
            (n, level.after // TILE, _tile(level, level.after // TILE))
            for n, level in enumerate(self.levels)
            if level.after % TILE
        ]

    def trimmed(self) -> Log:
        """The log without its full tiles: only once they are published."""
        return Log(
            tuple(
                Level(keep, level.hashes[(keep - level.first) * HASH_BYTES :])
                for level in self.levels
                for keep in (level.after // TILE * TILE,)
            )
        )

    def subtrees(self, published: Tiles) -> Callable[[int, int], bytes]:
        """Complete subtrees, from the edge or else from the published tile (level, index)."""

        def subtree(level: int, index: int) -> bytes:
            tile_level, row = divmod(level, _BITS)
            first = index << row
            edge = self.levels[tile_level] if tile_level < len(self.levels) else None
            if edge is not None and first >= edge.first:
                tile, offset = edge.hashes, first - edge.first
            else:
                tile, offset = published(tile_level, first // TILE), first % TILE
            hashes = tile[offset * HASH_BYTES : (offset + (1 << row)) * HASH_BYTES]
            if len(hashes) != HASH_BYTES << row:
                raise ValueError("the log has no such subtree")
            return folded(hashes)

        return subtree

    def to_bytes(self) -> bytes:
        """What `log_of` reads."""
        return b"".join(
            _HEADER.pack(level.first, len(level.hashes)) + level.hashes for level in self.levels
        )


def log_of(data: bytes) -> Log:
    """The inverse of `Log.to_bytes`."""
    levels: list[Level] = []
    at = 0
    while at < len(data):
        first, length = _HEADER.unpack_from(data, at)
        at += _HEADER.size
        levels.append(Level(first, data[at : at + length]))
        at += length
    return Log(tuple(levels))


def _tile(level: Level, number: int) -> bytes:
    start = (number * TILE - level.first) * HASH_BYTES
    return level.hashes[start : start + TILE_BYTES]
