"""A patient's session, by whatever they signed in with, and the secrets that are kept as hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from dmp.domain import sign_in as rules
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice, reference_of
from dmp.domain.refusals import OAuthError
from dmp.domain.sign_in import Session
from dmp.use_cases.ports import Clock

FAMILY_CHARACTERS = 43


@dataclass(frozen=True, slots=True)
class Opened:
    """A session, its refresh token, and the handle that its device is to keep.

    `device` is empty when the device came with one.
    """

    session: Session
    refresh: str
    device: str = ""


def device_given(value: object) -> str:
    """The handle that an earlier sign-in gave the device; empty when it brings none."""
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not rules.is_secret(value):
        text = "device is what an earlier sign-in gave, or is left out"
        raise OAuthError("invalid_request", text)
    return value


def new_device(entry: Entry, now: int, *, other: bool) -> Notice:
    """What is owed when a device signs in that was not known; `other`: not where the code went."""
    return Notice("new-device", entry.at, reference_of(entry.entry), now, other=other)


def new_session(patient: str, clock: Clock, now: int, strong_until: int = 0) -> tuple[Session, str]:
    """A session and its refresh token, of which the session holds hashes alone."""
    until = now + rules.SESSION_S_MAX
    family, current = secret_of(clock), secret_of(clock)
    session = Session(
        id=secret_of(clock),
        patient=patient,
        client_id=rules.CLIENT_ID,
        scope=rules.SCOPES,
        family=hashed(family),
        refresh=hashed(current),
        expires=rules.session_expires(now, until),
        until=until,
        strong_until=strong_until,
    )
    return session, f"{session.id}.{family}{current}"


def secret_of(clock: Clock) -> str:
    """A new secret."""
    return rules.secret(clock.random_bits(rules.SECRET_BITS))


def hashed(secret: str) -> str:
    """Of 256 random bits: no salt or stretching is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
