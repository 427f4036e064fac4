"""What proves the journal to outsiders: checkpoint, inclusion and consistency proofs.

All are about the newest signed checkpoint; cosignatures of registered witnesses stand below ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from dmp.domain.checkpoint import (
    checkpoint_of,
    consistency_text,
    inclusion_text,
    signature_line,
    signature_of,
)
from dmp.domain.merkle import consistency, inclusion
from dmp.domain.refusals import Invalid, NotFound
from dmp.use_cases.sealing import Head, LogRows, PublishedLog

COSIGNATURES_MAX = 20


class Witnesses(Protocol):
    """Registered witnesses and what they signed."""

    def holds(self, name: str, key: bytes, signature: bytes, body: str) -> bool:
        """Whether it is a registered witness's cosignature over the note's body."""

    def keep(self, body: str, name: str, line: str) -> None:
        """Keep it, once for each witness and note."""

    def lines(self, body: str) -> Sequence[str]:
        """The cosignature lines over the note's body."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """Texts of the sealed log."""

    rows: LogRows
    published: PublishedLog
    witnesses: Witnesses

    def checkpoint(self) -> str:
        """The newest signed note, with its cosignatures; NotFound before the first."""
        note = self._signed().note
        return note + "".join(self.witnesses.lines(_body(note)))

    def entry(self, name: str) -> str:
        """A C2SP tlog-proof for an entry; NotFound until it is sealed."""
        head = self._signed()
        found: Mapping[str, tuple[int, bytes]] = self.rows.leaves([name])
        size = _size(head)
        if name not in found or found[name][0] >= size:
            raise NotFound("the entry is not sealed yet: a minute at most", "id")
        index = found[name][0]
        path = inclusion(index, size, head.log.subtrees(self.published.tile))
        return inclusion_text(index, path, head.note)

    def since(self, text: str) -> str:
        """The proof that the log of `text` leaves begins today's."""
        head = self._signed()
        size = _size(head)
        if not (text.isascii() and text.isdecimal()) or not 0 < int(text) <= size:
            raise NotFound("no checkpoint of that size was signed", "size")
        path = consistency(int(text), size, head.log.subtrees(self.published.tile))
        return consistency_text(int(text), path, head.note)

    def cosign(self, text: str) -> str:
        """Take a witness's lines under a note of ours; the note as it now stands."""
        note, wanted = self._signed().note, _body(text)
        if wanted != _body(note):
            raise Invalid("the note is not the newest checkpoint; ask for it again", "note")
        lines = [line for line in text.partition("\n\n")[2].split("\n") if line]
        for line in lines[: COSIGNATURES_MAX + 1]:
            told = signature_of(line)
            if told and signature_line(*told) not in note:
                if not self.witnesses.holds(*told, wanted):
                    raise Invalid("no registered witness signed this note so", "note")
                self.witnesses.keep(wanted, told[0], line + "\n")
        return self.checkpoint()

    def _signed(self) -> Head:
        head = self.rows.head()
        if not head.note:
            raise NotFound("nothing is sealed yet")
        return head


def _body(note: str) -> str:
    return note.partition("\n\n")[0] + "\n"


def _size(head: Head) -> int:
    told = checkpoint_of(head.note)
    return told.size if told else 0
