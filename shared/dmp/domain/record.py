"""A record as versions of resources: commits, segments and the state folded from them.

A commit's plaintext is `<length of index, 4 bytes><index, JSON><bodies>`; a segment's is the same.
Folding keeps the highest version of each resource, so order and overlap do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dmp.domain.decision import Item

PATIENT = "patient"


class Version(NamedTuple):
    """One version of one resource, with what `decide` and search need without its body.

    `at` is the instant of the commit; `author` and `origin` are the INPE of the organisation that
    wrote this version and version 1 (`patient` for the patient's own); `references` are the
    `Type/id` it points at; `writers` the other names of organisation and practitioner of version 1.
    A deleted version has no body.
    """

    type: str
    id: str
    version: int
    at: str
    commit: str
    author: str
    origin: str
    body: bytes = b""
    deleted: bool = False
    date: str = ""
    encounter: str = ""
    labels: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`Type/id/_history/version`."""
        return f"{self.type}/{self.id}/_history/{self.version}"

    @property
    def item(self) -> Item:
        """What a decision is taken on."""
        return Item(
            self.type, self.id, self.origin, self.encounter, self.date, self.labels,
            self.references, self.writers,
        )  # fmt: skip


@dataclass(slots=True)
class State:
    """The current version of every resource ever written, deleted ones included."""

    current: dict[tuple[str, str], Version] = field(default_factory=dict)
    newest: str = ""

    def fold(
        self, versions: Iterable[Version], until: str = "", also: Container[str] | None = None
    ) -> State:
        """Take in versions in any order, again or not.

        `until`, a commit id, leaves out what came later, but for the commits in `also`.
        """
        current = self.current
        for version in versions:
            later = until and version.commit > until
            if later and (also is None or version.commit not in also):
                continue
            key = (version.type, version.id)
            held = current.get(key)
            if held is None or version.version > held.version:
                current[key] = version
            self.newest = max(self.newest, version.commit)
        return self

    def living(self) -> list[Version]:
        """Current versions that are not deleted."""
        return [v for v in self.current.values() if not v.deleted]


def encode(versions: Sequence[Version]) -> bytes:
    """The plaintext of a commit or segment."""
    index = [
        [
            v.type, v.id, v.version, v.at, v.commit, v.author, v.origin, len(v.body),
            int(v.deleted), v.date, v.encounter, list(v.labels), list(v.categories),
            list(v.references), list(v.writers),
        ]
        for v in versions
    ]  # fmt: skip
    head = json.dumps(index, separators=(",", ":"), ensure_ascii=False).encode()
    return b"".join([len(head).to_bytes(4, "big"), head, *(v.body for v in versions)])


def decode(plaintext: bytes) -> list[Version]:
    """The inverse of `encode`."""
    at = 4 + int.from_bytes(plaintext[:4], "big")
    versions = []
    for row in json.loads(plaintext[4:at]):
        kind, name, version, instant, commit, author, origin, length, deleted, *rest = row
        date, encounter, labels, categories, references, *later = rest
        body = plaintext[at : at + length]
        at += length
        versions.append(
            Version(
                kind, name, version, instant, commit, author, origin, body, bool(deleted), date,
                encounter, tuple(labels), tuple(categories), tuple(references),
                tuple(later[0]) if later else (),
            )
        )  # fmt: skip
    return versions
