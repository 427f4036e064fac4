"""What grants need of the outside; each docstring is the contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from dmp.domain.contact import Contact
from dmp.domain.grants import Meeting
from dmp.use_cases.ports import Door, Review


class Meetings(Protocol):
    """Codes that practitioners asked patients for."""

    def spend(self, key: str, limit: int, window_s: int, now: int) -> None:
        """Count one more in the window; TooMany when the limit is reached."""

    def ask(self, meeting: Meeting) -> None:
        """Keep the code, in place of an earlier one of the same meeting."""

    def spend_try(self, key: str, now: int) -> Meeting | None:
        """Take one try off; the row as it then is, or None when there is nothing to try."""

    def contact(self, door: Door) -> Contact | None:
        """Where the patient of the door is reached."""


class ReviewList(Protocol):
    """What the region's officer looks at."""

    def reviews(self, names: Sequence[str]) -> Mapping[str, Review]:
        """Those there are, by name, as they stand, consistently read; `seen` is their state."""

    def waiting(self) -> list[str]:
        """The names of the oldest reviews that wait, eventually consistent."""


class Leaves(Protocol):
    """Single entries of a journal."""

    def leaf(self, door: Door, entry: str) -> bytes | None:
        """The exact bytes of one entry."""


class Codes(Protocol):
    """Keyed hashes of one-time codes."""

    def code(self, place: str, code: str) -> bytes:
        """Of a code at its place."""


class CodeSender(Protocol):
    """Sends the code of a first meeting in the patient's language."""

    def send_code(self, contact: Contact, words: dict[str, str]) -> None:
        """Accepted by the provider on return; else Unavailable or Undeliverable."""
