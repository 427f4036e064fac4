"""What telling patients needs of the outside; each docstring is the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dmp.domain.checkpoint import Checkpoint
from dmp.domain.contact import Contact
from dmp.domain.journal import Entry
from dmp.domain.notices import Message, Notice

Address = Literal["phone", "email"]
Taken = Literal["done", "early", "nothing"]


@dataclass(frozen=True, slots=True)
class Claim:
    """A notice held by one sender until `until`. `in_doubt`: an earlier one may have sent it.

    `bounced`: its mail came back.
    """

    patient: str
    entry: str
    sealed: bytes
    until: int
    attempts: int
    in_doubt: bool
    bounced: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What a notice says, to whom, and the log's newest checkpoint, if there is one, to go along.

    It need not be the newest of all: it is there to be compared with later ones.
    """

    notice: Notice
    contact: Contact
    head: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class ContactDoor:
    """A patient's contact as it was read, with the caller's registry rows.

    `sealed` is what a change is conditional on; `rows` are the caller's, as require_live reads.
    """

    patient: str
    rows: Mapping[str, Mapping[str, object]]
    contact: Contact | None = None
    sealed: bytes = b""


@dataclass(frozen=True, slots=True)
class NewAddress:
    """An address that waits for its code. `sent` are the instants of the day's codes.

    `mac` is empty when no code is awaited.
    """

    address: Address = "phone"
    value: str = ""
    mac: bytes = b""
    tries: int = 0
    expires: int = 0
    sent: tuple[int, ...] = field(default=())


class Queue(Protocol):
    """A queue of notices owed."""

    def hand_on(self, patient: str, entry: str) -> None:
        """Durable when it returns; else Unavailable."""


class DueNotices(Protocol):
    """The index of what is owed, eventually consistent."""

    def before(self, due: int) -> Iterator[tuple[str, str]]:
        """(patient, entry) of every notice due before that instant."""


class ToldNotices(Protocol):
    """Notices that a provider took. Every change is one conditional write.

    `early`: a sender still holds the notice, and may be about to close it with that id.
    """

    def owe_again(self, patient: str, entry: str, provider_id: str, due: int) -> Taken:
        """Sent under that id and not bounced before: owed, and known to have bounced."""

    def delivered(self, patient: str, entry: str, provider_id: str, at: int) -> Taken:
        """Sent under that id: it arrived then."""


class Notices(Protocol):
    """Notices owed. Every change is one conditional write."""

    def claim(self, patient: str, entry: str, now: int, until: int) -> Claim | None:
        """Hold a notice that is owed, or whose lease ran out; None when there is nothing to do."""

    def open(self, claim: Claim) -> Opened:
        """Gone when the keys are destroyed, Undeliverable without a contact."""

    def release(self, claim: Claim, *, maybe_sent: bool, now: int, due: int) -> None:
        """Give it back, due again then; in doubt when it may have been sent."""

    def defer(self, claim: Claim, digest: Notice, day: str) -> bool:
        """Leave it to the digest of the day, which is owed from then on, in one transaction.

        False when that digest is being told already, or another sender holds the notice.
        """

    def gathered(self, patient: str, day: str, now: int) -> int:
        """How many notices were left to the digest of the day."""

    def close(self, claim: Claim, state: str, provider_id: str, now: int) -> bool:
        """It is told or never will be; owed no more. False when another sender holds it."""


class MessageSender(Protocol):
    """SMS and mail."""

    def send(
        self, contact: Contact, message: Message, tags: Mapping[str, str] | None = None
    ) -> str:
        """The provider's id. Undeliverable, or Unavailable and then it may have gone out.

        A mail's receipts bear its `tags`.
        """


class Wording(Protocol):
    """Messages in the patient's language."""

    def render(self, kind: str, language: str, words: Mapping[str, str]) -> Message:
        """The message of a kind."""


class Contacts(Protocol):
    """Patients' sealed contacts and the addresses that wait for their code."""

    def enter(self, patient: str, registry_keys: Sequence[str]) -> ContactDoor:
        """One consistent batch. Gone when the keys are destroyed."""

    def journal(self, door: ContactDoor, entry: Entry) -> None:
        """Durable when it returns."""

    def change(self, door: ContactDoor, contact: Contact, entry: Entry) -> bool:
        """Replace the contact, journalled; False when it changed since the door was opened."""

    def pending(self, door: ContactDoor) -> NewAddress:
        """The address that waits, or one without a code."""

    def await_code(self, door: ContactDoor, before: NewAddress, pending: NewAddress) -> bool:
        """Keep it, in place of the one before; False when another request was faster."""

    def spend_try(self, door: ContactDoor, now: int) -> NewAddress | None:
        """Take one try off; the row as it then is, or None when there is nothing to try."""

    def move(
        self, door: ContactDoor, contact: Contact, entry: Entry, notice: Notice, now: int
    ) -> bool:
        """Replace the contact, journalled, owe the notice and end the wait, all or nothing.

        False when contact or wait changed since the door was opened.
        """
