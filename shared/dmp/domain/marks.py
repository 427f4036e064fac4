"""What a patient is told once: that a device signed in, that an app was let in.

A mark is a row of the registry. A device's is named by a MAC of the patient under a handle that the
device alone keeps: the row tells neither whose it is nor that two people share a device, and no use
moves it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

KNOWN_S = 365 * 86_400
FRESH_S = 86_400  # how long the first sign-in to a new record is taken for its owner's


@dataclass(frozen=True, slots=True)
class Mark:
    """A row's key, the epoch second until which it stands, and of which words it was told.

    `first` is the row, of one use, that stands for having been told.
    """

    key: str
    until: int
    words: tuple[str, ...] = ()
    first: str = ""

    def stands(self, row: Mapping[str, object] | None, now: int) -> bool:
        """Whether the row, as it was read, has been told of all that this one is about."""
        return live(row, now) and set(self.words) <= set(_words(row))

    def over(self, row: Mapping[str, object] | None, now: int) -> Mark:
        """The mark to keep in the row's place: what was told before stays told."""
        before = _words(row) if live(row, now) else []
        return replace(self, words=tuple(sorted({*before, *self.words})))


def live(row: Mapping[str, object] | None, now: int) -> bool:
    """Whether a row is there and not over; the table's own expiry only tidies up."""
    until = row.get("until") if row else None
    return isinstance(until, int) and now < until


def device_mark(handle: str, patient: str, now: int) -> Mark:
    """Of a device that a patient signs in with."""
    name = hmac.new(handle.encode(), patient.encode(), hashlib.sha256).hexdigest()
    return Mark(f"device#{name}", now + KNOWN_S, first=first_key(patient))


def first_key(patient: str) -> str:
    """Of the row that the opening of a record leaves for the first sign-in."""
    return f"first-sign-in#{patient}"


def app_mark(patient: str, client_id: str, scopes: Sequence[str], now: int) -> Mark:
    """Of an app that a patient let in, with what it may do."""
    return Mark(app_key(patient, client_id), now + KNOWN_S, tuple(sorted(set(scopes))))


def app_key(patient: str, client_id: str) -> str:
    """The row of an app that was told of."""
    return f"let-in#{hashlib.sha256(f'{patient} {client_id}'.encode()).hexdigest()}"


def _words(row: Mapping[str, object] | None) -> Sequence[str]:
    words = row.get("words") if row else None
    return words if isinstance(words, list) else []
