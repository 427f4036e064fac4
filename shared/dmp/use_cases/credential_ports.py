"""What proofs of a person need of the outside; each docstring is the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from dmp.domain.credential import Credential
from dmp.domain.directory import Role
from dmp.domain.journal import Entry
from dmp.domain.marks import Mark
from dmp.domain.notices import Notice
from dmp.domain.sign_in import PractitionerSession, Session

Purpose = Literal["register", "sign-in", "prove", "enrol"]


@dataclass(frozen=True, slots=True)
class Ceremony:
    """A WebAuthn challenge that waits for its answer, once, until `expires`.

    `holder` and `session` are whose it is; a sign-in's is nobody's yet.
    """

    id: str
    purpose: Purpose
    challenge: bytes
    expires: int
    holder: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An administrator's word that a practitioner may register a passkey, once.

    `replaces`: their earlier passkeys there end with it. `hash` is the code's.
    """

    hash: str
    practitioner: str
    organization: str
    by: str
    expires: int
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """What a new passkey's authenticator said, once it is believed."""

    id: str
    key: str
    count: int
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Asserted:
    """What a passkey's signature says, once it is believed; the counter is not judged."""

    count: int
    backed_up: bool
    user_handle: bytes | None


@dataclass(frozen=True, slots=True)
class CredentialDoor:
    """A holder's credential as it was read, with the caller's registry rows.

    `open` tells whether there is an active record (a practitioner has none).
    """

    credential: Credential
    rows: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    open: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """What one transaction does beside replacing the credential.

    `act` tells a patient's journal; `notice` is owed under its id; `strong` is the session that is
    strong until then; `session` is opened; `spent` is an enrolment that is used up; `mark` is set.
    """

    credential: Credential
    notice: Notice | None = None
    act: Entry | None = None
    strong: tuple[str, int] | None = None
    session: Session | PractitionerSession | None = None
    spent: Enrolment | None = None
    mark: Mark | None = None


class Credentials(Protocol):
    """Credentials, ceremonies and enrolments. Every write is conditional."""

    def enter(self, holder: str, registry_keys: Sequence[str] = ()) -> CredentialDoor:
        """One consistent batch; an empty credential when there is none yet."""

    def holder_of(self, handle: str) -> str | None:
        """Whose passkey that is."""

    def keep(self, door: CredentialDoor, change: Change, now: int) -> bool:
        """Replace the credential with its next version and do the rest, all or nothing.

        False when anything moved since the door was opened. Passkeys that came or went are found,
        or no longer found, from then on.
        """

    def begin(self, ceremony: Ceremony) -> None:
        """Keep a challenge."""

    def take(self, ceremony: str, now: int) -> Ceremony | None:
        """Use up a challenge, right or wrong; None when it was used, ended or never was."""

    def enrol(self, enrolment: Enrolment, now: int) -> None:
        """Keep an enrolment, and for good who made it for whom."""

    def enrolment(self, hashed: str, now: int) -> Enrolment | None:
        """An enrolment that can still be used."""

    def practitioner_session(self, session: str, now: int) -> PractitionerSession | None:
        """A practitioner's session that is live."""

    def touch(self, session: PractitionerSession, expires: int) -> None:
        """The session was used; no error when it ended meanwhile."""

    def end(self, session: str) -> None:
        """The session is over."""


class Authenticators(Protocol):
    """WebAuthn: options for the browser, and what authenticators answer."""

    def creation_options(
        self, challenge: bytes, user: tuple[bytes, str, str], known: Sequence[str]
    ) -> Mapping[str, Any]:
        """For navigator.credentials.create(); `user` is handle, name and display name."""

    def request_options(self, challenge: bytes, known: Sequence[str]) -> Mapping[str, Any]:
        """For navigator.credentials.get(); of any passkey when none is known."""

    def registered(self, answer: Mapping[str, Any], challenge: bytes) -> Registered:
        """A new passkey, verified with its user; Invalid says what is wrong."""

    def asserted(self, answer: Mapping[str, Any], challenge: bytes, key: str) -> Asserted:
        """A signature by that key, verified with its user; Invalid says what is wrong."""


class Roles(Protocol):
    """The directory."""

    def role(self, practitioner: str, organization: str) -> Role | None:
        """The role, active only while role, practitioner and organisation all are."""
