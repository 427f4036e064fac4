"""Tokens of the apps that people let in: from the code, by refresh, until somebody ends them.

A refresh token is `app~<id>.<family><secret>`: the first part stays, the second changes at every
refresh, and whoever comes with an old one ends the app for good, for one of two holders stole it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from dmp.domain import authorization as rules
from dmp.domain import scopes as smart
from dmp.domain.access_token import SECONDS_MAX
from dmp.domain.authorization import App, Code, Given
from dmp.domain.caller import Caller
from dmp.domain.directory import Client
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.marks import Mark, app_mark
from dmp.domain.notices import Notice, reference_of
from dmp.domain.refusals import OAuthError, Unauthenticated
from dmp.domain.sign_in import IDLE_S, SECRET_BITS, SESSION_S_MAX, is_secret, secret
from dmp.use_cases.acts import act
from dmp.use_cases.authorization import hashed, is_live
from dmp.use_cases.authorization_ports import Authorizations
from dmp.use_cases.tokens import Form, Tokens, bearer, needed

MARK = "app~"
PURPOSES = {"patient": "PATRQT", "practitioner": "TREAT"}
_FAMILY_CHARACTERS = 43
_WRONG = "the code is not valid for this client, redirect_uri and code_verifier"


class ActJournal(Protocol):
    """Where a patient's acts are told, without their record's key."""

    def journal_once(self, entry: Entry, notice: Notice, mark: Mark, now: int) -> bool:
        """Journal it; unless the mark stands, also set it and owe the notice, all or nothing."""


class Identities(Protocol):
    """ID tokens (OpenID Connect)."""

    def identity(self, claims: dict[str, object], now: int) -> str:
        """Signed for the client in `aud`, until `exp`; the issuer adds itself."""


@dataclass(frozen=True, slots=True)
class AppTokens:
    """The token endpoint, as apps use it that a person let in."""

    rows: Authorizations
    tokens: Tokens
    identities: Identities
    journal: ActJournal

    def exchange(self, form: Form) -> dict[str, object]:
        """Tokens for a code; a code that comes a second time ends what the first use gave."""
        now = self._now()
        client = self._client(form, now)
        code = self.rows.code(hashed(needed(form, "code")))
        verifier, uri = needed(form, "code_verifier"), needed(form, "redirect_uri")
        if code is None or code.given.client_id != client.id:
            raise OAuthError("invalid_grant", _WRONG)
        if not rules.proves(verifier, code.challenge) or uri != code.redirect_uri:
            self.rows.end(code.app)  # nothing yet, unless the code was used before
            raise OAuthError("invalid_grant", _WRONG)
        if now >= code.expires:
            self.rows.end(code.app)
            raise OAuthError("invalid_grant", "the code is over: it is good for 60 s")
        caller = self._caller(code.app, code.given, client, now)
        family, made = self._secret(), self._secret()
        app = _app(code, (hashed(family), hashed(made)), now)
        if not self.rows.exchange(code, app, now):
            self.rows.end(code.app)
            raise OAuthError("invalid_grant", "the code was used before: what it gave has ended")
        if caller.kind == "patient" and caller.patient:
            self._tell(caller.patient, client, app.given.scopes, now)
        refresh = f"{MARK}{app.id}.{family}{made}" if app.given.refreshes else ""
        return self._answer(app, caller, refresh, now)

    def refresh(self, form: Form) -> dict[str, object]:
        """New tokens for a refresh token, which thereby ends; used twice, it ends the app."""
        now = self._now()
        app, family, current = self._named(needed(form, "refresh_token"))
        client = self._renewing(form, app, now)
        if app is None or now >= app.expires or app.given.client_id != client.id:
            raise OAuthError("invalid_grant", "the refresh token is not valid")
        caller = self._caller(app.id, app.given, client, now)
        caller = replace(caller, scopes=_narrower(form.get("scope"), app.given.scopes))
        made = self._secret()
        idle = rules.OFFLINE_IDLE_S if app.given.offline else IDLE_S
        moved = replace(app, expires=min(now + idle, app.until))
        if app.refresh != hashed(current) or not self.rows.rotate(app, hashed(made), moved.expires):
            self.rows.end(app.id)
            raise OAuthError("invalid_grant", "the refresh token was used before: the app is out")
        if caller.session:
            self.rows.stay(caller.session, now + IDLE_S)
        return self._answer(moved, caller, f"{MARK}{app.id}.{family}{made}", now)

    def revoke(self, form: Form) -> bool:
        """End what a token is of (RFC 7009); False when it is a session's, or nobody's.

        Whoever holds it may. A client that names itself must be the one it was given to.
        """
        token, now = needed(form, "token"), self._now()
        named = "client_id" in form or "client_assertion" in form
        client = self._client(form, now) if named else None
        if token.startswith(MARK):
            app, _, _ = self._named(token)
            if app is not None and client in (None, self._of(app, client)):
                self.rows.end(app.id)
            return True
        try:
            caller = self.tokens.access_tokens.caller(token, now)
        except Unauthenticated:
            return False
        if client is not None and client.id != caller.client_id:
            return True
        if caller.app:
            self.rows.end(caller.app)
        elif not caller.session:
            self.tokens.directory.end_token(caller.ended_key, caller.expires)
        return bool(caller.app or not caller.session)

    def _tell(self, patient: str, client: Client, scopes: tuple[str, ...], now: int) -> None:
        """Journal who let it in; told once for an app, and again for what it may do besides."""
        entry = act(self.tokens.clock, patient, "authorization", "app", client=client.id)
        reference = reference_of(entry.entry)
        notice = Notice("new-app", entry.at, reference, now, practitioner=client.name)
        self.journal.journal_once(entry, notice, app_mark(patient, client.id, scopes, now), now)

    def _of(self, app: App, client: Client | None) -> Client | None:
        return client if client and client.id == app.given.client_id else None

    def _renewing(self, form: Form, app: App | None, now: int) -> Client:
        """The client; a public one need not name itself: the refresh token does (SMART 2.2)."""
        named = {"client_id", "client_secret", "client_assertion", "client_assertion_type"}
        if app is None or named & set(form):
            return self._client(form, now)
        return self._client({"client_id": app.given.client_id}, now)

    def _client(self, form: Form, now: int) -> Client:
        """The client, by its assertion or, if it is public, by its name alone."""
        if "client_assertion" in form or "client_assertion_type" in form:
            return self.tokens.authenticated(form, now)[0]
        if "client_secret" in form:
            raise OAuthError("invalid_client", "there are no secrets here: sign an assertion")
        client = self.tokens.directory.client(needed(form, "client_id"))
        if client is None or not client.active or not client.public:
            raise OAuthError("invalid_client", "only an active public app goes without assertion")
        return client

    def _named(self, token: str) -> tuple[App | None, str, str]:
        """The app whose family the token names, and the two parts of its secret."""
        name, _, made = token.removeprefix(MARK).partition(".")
        family, current = made[:_FAMILY_CHARACTERS], made[_FAMILY_CHARACTERS:]
        app = self.rows.app(name) if is_secret(name) and token.startswith(MARK) else None
        return (app if app and app.family == hashed(family) else None), family, current

    def _caller(self, app: str, given: Given, client: Client, now: int) -> Caller:
        """As whom the app asks; refused unless each row that it hangs on is live now."""
        caller = Caller(
            kind=given.kind,
            client_id=client.id,
            scopes=given.scopes,
            purpose=PURPOSES[given.kind],
            expires=now + SECONDS_MAX,
            token_id=self._secret(),
            patient=given.patient or None,
            session=None if given.offline else given.session,
            prefix=client.prefix,
        )
        if given.kind == "practitioner":
            caller = self._acting(caller, given, client, now)
        if caller.session:
            key = f"session#{caller.session}"
            if not is_live(self.tokens.directory.rows([key]).get(key, {}), now):
                raise OAuthError("invalid_grant", "the session in which it was given has ended")
        return replace(caller, app=app)

    def _acting(self, caller: Caller, given: Given, client: Client, now: int) -> Caller:
        role = self.tokens.directory.role(given.practitioner, given.organization)
        if role is None or not role.holds(instant(now * 1000)[:10]):
            raise OAuthError("invalid_grant", "the practitioner has no active role there")
        if given.organization not in client.organizations:
            raise OAuthError("invalid_grant", "the app is not registered for that organisation")
        return replace(
            caller,
            practitioner=given.practitioner,
            organization=given.organization,
            role=role.code,
            practitioner_name=role.practitioner_name,
            organization_name=role.organization_name,
            practitioner_id=role.practitioner_id,
            organization_id=role.organization_id,
        )

    def _answer(self, app: App, caller: Caller, refresh: str, now: int) -> dict[str, object]:
        caller = replace(caller, expires=min(now + SECONDS_MAX, app.expires))
        token = self.tokens.access_tokens.issue(caller, now)
        answer = {**bearer(token, caller), "expires_in": caller.expires - now}
        if caller.patient:
            answer |= {"patient": caller.patient, "need_patient_banner": True}
        if app.given.encounter:
            answer["encounter"] = app.given.encounter
        if "openid" in caller.scopes:
            answer["id_token"] = self._identity(app.given, caller, now)
        return {**answer, "refresh_token": refresh} if refresh else answer

    def _identity(self, given: Given, caller: Caller, now: int) -> str:
        claims: dict[str, object] = {"sub": caller.subject, "aud": caller.client_id}
        claims |= {"iat": now, "exp": now + SECONDS_MAX}
        if given.nonce:
            claims["nonce"] = given.nonce
        if "fhirUser" in caller.scopes and caller.fhir_user:
            claims["fhirUser"] = f"{self.tokens.issuer}/fhir/{caller.fhir_user}"
        return self.identities.identity(claims, now)

    def _now(self) -> int:
        return self.tokens.clock.now_ms() // 1000

    def _secret(self) -> str:
        return secret(self.tokens.clock.random_bits(SECRET_BITS))


def _app(code: Code, secrets: tuple[str, str], now: int) -> App:
    """The app that a code makes: offline, with its session, or for one access token."""
    if code.given.offline:
        idle, most = rules.OFFLINE_IDLE_S, rules.OFFLINE_S_MAX
    elif code.given.refreshes:
        idle, most = IDLE_S, SESSION_S_MAX
    else:
        idle = most = SECONDS_MAX
    family, refresh = secrets
    return App(code.app, code.given, family, refresh, now, now + idle, now + most)


def _narrower(asked: str | None, given: tuple[str, ...]) -> tuple[str, ...]:
    """Less than was given when the app asks for less; never more."""
    if asked is None:
        return given
    words = asked.split()
    narrower = smart.granted(asked, " ".join(given))
    kept = (*narrower, *(w for w in rules.CONTEXT_WORDS if w in words and w in given))
    if not kept:
        raise OAuthError("invalid_scope", "the app was given none of these scopes")
    return kept
