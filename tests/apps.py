"""Apps that people let in, for the tests: the app's side, and the person's answers."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dmp.domain.authorization import Pending, Redirect, SignedIn
from dmp.domain.caller import Caller
from dmp.domain.refusals import Unauthenticated
from dmp.edge.caller import context_of
from dmp.use_cases.authorization import Authorization
from tests import oauth
from tests.patients import PATIENT, refresh, signed_in, signing_in
from tests.stack import Stack

CALLBACK = "http://127.0.0.1:4567/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
STATE = "a-state-of-128-random-bits"
SCOPES = (
    "patient/*.rs user/*.cruds openid fhirUser launch launch/patient offline_access online_access"
)
OFFLINE = "patient/*.rs launch/patient openid fhirUser offline_access"


@dataclass
class Door:
    """The token endpoint, the apps' routes, and the authorization server behind the pages."""

    app: Any
    apps: Any
    authorization: Authorization
    session: dict[str, Any]

    @property
    def me(self) -> SignedIn:
        session = self.session["refresh_token"].partition(".")[0]
        return SignedIn("patient", session, PATIENT)

    @property
    def nurse(self) -> SignedIn:
        return replace(
            self.me, kind="practitioner", patient="", practitioner=oauth.PHYSICIAN,
            organization=oauth.CLINIC,
        )  # fmt: skip

    def asked(self, **changes: str | None) -> Pending | Redirect:
        query = {
            "response_type": "code", "client_id": "smart-app", "redirect_uri": CALLBACK,
            "scope": OFFLINE, "state": STATE, "aud": f"{oauth.BASE}/fhir", "nonce": "n-1",
            "code_challenge": CHALLENGE.decode(), "code_challenge_method": "S256", **changes,
        }  # fmt: skip
        return self.authorization.begin([(k, v) for k, v in query.items() if v is not None])

    def code(self, who: SignedIn | None = None, patient: str = "", **changes: str | None) -> str:
        pending = self.asked(**changes)
        assert isinstance(pending, Pending), pending
        url = self.authorization.approve(pending.id, who or self.me, pending.scopes, patient)
        told = parse_qs(urlsplit(url).query)
        assert url.startswith(CALLBACK)
        assert (told["state"], told["iss"]) == ([STATE], [oauth.BASE])
        return told["code"][0]

    def exchange(self, code: str, **changes: str) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": "authorization_code", "client_id": "smart-app", "code": code,
            "redirect_uri": CALLBACK, "code_verifier": VERIFIER, **changes,
        }  # fmt: skip
        return oauth.answered(self.app.handler, oauth.event("tokens/authorization_code", **form))

    def tokens(self, who: SignedIn | None = None, patient: str = "", **changes: str) -> Any:
        status, answer = self.exchange(self.code(who, patient, **changes))
        assert status == 200, answer
        return answer

    def refresh(self, token: str, **form: str) -> tuple[int, dict[str, Any]]:
        return refresh(self.app, token, client_id="smart-app", **form)

    def caller(self, answer: dict[str, Any]) -> Caller:
        """As whom a function would let the token in now; Unauthenticated if it would not."""
        now = self.app.clock.now_ms() // 1000
        caller: Caller = self.app.key.caller(answer["access_token"], now)
        caller.require_live(
            self.app.tokens.directory.rows(caller.registry_keys()), now, "2026-11-22"
        )
        return caller

    def live(self, answer: dict[str, Any]) -> bool:
        try:
            self.caller(answer)
        except Unauthenticated:
            return False
        return True

    def call(self, name: str, caller: Caller, **changes: Any) -> tuple[int, Any]:
        sent = {**oauth.event(f"apps/{name}"), **changes}
        sent["requestContext"]["authorizer"] = context_of(caller)
        return oauth.answered(self.apps.handler, sent)


@contextmanager
def letting_in(made: Stack, tokens: Any, apps: Any) -> Iterator[Door]:
    """A patient who signed in, a public app, and one that signs."""
    with signing_in(made, tokens) as app:
        uris = ("http://127.0.0.1/callback",)
        public = oauth.client_of(
            "smart-app", jwks="", scopes=SCOPES, redirect_uris=uris, prefix="s"
        )
        signed = oauth.client_of("signing", scopes=SCOPES, redirect_uris=uris, prefix="t")
        app.tokens.directory.put([public, signed])
        yield Door(app, apps, apps.apps.authorization, signed_in(app))
