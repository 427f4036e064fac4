"""dmp-verify: was this journal entry in the region's log? Checked here, offline, trusting nobody.

    python dmp_verify.py ENTRY PROOF KEY              one entry in the log
    python dmp_verify.py --grown OLD PROOF KEY        a later log begins with an earlier one
    python dmp_verify.py --seal SEAL PROOF KEY        so does it with the one of a message's seal

ENTRY: the bytes of GET /journal/entry/{id}. PROOF: the text of GET /journal/proof/{id}, or with
--grown and --seal of GET /journal/consistency/{size}. KEY: the region's public key in PEM, as
published: take it from somewhere else than the proof. OLD: a checkpoint kept from earlier. SEAL:
what a message of DMP ended with, like 1234-89abcdef, where 1234 is the {size}. Exit code 0 means
that it holds; anything else is said in words, with exit code 1.

It needs Python 3.9 or newer and the package `cryptography`, and nothing of DMP. What it follows:
RFC 9162 sections 2.1.3 and 2.1.4 (the proofs), C2SP signed-note, tlog-checkpoint and tlog-proof
(the texts), ECDSA with SHA-256 on P-256 (the signature).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import sys
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

PROOF = "c2sp.org/tlog-proof@v1"
DASH = "\u2014"
HASH_BYTES = 32


class DoesNotHold(Exception):
    """What was given proves nothing, or the contrary; the text says why."""


class Checkpoint(NamedTuple):
    """A signed statement: the log named `origin` had `size` entries, whose root is `root`."""

    origin: str
    size: int
    root: bytes


def leaf_hash(entry: bytes) -> bytes:
    """The hash of one entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """The hash of two hashes, one beside the other."""
    return hashlib.sha256(b"\1" + left + right).digest()


