"""A log that was tampered with never convinces; an honest one is never accused.

Logs of 1 to 257 entries, every position, every way to tamper. The tamperer owns the log's server:
it makes honest-looking proofs of its rewritten tree. What it lacks is the checkpoint that somebody
kept, and, in the first half of the cases, the signing key.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import dmp_verify
from dmp.domain.checkpoint import Checkpoint, consistency_text, inclusion_text
from dmp.domain.log import Log
from dmp.domain.merkle import consistency, inclusion, root

ORIGIN = "dmp.ma/test/MA-06"
SIGNING = ec.ECDSA(SHA256(), deterministic_signing=True)  # tests are named by its length
EVERY = os.environ.get("DMP_HYPOTHESIS") == "prove"  # else each position is tampered with one way
SIZES = range(1, 258)
Entries = Sequence[bytes]


class Key:
    """A region's log key."""

    def __init__(self, secret: int) -> None:
        self._key = ec.derive_private_key(secret, ec.SECP256R1())
        public = self._key.public_key()
        self.spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def note(self, entries: Entries, origin: str = ORIGIN) -> str:
        """A signed checkpoint over the entries."""
        return self.note_of(Checkpoint(origin, len(entries), tree(entries)))

    def note_of(self, told: Checkpoint) -> str:
        """It, signed."""
        return told.signed(self.spki, self._key.sign(told.body().encode(), SIGNING))


OURS, OTHER = Key(4711), Key(815)


def log(entries: Entries) -> Log:
    """The log of the entries."""
    return Log().appended(dmp_verify.leaf_hash(entry) for entry in entries)


def tree(entries: Entries) -> bytes:
    """Its root."""
    return root(len(entries), log(entries).subtrees(_nothing))


def _nothing(level: int, index: int) -> bytes:
    raise LookupError(level, index)


def proof(entries: Entries, index: int, note: str) -> str:
    """What a server with these entries would give for one, over a note."""
    path = inclusion(index, len(entries), log(entries).subtrees(_nothing))
    return inclusion_text(index, path, note)


def honest(size: int) -> list[bytes]:
    """Entries, as dated lines."""
    return [f'{{"at":"2026-11-22T08:00:{i:03d}Z","n":{i}}}'.encode() for i in range(size)]


