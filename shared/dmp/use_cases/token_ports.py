"""What tokens and sign-in need of the outside; each docstring is the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from dmp.domain.caller import Caller
from dmp.domain.contact import Contact
from dmp.domain.directory import Client, Role
from dmp.domain.journal import Entry
from dmp.domain.marks import Mark
from dmp.domain.notices import Notice
from dmp.domain.sign_in import Challenge, CodesSent, Session


class Assertions(Protocol):
    """Client assertions (RFC 7523); Unauthenticated says why one is not taken."""

    def client_id(self, assertion: str) -> str:
        """The client it claims to be of; nothing is proved yet."""

    def claims(self, assertion: str, client: Client, now: int) -> Mapping[str, Any]:
        """The claims, signed by a key registered for the client and addressed to us."""


class AccessTokens(Protocol):
    """Our own access tokens."""

    def issue(self, caller: Caller, now: int) -> str:
        """A signed token for the caller, until `caller.expires`."""

    def caller(self, token: str, now: int) -> Caller:
        """Whom a token of ours is of; Unauthenticated for any other."""


class Directory(Protocol):
    """Registered apps and practitioners' roles; consistent reads, absence is None."""

    def client(self, client_id: str) -> Client | None:
        """The registration."""

    def role(self, practitioner: str, organization: str) -> Role | None:
        """The role, `active` only while role, practitioner and organisation all are."""

    def rows(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """The rows as `Caller.require_live` reads them; absent ones are left out."""

    def end_token(self, key: str, until: int) -> None:
        """Keep, until it expires anyway, that an access token was revoked."""

    def first_use(self, issuer: str, token_id: str, until: int, now: int) -> bool:
        """Keep the id of an assertion until it expires; False when it was there: one call."""


class Rates(Protocol):
    """Counters that refuse."""

    def spend(self, key: str, limit: int, window_s: int, now: int) -> None:
        """Count one more in the window; TooMany when the limit is reached."""


class SignIns(Protocol):
    """Challenges, their rates and sessions.

    Every write is conditional, so that of two at once one wins and the other learns it.
    """

    def patient_of(self, identifier: str) -> str | None:
        """The patient behind the MAC of an identifier."""

    def codes_sent(self, subject: str) -> CodesSent:
        """What the subject asked for; empty when nothing was."""

    def start(
        self, challenge: Challenge, counted: Sequence[CodesSent], ended: str | None, now: int
    ) -> bool:
        """Keep the challenge, count it for each subject and end an earlier one, all or nothing.

        False when a subject changed since it was read.
        """

    def attempt(self, challenge_id: str, now: int) -> Challenge | None:
        """Take one try off and give the challenge as it then is, in one conditional write.

        None when no try is left, the time is over or there is no such challenge.
        """

    def challenge(self, challenge_id: str) -> Challenge | None:
        """A challenge as it stands, without taking a try; it may be used up or over."""

    def open(self, challenge: Challenge, session: Session) -> bool:
        """Use up the challenge and keep the session, together; False when it was used already."""

    def session(self, session_id: str) -> Session | None:
        """A session that is active; None otherwise."""

    def rotate(self, session: Session, refresh: str, expires: int) -> bool:
        """Replace the refresh hash; False when it is no longer the session's."""

    def end(self, session_id: str) -> None:
        """Make the session inactive from now on; no error when there is none."""


class CodeMacs(Protocol):
    """Keyed hashes, so that neither identifiers nor codes can be guessed from what is stored."""

    def identifier(self, system: str, value: str) -> str:
        """Of a national identifier."""

    def code(self, place: str, code: str) -> bytes:
        """Of a code at its challenge."""


class Contacts(Protocol):
    """Where a patient is reached: the sealed contact, never what the record's content says."""

    def contact(self, patient: str) -> Contact | None:
        """The contact; None when the record has none or its keys are gone."""

    def journal_once(self, entry: Entry, notice: Notice, mark: Mark, now: int) -> bool:
        """Journal it; unless the mark stands, also set it and owe the notice, all or nothing.

        Where the mark's `first` row is there, its use takes the notice's place. True when the
        notice is owed. Durable when it returns; Gone when the keys are destroyed.
        """


class CodeMessages(Protocol):
    """Sends a code in the patient's language."""

    def send_code(self, contact: Contact, code: str, minutes: int) -> None:
        """Accepted by the provider on return; else Unavailable or Undeliverable."""
