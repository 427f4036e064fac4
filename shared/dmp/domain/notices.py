"""A notice owed to a patient: what it says, when it falls due, its short reference and its states.

owed -> claimed -> sent | undeliverable
claimed -> owed: the provider failed; due again later
claimed -> claimed: the lease ran out; in doubt, sent again with the same reference
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Literal

Kind = Literal["access", "break-glass", "welcome", "consent", "contact-changed"]
SHARDS = 8


@dataclass(frozen=True, slots=True)
class Notice:
    """`at` an instant in UTC; `reference` 8 characters that the patient can quote.

    `due` is in epoch seconds; it and the reference stand in clear beside the sealed rest.
    """

    kind: Kind
    at: str
    reference: str
    due: int
    practitioner: str = ""
    organization: str = ""
    purpose: str = ""

    @property
    def shard(self) -> str:
        """The sweep's partition: a record's notices spread over eight."""
        return str(sum(self.reference.encode()) % SHARDS)

    def to_bytes(self) -> bytes:
        """The plaintext that is sealed at N#."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, plaintext: bytes) -> Notice:
        """The inverse of `to_bytes`; members of a later version are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{n: v for n, v in json.loads(plaintext).items() if n in known})


def reference_of(entry: str) -> str:
    """The last 8 characters of a journal entry's id: random, upper case, easy to read out."""
    return entry[-8:].upper()


@dataclass(frozen=True, slots=True)
class Message:
    """One message in one language: `text` fits an SMS; `mail` and `html` have names whole."""

    text: str
    subject: str
    mail: str = ""
    html: str = ""


class Undeliverable(Exception):
    """No address of the contact can take the message; trying again would change nothing."""