def check_inclusion(index: int, size: int, leaf: bytes, path: list[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2: the leaf stands at `index` among the `size` under `root`."""
    only_hashes([leaf, root, *path])
    if not 0 <= index < size:
        raise DoesNotHold("the log has no entry of that index")
    fn, sn, reached = index, size - 1, leaf
    for step in path:
        if sn == 0:
            raise DoesNotHold("the proof is too long")
        if fn & 1 or fn == sn:
            reached = node(step, reached)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            reached = node(reached, step)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise DoesNotHold("the proof is too short")
    if not hmac.compare_digest(reached, root):
        raise DoesNotHold("this entry is not in the log")


def check_consistency(old: Checkpoint, new: Checkpoint, path: list[bytes]) -> None:
    """RFC 9162 section 2.1.4.2: the newer log begins with all of the older one."""
    only_hashes([old.root, new.root, *path])
    if old.size > new.size:
        raise DoesNotHold("the log has become shorter")
    if old.size in (0, new.size):
        if path or (old.size == new.size and old.root != new.root):
            raise DoesNotHold("two logs of one size differ")
        if not old.size and old.root != hashlib.sha256(b"").digest():
            raise DoesNotHold("an empty log has another root")
        return
    if not path:
        raise DoesNotHold("the proof is empty")
    first, second = _climbed(old, new, path)
    if not hmac.compare_digest(first, old.root) or not hmac.compare_digest(second, new.root):
        raise DoesNotHold("the log was rewritten between the two checkpoints")


def _climbed(old: Checkpoint, new: Checkpoint, path: list[bytes]) -> tuple[bytes, bytes]:
    """Both roots as the path gives them."""
    steps = [old.root, *path] if old.size & (old.size - 1) == 0 else path
    fn, sn = old.size - 1, new.size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if sn == 0:
            raise DoesNotHold("the proof is too long")
        if fn & 1 or fn == sn:
            first, second = node(step, first), node(step, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node(second, step)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise DoesNotHold("the proof is too short")
    return first, second


def read_checkpoint(note: str, pem: bytes) -> Checkpoint:
    """What a note states, once the region's signature over it has been checked."""
    body, separator, signatures = note.partition("\n\n")
    lines = body.split("\n")
    if not separator or len(lines) < 3 or not is_number(lines[1]):
        raise DoesNotHold("this is not a checkpoint")
    key = load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise DoesNotHold("the key is not one on P-256")
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    key_id = hashlib.sha256(spki).digest()[:4]
    for line in signatures.splitlines():
        words = line.split(" ")
        if len(words) != 3 or words[0] != DASH or words[1] != lines[0]:
            continue
        signed = decoded(words[2])
        if signed[:4] != key_id:
            continue
        try:
            key.verify(signed[4:], (body + "\n").encode(), ec.ECDSA(SHA256()))
        except InvalidSignature:
            raise DoesNotHold("the checkpoint's signature is false") from None
        root = decoded(lines[2])
        if len(root) != HASH_BYTES:
            raise DoesNotHold("this is not a checkpoint")
        return Checkpoint(lines[0], int(lines[1]), root)
    raise DoesNotHold("the checkpoint is not signed by this key")


def verify(entry: bytes, proof: str, pem: bytes) -> tuple[int, Checkpoint]:
    """The entry's place in the log, and the checkpoint that proves it."""
    head, _, note = proof.partition("\n\n")
    lines = [line for line in head.split("\n") if not line.startswith("extra ")]
    if lines[0] != PROOF or len(lines) < 2 or not lines[1].startswith("index "):
        raise DoesNotHold("this is not a proof of an entry")
    number = lines[1][len("index ") :]
    if not is_number(number):
        raise DoesNotHold("this is not a proof of an entry")
    checkpoint = read_checkpoint(note, pem)
    path = hashes(lines[2:])
    check_inclusion(int(number), checkpoint.size, leaf_hash(entry), path, checkpoint.root)
    return int(number), checkpoint


def verify_grown(older: str, proof: str, pem: bytes) -> tuple[Checkpoint, Checkpoint]:
    """Both checkpoints, the newer being the one in the proof."""
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    old, new = read_checkpoint(older, pem), read_checkpoint(note, pem)
    if old.origin != new.origin:
        raise DoesNotHold("the two checkpoints are of different logs")
    if lines[0] != f"old {old.size}":
        raise DoesNotHold("the proof begins at another checkpoint")
    check_consistency(old, new, hashes(lines[1:]))
    return old, new


def verify_seal(seal: str, proof: str, pem: bytes) -> tuple[int, Checkpoint]:
    """The size of the log when the message was sent, and the newer checkpoint in the proof.

    A seal with all 64 digits is a checkpoint's root. A shorter one is compared with the root that
    the proof leads to; at a power of two there is none, since there the old root begins the proof.
    """
    size, digits = read_seal(seal)
    head, _, note = proof.partition("\n\n")
    lines = head.split("\n")
    new = read_checkpoint(note, pem)
    if lines[0] != f"old {size}":
        raise DoesNotHold("the proof begins at another size than the seal")
    path = hashes(lines[1:])
    root = new.root if size == new.size else b""
    if len(digits) == 2 * HASH_BYTES:
        root = bytes.fromhex(digits)
    elif not root:
        if size > new.size or not path or size & (size - 1) == 0:
            raise DoesNotHold("only a mail's seal, of 64 digits, can be checked against this proof")
        only_hashes(path)
        root = _climbed(Checkpoint(new.origin, size, root), new, path)[0]
    check_consistency(Checkpoint(new.origin, size, root), new, path)
    if not matches(seal, Checkpoint(new.origin, size, root)):
        raise DoesNotHold("the log was rewritten since the message")
    return size, new


def matches(seal: str, checkpoint: Checkpoint) -> bool:
    """Whether a message's seal is of that checkpoint, as far as the seal goes."""
    size, digits = read_seal(seal)
    return size == checkpoint.size and checkpoint.root.hex().startswith(digits)


def read_seal(seal: str) -> tuple[int, str]:
    """Size and hexadecimal digits."""
    size, _, digits = seal.strip().lower().partition("-")
    known = set(digits) <= set("0123456789abcdef") and 8 <= len(digits) <= 2 * HASH_BYTES
    if not is_number(size) or not int(size) or not known:
        raise DoesNotHold("this is not the seal of a message")
    return int(size), digits


def hashes(lines: list[str]) -> list[bytes]:
    """Lines of base64, 32 bytes each."""
    return [decoded(line) for line in lines if line]


def is_number(text: str) -> bool:
    """Digits of ASCII alone."""
    return text.isascii() and text.isdecimal()


def only_hashes(values: list[bytes]) -> None:
    """Each has the length of a hash."""
    if any(len(one) != HASH_BYTES for one in values):
        raise DoesNotHold("there is something else than hashes")


def decoded(text: str) -> bytes:
    """Base64, in its one spelling."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        raise DoesNotHold("the text is not base64") from None
    if base64.b64encode(raw).decode() != text:
        raise DoesNotHold("the text is not base64")
    return raw


def say(text: str) -> None:
    """A line to the reader."""
    sys.stdout.write(text + "\n")


def main(words: list[str]) -> int:
    """The command; see the top of this file."""
    what = words[0] if words[:1] in (["--grown"], ["--seal"]) else ""
    paths = words[1:] if what else words
    if len(paths) != 3:
        say(__doc__ or "")
        return 2
    try:
        proof, key = (Path(path).read_bytes() for path in paths[1:])
        if what == "--seal":
            size, checkpoint = verify_seal(paths[0], proof.decode(), key)
            say(f"holds: the {size} entries of then begin the {checkpoint.size} of "
                f"{checkpoint.origin}")  # fmt: skip
            return 0
        first = Path(paths[0]).read_bytes()
        if what:
            old, new = verify_grown(first.decode(), proof.decode(), key)
            say(f"holds: the {old.size} entries of then begin the {new.size} of {new.origin}")
        else:
            index, checkpoint = verify(first, proof.decode(), key)
            say(f"holds: entry {index} of {checkpoint.size} in {checkpoint.origin}")
    except (DoesNotHold, OSError, ValueError) as reason:
        say(f"does not hold: {reason}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
