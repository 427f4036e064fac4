"""A practitioner's session for one organisation: by passkey alone, while the role is held there.

Its row `session#<id>` has the names that `Caller.require_live` reads; the authorization server
gives apps their `user/` scopes by it. The token is the session's id and its secret.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace

from dmp.domain.directory import Role
from dmp.domain.instants import instant
from dmp.domain.refusals import OAuthError, Unauthenticated
from dmp.domain.sign_in import IDLE_S, SESSION_S_MAX, PractitionerSession, is_secret
from dmp.domain.sign_in import session_expires as expires_at
from dmp.use_cases.credential_ports import Credentials, Roles
from dmp.use_cases.ports import Clock
from dmp.use_cases.sessions import hashed, secret_of


@dataclass(frozen=True, slots=True)
class PractitionerSessions:
    """Opened at sign-in, looked at on each use."""

    credentials: Credentials
    roles: Roles
    clock: Clock

    def held(self, practitioner: str, organization: str) -> Role | None:
        """The role that the practitioner has there today."""
        now_ms = self.clock.now_ms()
        role = self.roles.role(practitioner, organization)
        return role if role is not None and role.holds(instant(now_ms)[:10]) else None

    def opened(self, holder: str) -> tuple[PractitionerSession, dict[str, object]]:
        """A session still to be kept, and what the practitioner is told."""
        practitioner, _, organization = holder.partition("#")
        role = self.held(practitioner, organization)
        if role is None:
            raise OAuthError("invalid_grant", "the practitioner has no active role there")
        now = self.clock.now_ms() // 1000
        secret = secret_of(self.clock)
        until = now + SESSION_S_MAX
        session = PractitionerSession(
            id=secret_of(self.clock),
            practitioner=practitioner,
            organization=organization,
            role=role.code,
            secret=hashed(secret),
            expires=expires_at(now, until),
            until=until,
        )
        told = {"session": f"{session.id}.{secret}", "expires_in": IDLE_S, **_shown(role)}
        return session, told

    def signed_in(self, token: str) -> PractitionerSession:
        """Whose session a token is; using it keeps it from ending. Unauthenticated otherwise."""
        name, _, secret = token.partition(".")
        now = self.clock.now_ms() // 1000
        known = is_secret(name) and is_secret(secret)
        session = self.credentials.practitioner_session(name, now) if known else None
        if session is None or not hmac.compare_digest(session.secret, hashed(secret)):
            raise Unauthenticated("the practitioner's session is not known or has ended")
        role = self.held(session.practitioner, session.organization)
        if role is None:
            raise Unauthenticated("the practitioner's role is not active today")
        expires = expires_at(now, session.until)
        self.credentials.touch(session, expires)
        return replace(session, role=role.code, expires=expires)

    def live(self, session: str) -> PractitionerSession | None:
        """A session by its id alone, for the browser that proved it, while the role is held."""
        now = self.clock.now_ms() // 1000
        found = self.credentials.practitioner_session(session, now)
        role = found and self.held(found.practitioner, found.organization)
        return found if role else None

    def shown(self, token: str) -> dict[str, object]:
        """Who is signed in."""
        session = self.signed_in(token)
        role = self.held(session.practitioner, session.organization)
        left = session.expires - self.clock.now_ms() // 1000
        return {"expires_in": left, **(_shown(role) if role else {})}

    def end(self, token: str) -> None:
        """Sign out."""
        self.credentials.end(self.signed_in(token).id)


def _shown(role: Role) -> dict[str, object]:
    return {
        "practitioner": {"inpe": role.practitioner, "name": role.practitioner_name},
        "organization": {"inpe": role.organization, "name": role.organization_name},
        "role": role.code,
    }
