"""Texts of the sealed log: C2SP tlog-checkpoint notes, tlog-proofs, consistency proofs.

A checkpoint is a signed note: origin, size, root in base64, an empty line, and signature lines
`— <name> <base64 of key id and signature>`. Key ids are the first 4 bytes of a SHA-256: over the
SubjectPublicKeyInfo for our ECDSA P-256 key (type 0x02), over name, 0x0A, 0x04 and the raw key for
a witness's Ed25519 cosignature (type 0x04).
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

PROOF = "c2sp.org/tlog-proof@v1"
ORIGIN_MAX = 100
_ROOT_BYTES = 32
_SIGNATURE = re.compile(r"\u2014 ([^\s+]{1,100}) ([A-Za-z0-9+/]{8,400}={0,2})\Z")
_BODY = re.compile(r"([^\n]{1,100})\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n\Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a note says: the log's origin, how many leaves, and their root."""

    origin: str
    size: int
    root: bytes

    def body(self) -> str:
        """The signed bytes, as text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    def signed(self, spki: bytes, signature: bytes) -> str:
        """The note, with our key's signature (DER) over `body`."""
        return f"{self.body()}\n{signature_line(self.origin, key_id(spki), signature)}"

    def short(self, digits: int = 8) -> str:
        """What a notice can carry of it: size and the root's first hexadecimal digits."""
        return f"{self.size}-{self.root.hex()[:digits]}"

    @property
    def words(self) -> dict[str, str]:
        """What the text of a notice is made of: `seal` is short, `seal_whole` has all digits."""
        return {"seal": self.short(), "seal_whole": self.short(2 * _ROOT_BYTES)}


def key_id(spki: bytes) -> bytes:
    """Of an ECDSA key."""
    return hashlib.sha256(spki).digest()[:4]


def witness_key_id(name: str, public: bytes) -> bytes:
    """Of a witness's Ed25519 key, as C2SP tlog-cosignature names it."""
    return hashlib.sha256(name.encode() + b"\n\x04" + public).digest()[:4]


def cosigned(timestamp: int, body: str) -> bytes:
    """What a witness signs (cosignature/v1): when, in epoch seconds, and the note's body."""
    return f"cosignature/v1\ntime {timestamp}\n{body}".encode()


def signature_line(name: str, key: bytes, signature: bytes) -> str:
    """One line of a note, with its line feed."""
    return f"\u2014 {name} {base64.b64encode(key + signature).decode()}\n"


def signature_of(line: str) -> tuple[str, bytes, bytes] | None:
    """Name, key id and signature of a line without its line feed; None when it is none."""
    match = _SIGNATURE.match(line)
    if match is None:
        return None
    try:
        both = base64.b64decode(match[2], validate=True)
    except ValueError:
        return None
    return match[1], both[:4], both[4:]


def checkpoint_of(note: str) -> Checkpoint | None:
    """The checkpoint that a note states, its signatures not looked at; None for another text."""
    body, separator, _ = note.partition("\n\n")
    match = _BODY.match(body + "\n")
    if not separator or match is None:
        return None
    root = base64.b64decode(match[3])
    return Checkpoint(match[1], int(match[2]), root) if len(root) == _ROOT_BYTES else None


def inclusion_text(index: int, path: Sequence[bytes], note: str) -> str:
    """A C2SP tlog-proof: all that is needed to check one entry offline, beside entry and key."""
    return f"{PROOF}\nindex {index}\n{_lines(path)}\n{note}"


def consistency_text(old: int, path: Sequence[bytes], note: str) -> str:
    """A consistency proof as a witness takes it: `old`, the hashes, an empty line, the note."""
    return f"old {old}\n{_lines(path)}\n{note}"


def _lines(hashes: Sequence[bytes]) -> str:
    return "".join(base64.b64encode(one).decode() + "\n" for one in hashes)
