"""A person lets an app in: SMART App Launch 2.2, from the app's request to the code.

The pages show what `pending` gives and answer by `approve` or `deny`; `dmp.use_cases.app_tokens`
takes the code. An error is told to the app only once its redirect URI is proven to be its own;
until then it is shown to the person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from dmp.domain import authorization as rules
from dmp.domain import scopes as smart
from dmp.domain.authorization import App, Code, Given, Launch, Pending, Redirect, SignedIn
from dmp.domain.caller import proved
from dmp.domain.directory import Client
from dmp.domain.identifiers import is_patient_id
from dmp.domain.refusals import OAuthError, StrongerSignInNeeded
from dmp.domain.sign_in import SECRET_BITS, is_secret, secret
from dmp.fhir import scope_criteria
from dmp.use_cases.authorization_ports import Authorizations, Clients
from dmp.use_cases.ports import Clock

_OVER = "the request is over: go back to the app and begin again"


@dataclass(frozen=True, slots=True)
class Authorization:
    """The authorization endpoint without its pages. `issuer` is the API's base URL."""

    clients: Clients
    rows: Authorizations
    clock: Clock
    issuer: str

    def begin(self, query: Sequence[tuple[str, str]]) -> Pending | Redirect:
        """Take an app's request as it came in URL or form.

        OAuthError is to be shown to the person: nothing proves yet where they would be sent.
        """
        client, uri = self._proven(query)
        asked = dict(query)
        if len(asked) != len(query):
            return Redirect(self._error(uri, "", "invalid_request", "a parameter comes twice"))
        try:
            rules.checked(asked, f"{self.issuer}/fhir")
            return self._kept(client, uri, asked)
        except OAuthError as refusal:
            told = refusal.error, str(refusal)
            return Redirect(self._error(uri, asked.get("state", ""), *told))

    def pending(self, request_id: str) -> Pending:
        """The request that waits under an id; OAuthError, to be shown, when none does."""
        known = is_secret(request_id)
        found = self.rows.pending(request_id, self._now()) if known else None
        if found is None:
            raise OAuthError("invalid_request", _OVER)
        return found

    def approve(
        self, request_id: str, who: SignedIn, scopes: Collection[str], patient: str = ""
    ) -> str:
        """The URL to send the browser to: with a code, or the refusal when nothing was chosen.

        `scopes` are those the person left ticked; `patient` is the one that a practitioner chose
        for an app that asked for `launch/patient`. StrongerSignInNeeded where the app would write,
        or go on alone, and a patient who could prove more than a code has not.
        """
        pending, now = self.pending(request_id), self._now()
        rows = self._require_live(who, now)
        if who.kind not in pending.people:
            raise OAuthError("access_denied", "this app's request is not for who signed in")
        context = _context(pending, who, patient, scopes)
        given = rules.narrowed(scopes, pending, who, context.patient if context else "")
        if not any(smart.is_resource_scope(scope) or scope == "openid" for scope in given):
            return self.deny(request_id)
        weak = who.kind == "patient" and not proved(rows, who.patient, who.session, now)
        if weak and rules.needs_proof(given):
            raise StrongerSignInNeeded
        made = secret(self.clock.random_bits(SECRET_BITS))
        code = Code(
            hash=hashed(made),
            app=secret(self.clock.random_bits(SECRET_BITS)),
            redirect_uri=pending.redirect_uri,
            challenge=pending.challenge,
            expires=now + rules.CODE_S,
            given=_given(pending, who, given, context),
        )
        if not self.rows.approve(pending.id, code, now):
            raise OAuthError("invalid_request", _OVER)
        return rules.answered(pending.redirect_uri, code=made, state=pending.state, iss=self.issuer)

    def deny(self, request_id: str) -> str:
        """The URL that tells the app `access_denied`."""
        pending = self.pending(request_id)
        if not self.rows.drop(pending.id):
            raise OAuthError("invalid_request", _OVER)
        text = "the person did not let the app in"
        return self._error(pending.redirect_uri, pending.state, "access_denied", text)

    def apps(self, who: SignedIn) -> list[App]:
        """The apps that the person let in, newest first."""
        now = self._now()
        self._require_live(who, now)
        found = self.rows.apps(_owner(who), now)
        return sorted(found, key=lambda app: app.created, reverse=True)

    def _proven(self, query: Sequence[tuple[str, str]]) -> tuple[Client, str]:
        """The client and its own redirect URI, each named exactly once."""
        named = [value for name, value in query if name == "client_id"]
        client = self.clients.client(named[0]) if len(named) == 1 else None
        if client is None or not client.active:
            raise OAuthError("invalid_client", "client_id must name one active app")
        uris = [value for name, value in query if name == "redirect_uri"]
        if len(uris) != 1 or not rules.proven(client.redirect_uris, uris[0]):
            text = "redirect_uri must be one that the app registered, to the character"
            raise OAuthError("invalid_request", text)
        return client, uris[0]

    def _kept(self, client: Client, uri: str, asked: dict[str, str]) -> Pending:
        now = self._now()
        words = asked.get("scope", "").split()
        scopes = _registered(words, client)
        launch = self._launched(asked, scopes, now)
        people = rules.people_for(scopes, launch is not None, client.organizations)
        if not people:
            raise OAuthError("invalid_scope", "nobody could give these scopes to this app")
        pending = Pending(
            id=secret(self.clock.random_bits(SECRET_BITS)),
            client_id=client.id,
            client_name=client.name,
            redirect_uri=uri,
            state=asked["state"],
            challenge=asked["code_challenge"],
            scopes=scopes,
            people=people,
            expires=now + rules.PENDING_S,
            nonce=asked.get("nonce", ""),
            launch=launch,
        )
        used = hashed(asked["launch"]) if launch else ""
        if not self.rows.start(pending, used, now):
            raise OAuthError("invalid_request", "the launch was used before")
        return pending

    def _launched(self, asked: dict[str, str], scopes: Sequence[str], now: int) -> Launch | None:
        """What the EHR launched the app with; the scope and the parameter go together."""
        if ("launch" in scopes) != ("launch" in asked):
            text = "an EHR launch has both the scope launch and the parameter launch"
            raise OAuthError("invalid_request", text)
        if "launch" not in asked:
            return None
        found = self.rows.launch(hashed(asked["launch"]), now)
        if found is None:
            raise OAuthError("invalid_request", "the launch is not known, was used, or is over")
        return found

    def _require_live(self, who: SignedIn, now: int) -> Mapping[str, Mapping[str, object]]:
        """The rows of who signed in and how, once the session is found live."""
        key = f"session#{who.session}"
        rows = self.clients.rows([key, *([f"credential#{who.patient}"] if who.patient else [])])
        if not is_live(rows.get(key, {}), now):
            raise OAuthError("login_required", "the session has ended: sign in again")
        return rows

    def _error(self, uri: str, state: str, error: str, text: str) -> str:
        return rules.answered(
            uri, error=error, error_description=text, state=state, iss=self.issuer
        )

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def is_live(row: Mapping[str, object], now: int) -> bool:
    """Whether a session's row lets it be used now."""
    until = row.get("expires")
    return row.get("active") is True and isinstance(until, int) and now < until


