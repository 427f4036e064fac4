"""A patient signs in by one-time code; the session lives by a rotating refresh token.

Whoever asks for a code learns nothing: a person without a record, a person who asked too often
under another identifier and a message that could not be sent all look like a code on its way.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from dmp.domain import sign_in as rules
from dmp.domain.access_token import SECONDS_MAX
from dmp.domain.caller import Caller
from dmp.domain.notices import Undeliverable
from dmp.domain.refusals import OAuthError, Refusal, TooMany, Unauthenticated, Unavailable
from dmp.domain.sign_in import Challenge, Session
from dmp.use_cases.ports import Clock
from dmp.use_cases.token_ports import (
    AccessTokens,
    CodeMacs,
    CodeMessages,
    Contacts,
    Rates,
    SignIns,
)
from dmp.use_cases.tokens import bearer, granted

_FAMILY_CHARACTERS = 43


@dataclass(frozen=True, slots=True)
class Started:
    """A challenge, and whether its message was handed to the provider (for the operator only)."""

    challenge: str
    sent: bool


@dataclass(frozen=True, slots=True)
class SignIn:
    """The authorization server, as patients use it."""

    sign_ins: SignIns
    rates: Rates
    macs: CodeMacs
    contacts: Contacts
    messages: CodeMessages
    access_tokens: AccessTokens
    clock: Clock
    per_address_hour: int = rules.PER_ADDRESS_HOUR

    def start(self, system: str, value: str, address: str) -> Started:
        """Send a code to whoever has the identifier; the same answer when nobody has it.

        TooMany depends on the address and the identifier as written alone, never on the person.
        """
        now = self._now()
        self._count_address(address, now)
        return self._started(self.macs.identifier(system, value), now)

    def again(self, challenge_id: str, address: str) -> Started:
        """Send another code for what an earlier one was asked for, by the rules of `start`."""
        now = self._now()
        self._count_address(address, now)
        known = rules.is_secret(challenge_id)
        earlier = self.sign_ins.challenge(challenge_id) if known else None
        if earlier is None or not earlier.identifier:
            raise OAuthError("invalid_grant", "the code is over: say again who you are")
        return self._started(earlier.identifier, now)

    def _started(self, identifier: str, now: int) -> Started:
        as_written = self.sign_ins.codes_sent(f"identifier-{identifier}")
        if wait := rules.wait_s(as_written.sent, now):
            raise TooMany("codes were asked for too often", wait)
        patient = self.sign_ins.patient_of(identifier)
        person = self.sign_ins.codes_sent(f"person-{patient or identifier}")
        reached = patient if rules.wait_s(person.sent, now) == 0 else None
        challenge_id = self._secret()
        code = rules.code(self.clock.random_bits(rules.CODE_BITS))
        challenge = Challenge(
            id=challenge_id,
            patient=reached,
            mac=self.macs.code(challenge_id, code),
            expires=now + rules.CODE_SECONDS,
            identifier=identifier,
        )
        # what is not sent to a person neither counts for them nor ends the code they have
        silent = patient is not None and reached is None
        counted = (as_written,) if silent else (as_written, person)
        ended = None if silent else person.challenge
        if not self.sign_ins.start(challenge, counted, ended, now):
            raise TooMany("another code was asked for at this moment", rules.SPACING_S)
        return Started(challenge_id, self._sent(reached, code))

    def exchange(self, challenge_id: str, code: str) -> dict[str, object]:
        """Tokens for the right code; else invalid_grant with the tries left."""
        session, refresh = self.enter(challenge_id, code)
        return self._answer(session, refresh, session.scope, self._now())

    def enter(self, challenge_id: str, code: str) -> tuple[Session, str]:
        """A session and its refresh token for the right code, as `exchange`; no access token."""
        now = self._now()
        known = rules.is_secret(challenge_id)
        challenge = self.sign_ins.attempt(challenge_id, now) if known else None
        if challenge is None:
            raise OAuthError("invalid_grant", "no code can be given here any more", tries_left=0)
        right = hmac.compare_digest(
            self.macs.code(challenge_id, rules.typed(code) or ""), challenge.mac
        )
        if not right or challenge.patient is None:
            raise OAuthError("invalid_grant", "not the code", tries_left=challenge.tries)
        until = now + rules.SESSION_S_MAX
        family, secret = self._secret(), self._secret()
        session = Session(
            id=self._secret(),
            patient=challenge.patient,
            client_id=rules.CLIENT_ID,
            scope=rules.SCOPES,
            family=_hash(family),
            refresh=_hash(secret),
            expires=rules.session_expires(now, until),
            until=until,
        )
        if not self.sign_ins.open(challenge, session):
            raise OAuthError("invalid_grant", "the code was used already", tries_left=0)
        return session, f"{session.id}.{family}{secret}"

    def refresh(self, token: str, scope: str | None) -> dict[str, object]:
        """New tokens for a refresh token, which thereby ends; used twice, it ends the session."""
        now = self._now()
        session_id, _, secret = token.partition(".")
        family, current = secret[:_FAMILY_CHARACTERS], secret[_FAMILY_CHARACTERS:]
        session = self._session(session_id)
        if session is None or now >= session.expires or session.family != _hash(family):
            raise OAuthError("invalid_grant", "the refresh token is not valid")
        scopes = " ".join(granted(scope, session.scope))
        renewed = self._secret()
        expires = rules.session_expires(now, session.until)
        if session.refresh != _hash(current) or not self.sign_ins.rotate(
            session, _hash(renewed), expires
        ):
            self.sign_ins.end(session_id)
            raise OAuthError("invalid_grant", "the refresh token was used before: sign in again")
        return self._answer(session, f"{session.id}.{family}{renewed}", scopes, now)

    def revoke(self, token: str) -> None:
        """End the session of a refresh or access token (RFC 7009: no error for an unknown one).

        An app's access token belongs to no session and ends by itself within 300 s.
        """
        session_id, dot, secret = token.partition(".")
        if dot and "." not in secret:
            session = self._session(session_id)
            if session and session.family == _hash(secret[:_FAMILY_CHARACTERS]):
                self.sign_ins.end(session_id)
            return
        try:
            caller = self.access_tokens.caller(token, self._now())
        except Unauthenticated:
            return
        if caller.session is None:
            raise OAuthError("unsupported_token_type", "an app's token ends by itself")
        self.sign_ins.end(caller.session)

    def _count_address(self, address: str, now: int) -> None:
        source = hashlib.sha256(rules.source_of(address).encode()).hexdigest()[:32]
        key = f"{rules.PURPOSE}-address-{source}"
        self.rates.spend(key, self.per_address_hour, rules.HOUR_S, now)

    def _session(self, session_id: str) -> Session | None:
        return self.sign_ins.session(session_id) if rules.is_secret(session_id) else None

    def _now(self) -> int:
        return self.clock.now_ms() // 1000

    def _secret(self) -> str:
        return rules.secret(self.clock.random_bits(rules.SECRET_BITS))

    def _sent(self, patient: str | None, code: str) -> bool:
        """Whether the code went out; a failure must not show that the person has a record."""
        try:
            contact = self.contacts.contact(patient) if patient else None
            if contact is None:
                return False
            self.messages.send_code(contact, code, rules.CODE_SECONDS // 60)
        except (Refusal, Unavailable, Undeliverable):
            return False
        return True

    def _answer(self, session: Session, refresh: str, scope: str, now: int) -> dict[str, object]:
        caller = Caller(
            kind="patient",
            client_id=session.client_id,
            scopes=tuple(scope.split()),
            purpose="PATRQT",
            expires=min(now + SECONDS_MAX, session.until),
            token_id=self._secret(),
            patient=session.patient,
            session=session.id,
        )
        return {
            **bearer(self.access_tokens.issue(caller, now), caller),
            "expires_in": caller.expires - now,
            "patient": session.patient,
            "refresh_token": refresh,
        }


def _hash(secret: str) -> str:
    """Of 256 random bits: no salt or stretching is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()
