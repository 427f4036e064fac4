"""Access tokens for partner apps (SMART Backend Services), introspection and revocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dmp.domain import scopes
from dmp.domain.access_token import SECONDS_MAX
from dmp.domain.caller import Caller
from dmp.domain.directory import Client, requester_of
from dmp.domain.instants import instant
from dmp.domain.refusals import OAuthError, Unauthenticated
from dmp.domain.sign_in import SECRET_BITS, secret
from dmp.fhir import scope_criteria
from dmp.use_cases.ports import Clock
from dmp.use_cases.token_ports import AccessTokens, Assertions, Directory

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Tokens:
    """The authorization server, as partner apps use it."""

    directory: Directory
    assertions: Assertions
    access_tokens: AccessTokens
    clock: Clock
    issuer: str

    def client_credentials(self, form: Form) -> dict[str, object]:
        """A token for the practitioner and purpose that the assertion's hl7-b2b names.

        The client must be registered for the organisation, and the practitioner hold a role there
        today; name and role come from the directory.
        """
        now = self.clock.now_ms() // 1000
        client, claims = self.authenticated(form, now)
        asked = requester_of(claims.get("extensions"))
        if asked.organization not in client.organizations:
            raise OAuthError("unauthorized_client", "not registered for that organisation")
        role = self.directory.role(asked.practitioner, asked.organization)
        if role is None or not role.holds(_day(now)):
            raise OAuthError("invalid_grant", "the practitioner has no active role there")
        caller = Caller(
            kind="practitioner",
            client_id=client.id,
            scopes=granted(form.get("scope"), client.scopes),
            purpose=asked.purpose,
            expires=now + SECONDS_MAX,
            token_id=secret(self.clock.random_bits(SECRET_BITS)),
            practitioner=asked.practitioner,
            organization=asked.organization,
            role=role.code,
            practitioner_name=role.practitioner_name,
            organization_name=role.organization_name,
            practitioner_id=role.practitioner_id,
            organization_id=role.organization_id,
            prefix=client.prefix,
        )
        return bearer(self.access_tokens.issue(caller, now), caller)

    def introspect(self, form: Form) -> dict[str, object]:
        """RFC 7662, for an authenticated app: what its own token says, if it is let in now."""
        now = self.clock.now_ms() // 1000
        client, _ = self.authenticated(form, now)
        try:
            caller = self.access_tokens.caller(needed(form, "token"), now)
            caller.require_live(self.directory.rows(caller.registry_keys()), now, _day(now))
        except Unauthenticated:
            return {"active": False}
        if caller.client_id != client.id:
            return {"active": False}
        base = f"{self.issuer}/fhir"
        answer: dict[str, object] = {
            "active": True,
            "iss": self.issuer,
            "aud": base,
            "client_id": caller.client_id,
            "scope": " ".join(caller.scopes),
            "exp": caller.expires,
            "jti": caller.token_id,
            "token_type": "Bearer",
            "sub": caller.subject,
            "purpose_of_use": caller.purpose,
        }
        if caller.patient:
            answer["patient"] = caller.patient
        if caller.fhir_user:
            answer["fhirUser"] = f"{base}/{caller.fhir_user}"
        return answer

    def authenticated(self, form: Form, now: int) -> tuple[Client, Mapping[str, object]]:
        """The client that signed the assertion, which is thereby used up."""
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise OAuthError("invalid_client", f"client_assertion_type must be {ASSERTION_TYPE}")
        assertion = form.get("client_assertion", "")
        try:
            client_id = self.assertions.client_id(assertion)
            client = self.directory.client(client_id)
            if client is None or not client.active:
                raise OAuthError("invalid_client", "no active client has that id")
            claims = self.assertions.claims(assertion, client, now)
        except Unauthenticated as refusal:
            raise OAuthError("invalid_client", str(refusal)) from None
        if claims["sub"] != client.id or form.get("client_id", client.id) != client.id:
            raise OAuthError("invalid_client", "iss, sub and client_id must be the same")
        if not self.directory.first_use(client.id, claims["jti"], int(claims["exp"]) + 1, now):
            raise OAuthError("invalid_client", "the assertion was used already")
        return client, claims


def granted(asked: str | None, registered: str) -> tuple[str, ...]:
    """The scopes a token gets: all that are registered when none is asked for."""
    if fault := scope_criteria.fault((asked or "").split()):
        raise OAuthError("invalid_scope", fault)
    given = scopes.granted(registered if asked is None else asked, registered)
    if not given:
        raise OAuthError("invalid_scope", "none of the scopes is granted to this client")
    if len(" ".join(given)) > scopes.LENGTH_MAX:
        raise OAuthError("invalid_scope", f"at most {scopes.LENGTH_MAX} characters of scopes")
    return given


def bearer(token: str, caller: Caller) -> dict[str, object]:
    """RFC 6749 section 5.1."""
    return {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": SECONDS_MAX,
        "scope": " ".join(caller.scopes),
    }


def needed(form: Form, name: str) -> str:
    """A parameter that the grant cannot do without."""
    value = form.get(name)
    if not value:
        raise OAuthError("invalid_request", f"the parameter {name} is missing")
    return value


def _day(now: int) -> str:
    return instant(now * 1000)[:10]
