"""The log's tree against RFC 6962's vectors, a plain oracle, and the stand-alone verifier."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dmp_verify
from dmp.domain.checkpoint import (
    Checkpoint,
    checkpoint_of,
    signature_line,
    signature_of,
)
from dmp.domain.log import TILE, Log, log_of
from dmp.domain.merkle import EMPTY, consistency, inclusion, root
from tests.fhir.examples import folder

VECTORS = json.loads((folder("tlog") / "rfc6962_roots.json").read_text("utf-8"))


def leaf(number: int) -> bytes:
    """A leaf hash."""
    return dmp_verify.leaf_hash(str(number).encode())


def plain_root(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return dmp_verify.node(plain_root(leaves[:k]), plain_root(leaves[k:]))


class Published:
    """Tiles that were published."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}

    def publish(self, log: Log) -> Log:
        """Take the full tiles out of the log."""
        self.tiles |= {(level, index): hashes for level, index, hashes in log.full_tiles()}
        return log.trimmed()

    def __call__(self, level: int, index: int) -> bytes:
        return self.tiles[level, index]


def test_the_roots_are_those_of_the_rfc() -> None:
    leaves = [bytes.fromhex(text) for text in VECTORS["leaf_inputs_hex"]]
    for size, wanted in enumerate(VECTORS["root_by_size_hex"]):
        log = Log().appended(dmp_verify.leaf_hash(one) for one in leaves[:size])
        assert root(size, log.subtrees(Published())).hex() == wanted


def test_every_proof_of_every_small_log_holds() -> None:
    log, published = Log(), Published()
    leaves: list[bytes] = []
    roots = [EMPTY]
    for size in range(1, 71):
        leaves.append(leaf(size))
        log = published.publish(log.appended(leaves[-1:]))
        subtrees = log.subtrees(published)
        roots.append(root(size, subtrees))
        assert roots[size] == plain_root(leaves)
        for index in range(size):
            path = inclusion(index, size, subtrees)
            dmp_verify.check_inclusion(index, size, leaves[index], path, roots[size])
        new = dmp_verify.Checkpoint("o", size, roots[size])
        for old in range(1, size + 1):
            path = consistency(old, size, subtrees)
            dmp_verify.check_consistency(dmp_verify.Checkpoint("o", old, roots[old]), new, path)


@pytest.mark.parametrize("size", [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_049])
def test_proofs_hold_where_tiles_end(size: int) -> None:
    leaves = [leaf(number) for number in range(size)]
    published = Published()
    log = published.publish(Log().appended(leaves))
    subtrees = log.subtrees(published)
    tree = root(size, subtrees)
    assert tree == plain_root(leaves)
    for index in {0, 1, 254, size // 2, size - 2, size - 1}:
        path = inclusion(index, size, subtrees)
        dmp_verify.check_inclusion(index, size, leaves[index], path, tree)
    new = dmp_verify.Checkpoint("o", size, tree)
    for old in {1, 2, 255, size // 2, size - 1, size}:
        before = dmp_verify.Checkpoint("o", old, plain_root(leaves[:old]))
        dmp_verify.check_consistency(before, new, consistency(old, size, subtrees))
    assert all(len(level.hashes) < TILE * 32 for level in log.levels)


@given(st.lists(st.integers(0, 700), max_size=6), st.booleans())
def test_how_leaves_arrive_does_not_matter(batches: list[int], trim: bool) -> None:
    published = Published()
    log, leaves = Log(), []
    for count in batches:
        more = [leaf(len(leaves) + i) for i in range(count)]
        leaves += more
        log = log.appended(more)
        if trim:
            log = published.publish(log)
        log = log_of(log.to_bytes())
    assert log.size == len(leaves)
    if not trim:
        published.publish(log)
    assert root(log.size, log.subtrees(published)) == plain_root(leaves)


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    log = Log().appended([leaf(0)])
    subtrees = log.subtrees(Published())
    with pytest.raises(ValueError, match="no such leaf"):
        inclusion(1, 1, subtrees)
    with pytest.raises(ValueError, match="older tree"):
        consistency(0, 1, subtrees)
    with pytest.raises(ValueError, match="no such subtree"):
        subtrees(0, 1)


NOTE = Checkpoint("dmp.ma/test/MA-06", 3, leaf(0)).signed(b"spki", b"signature")


def test_a_note_is_read_as_it_was_written() -> None:
    read = checkpoint_of(NOTE)
    assert read == Checkpoint("dmp.ma/test/MA-06", 3, leaf(0))
    assert read.short() == f"3-{leaf(0).hex()[:8]}"
    assert read.words == {"seal": read.short(), "seal_whole": f"3-{leaf(0).hex()}"}
    line = signature_line("witness", b"1234", b"of it")
    assert signature_of(line.removesuffix("\n")) == ("witness", b"1234", b"of it")


@pytest.mark.parametrize(
    "text",
    ["", "one line", NOTE.replace("\n3\n", "\n03\n"), NOTE.replace("\n3\n", "\n-3\n"),
     NOTE.replace("\n\n", "\n"), "o\n3\nAAAA\n\n"],
)  # fmt: skip
def test_another_text_is_no_note(text: str) -> None:
    assert checkpoint_of(text) is None


@pytest.mark.parametrize(
    "line", ["", "\u2014 a", "- a AAAAAAAA", "\u2014 a b c", "\u2014 a AAAAAAA"]
)
def test_another_line_is_no_signature(line: str) -> None:
    assert signature_of(line) is None
