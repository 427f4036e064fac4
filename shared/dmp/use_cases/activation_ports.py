"""What opening a record needs of the outside; each docstring is the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from dmp.domain.activation import Activation, Finding, Status
from dmp.domain.consent import Standing
from dmp.domain.contact import Contact
from dmp.domain.credential import Pin
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.domain.person import Person
from dmp.domain.record import Version


@dataclass(frozen=True, slots=True)
class NewRecord:
    """All that a record consists of when it is opened, but its keys.

    `identifier_macs` are the registry's keys of every identifier of the person.
    """

    standing: Standing
    contact: Contact
    person: Version
    entry: Entry
    notice: Notice
    identifier_macs: tuple[str, ...]
    pin: Pin | None = None


class Population(Protocol):
    """The register of persons."""

    def find(self, system: str, value: str) -> Person | None:
        """The person with that identifier; Unavailable when the register does not answer."""


class Activations(Protocol):
    """Rows of activations. Every change is one conditional write; False when it did not hold."""

    def create(self, activation: Activation) -> None:
        """A new row."""

    def find(self, activation: str) -> Activation | None:
        """The row, consistently read; None when there is none."""

    def found(self, activation: str, finding: Finding) -> None:
        """Note for the operator what the look-up gave, while nobody has confirmed."""

    def await_code(
        self, activation: str, token: str, code_mac: bytes, now: int, until: int
    ) -> bool:
        """From verifying or awaiting-code to awaiting-code, with this token and code."""

    def spend_try(self, activation: str, now: int) -> Activation | None:
        """Take one try off while awaiting-code in time; the row as it then is, or None."""

    def confirm(self, activation: str, pin: Pin | None, now: int) -> bool:
        """From awaiting-code to opening, with the PIN that the person chose."""

    def name_record(self, activation: str, patient: str, entry: str) -> Activation | None:
        """Give the record its names, the first time only; the row while opening, or None."""

    def restart(self, activation: str, run: int, now: int) -> bool:
        """Count execution `run` of an activation that is opening."""

    def end(
        self, activation: str, before: tuple[Status, ...], status: Status, reason: str,
        finding: Finding, now: int,
    ) -> bool:  # fmt: skip
        """From one of `before` to an end, with what the operator shall read.

        Request, token and code go with it, and the record's names unless it is active.
        """


class Records(Protocol):
    """Records as activation sees them."""

    def has_record(self, identifier_macs: tuple[str, ...]) -> bool:
        """Whether any of the identifiers has a record."""

    def open_record(self, record: NewRecord) -> bool:
        """Keys, then everything in one transaction.

        True when the record stands, from now or from an earlier call with this entry; False when
        an identifier has another record, and then nothing was written.
        """


class Workflow(Protocol):
    """The executions of the state machine; only ids of activations travel."""

    def start(self, activation: str, run: int) -> None:
        """Start execution `run`; one that was started already is no error."""

    def confirmed(self, token: str) -> bool:
        """End the wait; False when nothing waits with that token any more."""

    def not_confirmed(self, token: str) -> None:
        """End the wait with refusal; nothing when nothing waits."""


class Macs(Protocol):
    """Keyed hashes."""

    def identifier(self, system: str, value: str) -> str:
        """The registry's key for an identifier."""

    def code(self, place: str, code: str) -> bytes:
        """The MAC of a one-time code at its place."""


class Rates(Protocol):
    """Counters that refuse."""

    def spend(self, key: str, limit: int, window_s: int, now: int) -> None:
        """Count one more in the window; TooMany when the limit is reached."""


class CodeSender(Protocol):
    """Sends the activation's code."""

    def send_code(self, contact: Contact, code: str) -> None:
        """By SMS to the contact's phone, in their language. Undeliverable or Unavailable."""