def flip(entries: Entries, at: int) -> list[bytes]:
    bit = hashlib.sha256(entries[at]).digest()[0] % (8 * len(entries[at]))
    changed = bytearray(entries[at])
    changed[bit // 8] ^= 1 << bit % 8
    return [*entries[:at], bytes(changed), *entries[at + 1 :]]


def drop(entries: Entries, at: int) -> list[bytes]:
    return [*entries[:at], *entries[at + 1 :]]


def duplicate(entries: Entries, at: int) -> list[bytes]:
    return [*entries[: at + 1], *entries[at:]]


def swap(entries: Entries, at: int) -> list[bytes]:
    other = (at + 1) % len(entries)
    changed = list(entries)
    changed[at], changed[other] = changed[other], changed[at]
    return changed


def truncate(entries: Entries, at: int) -> list[bytes]:
    return list(entries[:at])


def fork(entries: Entries, at: int) -> list[bytes]:
    return [*entries[:at], *(entry + b" " for entry in entries[at:])]


def back_date(entries: Entries, at: int) -> list[bytes]:
    return [*entries[:at], entries[at].replace(b"2026", b"2025"), *entries[at + 1 :]]


WAYS: tuple[Callable[[Entries, int], list[bytes]], ...] = (
    flip, drop, duplicate, swap, truncate, fork, back_date,
)  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
def test_a_rewritten_log_contradicts_the_checkpoint_that_somebody_kept(size: int) -> None:
    """Not even with the signing key: what it signs anew cannot be proved to have grown."""
    entries, kept = honest(size), OURS.note(honest(size))
    old = dmp_verify.read_checkpoint(kept, OURS.pem)
    for at in range(size):
        for way in WAYS if EVERY else (WAYS[(at + size) % len(WAYS)],):
            changed = way(entries, at)
            if changed[:size] == entries:
                continue  # one more at the end, or the only entry swapped with itself
            subtrees = log(changed).subtrees(_nothing)
            new = dmp_verify.Checkpoint(ORIGIN, len(changed), root(len(changed), subtrees))
            path = consistency(size, new.size, subtrees) if new.size >= size else []
            with pytest.raises(dmp_verify.DoesNotHold):
                dmp_verify.check_consistency(old, new, path)
            if at < len(changed) and changed[at] != entries[at]:
                path, leaf = inclusion(at, new.size, subtrees), dmp_verify.leaf_hash(changed[at])
                for claimed in (new.size, size):
                    with pytest.raises(dmp_verify.DoesNotHold):
                        dmp_verify.check_inclusion(at, claimed, leaf, path, old.root)


@pytest.mark.parametrize("size", SIZES)
def test_an_honest_log_is_never_accused(size: int) -> None:
    entries, note = honest(size), OURS.note(honest(size))
    whole = log(entries).subtrees(_nothing)
    tree_root = root(size, whole)
    for at in range(size):
        leaf, path = dmp_verify.leaf_hash(entries[at]), inclusion(at, size, whole)
        dmp_verify.check_inclusion(at, size, leaf, path, tree_root)
    index, told = dmp_verify.verify(entries[-1], proof(entries, size - 1, note), OURS.pem)
    assert (index, told.size) == (size - 1, size)
    grown = consistency_text(size, [], note)
    assert dmp_verify.verify_grown(note, grown, OURS.pem)[1] == told
    after = honest(size + 1)
    path = consistency(size, size + 1, log(after).subtrees(_nothing))
    later = consistency_text(size, path, OURS.note(after))
    assert dmp_verify.verify_grown(note, later, OURS.pem)[1].size == size + 1


ENTRIES = honest(100)
NOTE = OURS.note(ENTRIES)
PROOF = proof(ENTRIES, 41, NOTE)
FORGERIES = {
    "another key": proof(ENTRIES, 41, OTHER.note(ENTRIES)),
    "a checkpoint of another region": proof(ENTRIES, 41, OURS.note(ENTRIES, "dmp.ma/test/MA-07"))
    .replace("dmp.ma/test/MA-07", ORIGIN),
    "an older checkpoint": proof(ENTRIES, 41, OURS.note(ENTRIES[:60])),
    "a size that was not signed": PROOF.replace("\n100\n", "\n101\n"),
    "another index": PROOF.replace("index 41", "index 40"),
    "no signature": PROOF.partition("\u2014")[0],
    "no hashes": inclusion_text(41, [], NOTE),
    "a hash too many": inclusion_text(
        41, [*inclusion(41, 100, log(ENTRIES).subtrees(_nothing)), tree(ENTRIES)], NOTE
    ),
    "base64 in another spelling": PROOF.replace("=\n", "\n", 1),
    "another format": PROOF.replace("@v1", "@v2"),
    "nothing": "",
    "a text": "all is well",
    "numbers of another script": PROOF.replace("index 41", "index ٤١"),
}  # fmt: skip


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_proof_is_refused(forged: str) -> None:
    assert dmp_verify.verify(ENTRIES[41], PROOF, OURS.pem)[0] == 41
    with pytest.raises(dmp_verify.DoesNotHold):
        dmp_verify.verify(ENTRIES[41], forged, OURS.pem)


@pytest.mark.parametrize("byte", range(0, len(PROOF.encode()), 7))
def test_any_byte_changed_is_noticed(byte: int) -> None:
    raw = bytearray(PROOF.encode())
    raw[byte] ^= 1
    with pytest.raises((dmp_verify.DoesNotHold, UnicodeDecodeError)):
        dmp_verify.verify(ENTRIES[41], raw.decode(), OURS.pem)
