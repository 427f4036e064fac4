"""What the use cases need from outside. Each docstring is the contract that an adapter keeps."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dmp.domain.caller import Caller
from dmp.domain.consent import Standing
from dmp.domain.contact import Contact
from dmp.domain.identifiers import ResourceId
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.domain.record import State, Version

Key = tuple[str, str]  # type and id: two types may bear one id
ReviewKind = Literal["break-glass", "dispute"]
Race = Literal["policy", "pointer", "access", "once", "swap", "id", "code", "contact", "review"]


class Raced(Exception):
    """A transaction met another writer and left nothing; `races` say over which items."""

    def __init__(self, races: frozenset[Race]) -> None:
        super().__init__("raced")
        self.races = races


class Clock(Protocol):
    """Time and chance; the tests' are settable and seeded."""

    def now_ms(self) -> int:
        """Milliseconds since 1970."""

    def random_bits(self, bits: int) -> int:
        """That many unpredictable bits."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where the versions of one resource are: `commits` of versions 2..n, or 1..n if `own`."""

    type: str
    id: str
    version: int
    commits: tuple[str, ...]
    own: bool


@dataclass(frozen=True, slots=True)
class Door:
    """What one consistent batch told about a record and its caller.

    `standing` is what the decision is taken on; its version is the policy version to hold.
    `rows` are the caller's registry rows; `pointers` (by type and id) and `commits` those of the
    ids asked for.
    """

    patient: str
    active: bool
    standing: Standing
    rows: Mapping[str, Mapping[str, object]]
    access_until: int = 0
    upto: str = ""
    pointers: Mapping[Key, Pointer] = field(default_factory=dict)
    commits: Mapping[str, Sequence[Version]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """Entries of a journal between two ids (empty: to its end), in one direction.

    `page` is how many are read at a time; neither of the ids is of the span.
    """

    after: str = ""
    before: str = ""
    forward: bool = False
    page: int = 1000


@dataclass(frozen=True, slots=True)
class Access:
    """An access to open: one practitioner, organisation, patient and purpose for one hour."""

    key: str
    until: int


@dataclass(frozen=True, slots=True)
class Once:
    """A one-use guard, with the digest of what used it and the answer to give again."""

    key: str
    digest: str
    answer: bytes
    until: int


@dataclass(frozen=True, slots=True)
class Swap:
    """A guard that whoever creates by the same criteria must move: from what was seen, to this."""

    key: str
    seen: str
    commit: str
    until: int


@dataclass(frozen=True, slots=True)
class Review:
    """What the region's officer looks at; no name of a person is in it.

    `name` is the id of a break-glass's Consent, or of the entry that opened an access which the
    patient disputes. `entry` is the journal entry that tells of it, `opened` in epoch seconds;
    `state` is what it becomes, `seen` what it must be (empty: it must be new), `contest` the entry
    with the patient's words, `outcome` the officer's and `answer` the entry with their words.
    """

    name: str
    entry: str
    opened: int
    state: str = "open"
    seen: str = ""
    contest: str = ""
    outcome: str = ""
    answer: str = ""
    kind: ReviewKind = "break-glass"


@dataclass(frozen=True, slots=True)
class Telling:
    """What the patient of another record is told of a write: journalled there, and noticed."""

    door: Door
    entry: Entry
    notice: Notice


@dataclass(frozen=True, slots=True)
class Ended:
    """Ways in that end together: sessions, apps and the code that is awaited, by id.

    `seen` has the version of each row that names them, by key; 0 where there is none.
    """

    sessions: tuple[str, ...] = ()
    apps: tuple[str, ...] = ()
    challenge: str = ""
    seen: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Move:
    """A contact in place of the one sealed as `seen`, at an instant in epoch seconds.

    `notice` is what the new address is told, by the name of the write's commit; `ended` ends.
    """

    contact: Contact
    seen: bytes
    at: int
    notice: Notice
    ended: Ended = Ended()


@dataclass(frozen=True, slots=True)
class Write:
    """One commit and all that stands or falls with it; without versions, of the rest alone.

    `policy` is the version that GUARD must still show; `standing` replaces what is in force.
    `code` is a first meeting's key and the MAC that is used up. With `contact_at` (epoch seconds)
    the contact must not have changed within a day of it; `move` changes it. `telling` goes to
    another record.
    """

    patient: str
    commit: str
    versions: Sequence[Version]
    entry: Entry
    policy: int
    pointers: Sequence[Pointer] = ()
    access: Access | None = None
    notice: Notice | None = None
    once: Once | None = None
    swaps: Sequence[Swap] = ()
    standing: Standing | None = None
    code: tuple[str, bytes] | None = None
    contact_at: int = 0
    telling: Telling | None = None
    review: Review | None = None
    move: Move | None = None


class Records(Protocol):
    """The table of records, opened and sealed on the way. Raises Unavailable; never half writes."""

    def enter(
        self,
        patient: str,
        caller: Caller,
        wanted: Sequence[tuple[str, ResourceId]] = (),
        access: str = "",
    ) -> Door | Mapping[str, Mapping[str, object]]:
        """One consistent batch. Only the caller's rows when no such record exists."""

    def persons(self, identifiers: Sequence[str]) -> Mapping[str, str]:
        """The pseudonym behind each MAC of a national identifier that has a record, consistent."""

    def versions(self, door: Door, commits: Sequence[str]) -> Mapping[str, Sequence[Version]]:
        """Every version of those commits, by commit; absent ones are left out."""

    def state(self, door: Door, until: str = "", also: Container[str] | None = None) -> State:
        """The record as of the query: segments and every later commit, consistently read.

        `until`, a commit id, leaves out what was committed after it, but for commits in `also`.
        """

    def log(self, door: Door) -> Sequence[Version]:
        """Every version ever committed, in commit order, consistently read."""

    def journal(self, door: Door, entry: Entry) -> None:
        """Durable when it returns."""

    def refuse(self, door: Door, entry: Entry, key: str, notice: Notice) -> None:
        """Count the refusal under its key of the day, then journal it; durable when it returns.

        The entry of the third one owes the notice, in one transaction; later ones owe nothing.
        """

    def open_access(self, door: Door, entry: Entry, access: Access, notice: Notice) -> None:
        """Entry, access and notice in one transaction; Raced on `access` when it is open."""

    def policy(self, patient: str) -> int | None:
        """The policy version now, consistently read; None when the record is not active."""

    def commit(self, door: Door, write: Write) -> None:
        """One transaction; Raced tells over what another writer won."""

    def used(self, door: Door, key: str, now: int) -> tuple[str, bytes] | None:
        """Digest and answer of a one-use guard that has not ended by now, or None."""

    def swaps(self, door: Door, keys: Sequence[str]) -> Mapping[str, str]:
        """The commit that each guard names now, consistently read; empty for one that is not."""


class RecordContacts(Protocol):
    """The contact, for who has come in by a record's door."""

    def contact(self, door: Door) -> tuple[Contact, bytes]:
        """As it stands, consistently read, with the sealed form that a Move is conditional on."""


class SignedIn(Protocol):
    """By what somebody is signed in to a record, or may be soon."""

    def of(self, patient: str, now: int) -> Ended:
        """What is live, consistently read: at most 80 sessions and apps; more are ended here."""


class Paging(Protocol):
    """Seals what a page link carries, so that only this record's keys open it."""

    def seal_page(self, door: Door, plaintext: bytes) -> bytes:
        """The token of a link."""

    def open_page(self, door: Door, token: bytes) -> bytes:
        """The inverse; Unavailable when it was not sealed here."""


class Directory(Protocol):
    """Practitioners, organisations, locations: public, and shared by every record."""

    def references(self, criteria: Sequence[str]) -> Mapping[str, str]:
        """`Type/id` for each `Type?identifier=system|value` that is known."""
