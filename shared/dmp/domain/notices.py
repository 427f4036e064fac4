"""A notice owed to a patient: what it says, when it falls due, its short reference and its states.

owed -> claimed -> sent | undeliverable | suppressed | digest (told by the digest of its day)
claimed -> owed: not before the quiet hours end
claimed -> owed: the provider failed; due again later
claimed -> claimed: the lease ran out; in doubt, sent again with the same reference
sent -> owed: its mail bounced; told once more, by the other channel alone
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import Literal

from dmp.domain.contact import Contact

Kind = Literal[
    "access", "break-glass", "welcome", "consent", "contact-changed", "granted",
    "new-delegate", "ended-delegate", "chosen-delegate",
    "review-justified", "review-unjustified", "export", "passkey-added", "passkey-removed",
    "passkey-refused", "pin-changed", "pin-locked", "recovery-used",
    "recovery-renewed",
    "refused", "digest", "dispute-justified", "dispute-unjustified",
    "new-device", "new-app",
]  # fmt: skip
SHARDS = 8
DIGEST = "digest-"
LEASE_S = 60  # below the queue's visibility: what comes again finds the lease over
OVERDUE_S = 300
_FIRST_WAIT_S = 60
_WAIT_S_MAX = 6 * 3600


@dataclass(frozen=True, slots=True)
class Notice:
    """`at` an instant in UTC; `reference` 8 characters that the patient can quote.

    `due` is in epoch seconds; it and the reference stand in clear beside the sealed rest. `phone`
    or `email`, when given, take the place of the contact's addresses; with `other` it goes by the
    channel that the patient did not choose, if there is an address. `end`: of what was granted.
    """

    kind: Kind
    at: str
    reference: str
    due: int
    practitioner: str = ""
    organization: str = ""
    purpose: str = ""
    phone: str = ""
    email: str = ""
    end: str = ""
    count: int = 0
    other: bool = False

    @property
    def shard(self) -> str:
        """The sweep's partition: a record's notices spread over eight."""
        return shard_of(self.reference)

    @property
    def words(self) -> dict[str, str]:
        """What its text is made of."""
        return {
            "at": self.at,
            "reference": self.reference,
            "practitioner": self.practitioner,
            "organization": self.organization,
            "end": self.end,
            "count": str(self.count),
        }

    def addressed(self, contact: Contact, *, mail: bool = True) -> Contact:
        """The contact it goes to: the patient's, or with the addresses it brings itself.

        Without `mail`, by phone or not at all.
        """
        if self.phone or self.email:
            contact = replace(contact, phone=self.phone or None, email=self.email or None)
        if self.other:
            contact = replace(contact, channel="email" if contact.channel == "sms" else "sms")
        return contact if mail else replace(contact, email=None)

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


def shard_of(name: str) -> str:
    """One of the sweep's partitions."""
    return str(sum(name.encode()) % SHARDS)


def digest_name(day: str) -> str:
    """The name of the digest of a day (YYYYMMDD), in place of an entry's id."""
    return f"{DIGEST}{day}"


def due_again(now: int, attempts: int) -> int:
    """When a notice that could not be sent falls due again: 2, 4, 8… minutes, 6 hours at most."""
    return now + min(_FIRST_WAIT_S << min(attempts, 16), _WAIT_S_MAX)


@dataclass(frozen=True, slots=True)
class Message:
    """One message in one language: `text` fits an SMS; `mail` and `html` have names whole."""

    text: str
    subject: str
    mail: str = ""
    html: str = ""


class Undeliverable(Exception):
    """No address of the contact can take the message; trying again would change nothing."""
