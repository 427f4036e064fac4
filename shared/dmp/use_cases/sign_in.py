"""A patient signs in by one-time code; the session lives by a rotating refresh token."""

from __future__ import annotations

from dataclasses import dataclass

from dmp.domain import sign_in as rules
from dmp.domain.access_token import SECONDS_MAX
from dmp.domain.caller import Caller
from dmp.domain.refusals import OAuthError, Unauthenticated
from dmp.domain.sign_in import Session
from dmp.use_cases.one_time_codes import OneTimeCodes
from dmp.use_cases.ports import Clock
from dmp.use_cases.sessions import FAMILY_CHARACTERS, hashed, secret_of
from dmp.use_cases.token_ports import AccessTokens
from dmp.use_cases.tokens import bearer, granted


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(OneTimeCodes):
    """The authorization server, as patients use it."""

    access_tokens: AccessTokens

    def exchange(self, challenge_id: str, code: str, device: str = "") -> dict[str, object]:
        """Tokens for the right code, with a handle to keep for a device that brought none.

        Else invalid_grant with the tries left.
        """
        opened = self.enter(challenge_id, code, device)
        answer = self._answer(opened.session, opened.refresh, opened.session.scope)
        return {**answer, "device": opened.device} if opened.device else answer

    def refresh(self, token: str, scope: str | None) -> dict[str, object]:
        """New tokens for a refresh token, which thereby ends; used twice, it ends the session."""
        now = self._now()
        session_id, _, secret = token.partition(".")
        family, current = secret[:FAMILY_CHARACTERS], secret[FAMILY_CHARACTERS:]
        session = self._session(session_id)
        if session is None or now >= session.expires or session.family != hashed(family):
            raise OAuthError("invalid_grant", "the refresh token is not valid")
        scopes = " ".join(granted(scope, session.scope))
        renewed = secret_of(self.clock)
        expires = rules.session_expires(now, session.until)
        if session.refresh != hashed(current) or not self.sign_ins.rotate(
            session, hashed(renewed), expires
        ):
            self.sign_ins.end(session_id)
            raise OAuthError("invalid_grant", "the refresh token was used before: sign in again")
        return self._answer(session, f"{session.id}.{family}{renewed}", scopes)

    def revoke(self, token: str) -> None:
        """End the session of a refresh or access token (RFC 7009: no error for an unknown one).

        Tokens of apps are `dmp.use_cases.app_tokens`' own.
        """
        session_id, dot, secret = token.partition(".")
        if dot and "." not in secret:
            session = self._session(session_id)
            if session and session.family == hashed(secret[:FAMILY_CHARACTERS]):
                self.sign_ins.end(session_id)
            return
        try:
            caller = self.access_tokens.caller(token, self._now())
        except Unauthenticated:
            return
        if caller.session and not caller.app:
            self.sign_ins.end(caller.session)

    def _session(self, session_id: str) -> Session | None:
        return self.sign_ins.session(session_id) if rules.is_secret(session_id) else None

    def _answer(self, session: Session, refresh: str, scope: str) -> dict[str, object]:
        return tokens_of(session, refresh, scope, self.clock, self.access_tokens)


def tokens_of(
    session: Session, refresh: str, scope: str, clock: Clock, access_tokens: AccessTokens
) -> dict[str, object]:
    """The token endpoint's answer for a session."""
    now = clock.now_ms() // 1000
    caller = Caller(
        kind="patient",
        client_id=session.client_id,
        scopes=tuple(scope.split()),
        purpose="PATRQT",
        expires=min(now + SECONDS_MAX, session.until),
        token_id=secret_of(clock),
        patient=session.patient,
        session=session.id,
    )
    return {
        **bearer(access_tokens.issue(caller, now), caller),
        "expires_in": caller.expires - now,
        "patient": session.patient,
        "refresh_token": refresh,
    }
