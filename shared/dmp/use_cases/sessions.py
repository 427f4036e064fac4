"""A patient's session, by whatever they signed in with, and the secrets that are kept as hashes."""

from __future__ import annotations

import hashlib

from dmp.domain import sign_in as rules
from dmp.domain.sign_in import Session
from dmp.use_cases.ports import Clock

FAMILY_CHARACTERS = 43


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