def hashed(made: str) -> str:
    """Of 256 random bits: no salt or stretching is needed."""
    return hashlib.sha256(made.encode()).hexdigest()


def _registered(words: Sequence[str], client: Client) -> tuple[str, ...]:
    """What the client is registered for of what it asks; the rest is left out, as RFC 6749 lets."""
    if fault := scope_criteria.fault(words):
        raise OAuthError("invalid_scope", fault)
    known = client.scopes.split()
    resources = smart.granted(" ".join(words), client.scopes)
    context = [word for word in rules.CONTEXT_WORDS if word in words and word in known]
    if "fhirUser" in context and "openid" not in context:
        context.remove("fhirUser")
    if not resources and "openid" not in context:
        raise OAuthError("invalid_scope", "none of the scopes is granted to this client")
    if len(" ".join(resources)) > smart.LENGTH_MAX:
        raise OAuthError("invalid_scope", f"at most {smart.LENGTH_MAX} characters of scopes")
    return (*resources, *context)


def _context(
    pending: Pending, who: SignedIn, patient: str, scopes: Collection[str]
) -> Launch | None:
    """The patient in context: their own record, the EHR's, or the one a practitioner chose."""
    if who.kind == "patient":
        return Launch(who.patient, "", "")
    if pending.launch is not None:
        same = (pending.launch.practitioner, pending.launch.organization)
        if same != (who.practitioner, who.organization):
            raise OAuthError("access_denied", "the app was launched by another practitioner")
        return pending.launch
    if "launch/patient" not in pending.scopes or "launch/patient" not in scopes:
        return None
    if not is_patient_id(patient):
        raise OAuthError("invalid_request", "the app needs a patient to be chosen")
    return Launch(patient, who.practitioner, who.organization)


def _given(pending: Pending, who: SignedIn, scopes: Sequence[str], context: Launch | None) -> Given:
    return Given(
        client_id=pending.client_id,
        kind=who.kind,
        scopes=tuple(scopes),
        session=who.session,
        patient=context.patient if context else "",
        practitioner=who.practitioner,
        organization=who.organization,
        encounter=context.encounter if context else "",
        nonce=pending.nonce,
    )


def _owner(who: SignedIn) -> str:
    return who.patient if who.kind == "patient" else f"practitioner-{who.practitioner}"
