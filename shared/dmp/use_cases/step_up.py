"""Before an app may write, or go on alone: a patient who has a PIN or passkey proves it.

Otherwise whoever holds the telephone for a moment could let an app in for a year.
"""

from __future__ import annotations

from dataclasses import dataclass

from dmp.domain.authorization import SignedIn
from dmp.domain.caller import Caller
from dmp.domain.refusals import OAuthError
from dmp.domain.sign_in import CLIENT_ID, IDLE_S, Session
from dmp.use_cases.passkey_sign_in import PasskeySignIns
from dmp.use_cases.proving import Proofs


@dataclass(frozen=True, slots=True)
class Ways:
    """What a patient can prove themselves with: passkeys, a PIN, so many recovery codes."""

    passkeys: bool
    pin: bool
    codes: int


@dataclass(frozen=True, slots=True)
class StepUp:
    """Proofs in the session of a browser; each makes it strong for `credential.STRONG_S`."""

    proofs: Proofs
    sign_ins: PasskeySignIns

    def ways(self, who: SignedIn) -> Ways:
        """What there is."""
        credential = self.proofs.own.enter(self._caller(who)).credential
        return Ways(bool(credential.passkeys), credential.pin is not None, len(credential.recovery))

    def by_pin(self, who: SignedIn, digits: str) -> None:
        """Invalid with the tries left, or TooMany, when it is not the PIN."""
        self.proofs.prove_pin(self._caller(who), digits)

    def by_code(self, who: SignedIn, code: str) -> None:
        """Invalid when it is no recovery code that can still be used."""
        self.proofs.prove_recovery_code(self._caller(who), code)

    def by_passkey(self, who: SignedIn, proof: str) -> None:
        """By a sign-in of the same patient, which ends with it; OAuthError for another's."""
        session, own = self.sign_ins.session(proof), self.proofs.own
        if not isinstance(session, Session) or session.patient != who.patient:
            raise OAuthError("invalid_grant", "the passkey is another person's")
        if own.now() >= session.strong_until:
            raise OAuthError("invalid_grant", "no passkey was proved")
        caller = self._caller(who)
        door = own.enter(caller)
        own.keep(door, door.credential, session=caller.session)
        self.sign_ins.sign_ins.end(session.id)

    def _caller(self, who: SignedIn) -> Caller:
        """The patient in the browser's session, as by an access token of theirs."""
        return Caller(
            kind="patient",
            client_id=CLIENT_ID,
            scopes=(),
            purpose="PATRQT",
            expires=self.proofs.own.now() + IDLE_S,
            token_id="",
            patient=who.patient,
            session=who.session,
        )
