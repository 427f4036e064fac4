"""Identifiers: their systems, forms, and the place that an id carries.

A patient's pseudonym is 20 characters of base32hex (100 random bits), a commit id 16 (45 bits of
milliseconds, 35 random), a suffix 4. A resource id is `<patient>.<commit>.<suffix>`, or
`<patient>.<prefix>-<own part>` when a client brought its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CIN = "urn:ma:cin"
IDCS = "urn:ma:idcs"
CNSS = "urn:ma:cnss"
INPE = "urn:ma:inpe"
FSE = "urn:ma:fse"
NATIONAL = frozenset({CIN, IDCS, CNSS})

_ALPHABET = "0123456789abcdefghijklmnopqrstuv"
_PATIENT = re.compile(r"[0-9a-v]{20}\Z")
_ENTRY = re.compile(r"[0-9a-v]{20}\.[0-9a-v]{16}\Z")
_SERVER = re.compile(r"([0-9a-v]{20})\.([0-9a-v]{16})\.([0-9a-v]{4})\Z")
_CLIENT = re.compile(r"([0-9a-v]{20})\.([a-z][a-z0-9]{0,5})-([A-Za-z0-9\-.]{1,36})\Z")
_INPE = re.compile(r"[0-9]{9}\Z")
RANDOM_BITS = 35


def base32hex(value: int, length: int) -> str:
    """The low `5 * length` bits of `value`, most significant first."""
    return "".join(_ALPHABET[value >> 5 * i & 31] for i in reversed(range(length)))


def patient_id(random: int) -> str:
    """A pseudonym out of 100 random bits."""
    return base32hex(random, 20)


def commit_id(millis: int, random: int) -> str:
    """An id that sorts by time; `random` gives its low 35 bits."""
    return base32hex(millis << RANDOM_BITS | random & (1 << RANDOM_BITS) - 1, 16)


def commit_millis(commit: str) -> int:
    """The instant of a commit or journal entry id, in milliseconds since 1970."""
    value = 0
    for character in commit:
        value = value << 5 | _ALPHABET.index(character)
    return value >> RANDOM_BITS


@dataclass(frozen=True, slots=True)
class ResourceId:
    """An id taken apart. `commit` is None when a client brought its own (`prefix` is then set)."""

    text: str
    patient: str
    commit: str | None
    prefix: str | None


def resource_id(text: str) -> ResourceId | None:
    """The id's parts, or None when no resource of any record can bear it."""
    if made := _SERVER.match(text):
        return ResourceId(text, made[1], made[2], None)
    if own := _CLIENT.match(text):
        return ResourceId(text, own[1], None, own[2])
    if is_patient_id(text):
        return ResourceId(text, text, None, None)
    return None


def commit_in(text: str) -> str | None:
    """The commit that an id of the server's names; None in any other id."""
    made = _SERVER.match(text)
    return made[2] if made else None


def is_patient_id(text: str) -> bool:
    """Whether the text has the form of a patient's pseudonym."""
    return _PATIENT.match(text) is not None


def is_entry_id(text: str) -> bool:
    """Whether the text has the form of a journal entry's id, `<patient>.<entry>`."""
    return _ENTRY.match(text) is not None


def canonical(value: str) -> str:
    """A national identifier's value as its MAC is made: upper case, no spaces or separators."""
    return re.sub(r"[\s./-]", "", value).upper()


def is_inpe(text: str) -> bool:
    """INPE numbers have 9 digits (ANAM; no check digit is published)."""
    return _INPE.match(text) is not None
