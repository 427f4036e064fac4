"""The tree of RFC 6962 section 2.1 over leaf hashes: root, inclusion and consistency proofs.

A tree is read through `Subtrees`: the root of a complete subtree, by its level (0 for leaves) and
its index among those of its level. Nothing else is asked for, so a log of any length is proved
from a few tiles.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

Subtrees = Callable[[int, int], bytes]
EMPTY = hashlib.sha256(b"").digest()
HASH_BYTES = 32


def node(left: bytes, right: bytes) -> bytes:
    """SHA-256 over 0x01 and both children."""
    return hashlib.sha256(b"\1" + left + right).digest()


def folded(hashes: bytes) -> bytes:
    """The root of a complete subtree whose 2^n leaf hashes, 32 bytes each, are joined."""
    row = [hashes[i : i + HASH_BYTES] for i in range(0, len(hashes), HASH_BYTES)]
    while len(row) > 1:
        row = [node(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def root(size: int, subtrees: Subtrees) -> bytes:
    """The root of the first `size` leaves."""
    return _range(0, size, subtrees) if size else EMPTY


def inclusion(index: int, size: int, subtrees: Subtrees) -> list[bytes]:
    """The audit path of leaf `index` in the tree of `size` leaves, from the leaf up."""
    if not 0 <= index < size:
        raise ValueError("no such leaf in the tree")
    path: list[bytes] = []
    first, after = 0, size
    while after - first > 1:
        middle = first + _left(after - first)
        if index < middle:
            path.append(_range(middle, after, subtrees))
            after = middle
        else:
            path.append(_range(first, middle, subtrees))
            first = middle
    return path[::-1]


def consistency(old: int, new: int, subtrees: Subtrees) -> list[bytes]:
    """Proves that the tree of `old` leaves begins the tree of `new` (RFC 6962 section 2.1.2)."""
    if not 0 < old <= new:
        raise ValueError("the older tree has at least a leaf and no more than the newer")
    path: list[bytes] = []
    first, after = 0, new
    while old != after:
        middle = first + _left(after - first)
        if old <= middle:
            path.append(_range(middle, after, subtrees))
            after = middle
        else:
            path.append(_range(first, middle, subtrees))
            first = middle
    if first:  # the older tree's own last subtree; from the left edge on it is the older root
        path.append(_range(first, after, subtrees))
    return path[::-1]


def _left(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range(first: int, after: int, subtrees: Subtrees) -> bytes:
    size = after - first
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return subtrees(level, first >> level)
    middle = first + _left(size)
    return node(_range(first, middle, subtrees), _range(middle, after, subtrees))
