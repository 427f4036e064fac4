"""What a page's script brings from a sign-in by passkey: looked up here, never believed.

It is what /oauth2/passkeys/sign-in gave: a practitioner's session, or a refresh token that this use
ends.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from dmp.domain.refusals import OAuthError, Unauthenticated
from dmp.domain.sign_in import PractitionerSession, Session, is_secret
from dmp.use_cases.ports import Clock
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.sessions import FAMILY_CHARACTERS, hashed, secret_of
from dmp.use_cases.token_ports import SignIns

_WRONG = "not what a sign-in by passkey gives, or used before"


@dataclass(frozen=True, slots=True)
class PasskeySignIns:
    """Sessions that a passkey opened."""

    sign_ins: SignIns
    practitioners: PractitionerSessions
    clock: Clock

    def session(self, proof: str) -> Session | PractitionerSession:
        """The live session that the proof is of; OAuthError for any other."""
        name, _, made = proof.partition(".")
        if not is_secret(name):
            raise OAuthError("invalid_grant", _WRONG)
        if len(made) == FAMILY_CHARACTERS:
            return self._practitioners(proof)
        return self._patients(name, made)

    def live(self, session: str) -> Session | PractitionerSession | None:
        """A browser's session by its id, while it may be used."""
        now = self.clock.now_ms() // 1000
        patients = self.sign_ins.session(session)
        if patients is not None:
            return patients if now < patients.expires else None
        return self.practitioners.live(session)

    def _practitioners(self, proof: str) -> PractitionerSession:
        try:
            return self.practitioners.signed_in(proof)
        except Unauthenticated as refusal:
            raise OAuthError("invalid_grant", str(refusal)) from None

    def _patients(self, name: str, made: str) -> Session:
        family, current = made[:FAMILY_CHARACTERS], made[FAMILY_CHARACTERS:]
        session, now = self.sign_ins.session(name), self.clock.now_ms() // 1000
        if session is None or now >= session.expires:
            raise OAuthError("invalid_grant", _WRONG)
        right = hmac.compare_digest(session.family, hashed(family))
        right &= hmac.compare_digest(session.refresh, hashed(current))
        used = hashed(secret_of(self.clock))
        if not right or not self.sign_ins.rotate(session, used, session.expires):
            raise OAuthError("invalid_grant", _WRONG)
        return session
