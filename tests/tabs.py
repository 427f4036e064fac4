"""A browser without a screen: keeps cookies, reads forms, follows redirects to pages of ours."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.oauth import BASE
from tests.stack import Context
from tests.world import event_of

PATH = "/oauth2/authorize"
VERIFIER = "v" * 43
CALLBACK = "https://diary.example/callback"
ASKED = {
    "response_type": "code",
    "client_id": "diary",
    "redirect_uri": CALLBACK,
    "scope": "patient/Observation.rs patient/MedicationRequest.cruds launch/patient openid "
    "fhirUser offline_access",
    "state": "abcdefghijklmnopqrstuvwxyz0123456789",
    "aud": f"{BASE}/fhir",
    "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest())
    .rstrip(b"=")
    .decode(),
    "code_challenge_method": "S256",
}


@dataclass
class Form:
    """The fields of one form as they stand; buttons by their value, boxes that are ticked."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def action(self) -> str:
        """What the form asks for; empty where its buttons say so."""
        return dict(self.fields).get("action", "")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form())
        elif tag in ("input", "button") and self.forms and "name" in given:
            pair = (given["name"], given.get("value", ""))
            if tag == "button":
                self.forms[-1].buttons.append(pair)
            elif given.get("type") != "checkbox" or "checked" in given:
                self.forms[-1].fields.append(pair)


@dataclass
class Page:
    """An answer as a browser has it."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def location(self) -> str:
        """Where it leads."""
        return self.headers.get("Location", "")

    def form(self, action: str) -> Form:
        """The form that asks for it."""
        reader = _Reader()
        reader.feed(self.text)
        return next(f for f in reader.forms if f.action == action)


@dataclass
class Tab:
    """One browser at the function's handler; every tab of it shares `cookies`."""

    handler: Callable[[Any, Any], Any]
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "192.0.2.50"
    page: Page = field(default_factory=lambda: Page(0, "", {}))
    agent: str = ""

    def ask(self, **changes: str | None) -> Page:
        """Come from the app, with its request changed; None takes a parameter out."""
        asked = {name: value for name, value in {**ASKED, **changes}.items() if value is not None}
        return self.get(urlencode(asked))

    def get(self, query: str) -> Page:
        """GET the authorization endpoint."""
        return self._sent(event_of("GET", PATH, {}, "", self._headers(), None), query)

    def post(self, fields: Any, **headers: str) -> Page:
        """POST fields, and follow the redirect when it leads to a page of ours."""
        sent = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded", **headers}
        page = self._sent(event_of("POST", PATH, {}, "", sent, urlencode(fields)), "")
        if page.status == 303 and page.location.startswith(f"/test{PATH}"):
            return self.get(urlsplit(page.location).query)
        return page

    def fill(self, action: str, button: str = "", **values: str) -> Page:
        """Send the page's form of that action; `button` is the value of the one pressed."""
        form = self.page.form(action)
        fields = [(name, values.get(name, value)) for name, value in form.fields]
        fields += [pair for pair in form.buttons if button and pair[1] == button]
        return self.post(fields)

    def other_tab(self) -> Tab:
        """Another tab of the same browser."""
        return Tab(self.handler, self.cookies, self.address)

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {"Cookie": cookies, "User-Agent": self.agent}
        said = {name: value for name, value in given.items() if value}
        return {"Accept": "text/html", "Accept-Language": "en", **said}

    def _sent(self, event: dict[str, Any], query: str) -> Page:
        event["multiValueQueryStringParameters"] = parse_qs(query, keep_blank_values=True) or None
        event["requestContext"]["identity"] = {"sourceIp": self.address}
        answered = self.handler(event, Context("test"))
        for cookie in answered["multiValueHeaders"].get("Set-Cookie", []):
            pair, _, attributes = cookie.partition(";")
            name, _, value = pair.partition("=")
            assert "HttpOnly; SameSite=Lax" in attributes
            assert name.startswith("__Host-")
            assert "; Secure" in attributes
            self.cookies[name] = value
        self.page = Page(answered["statusCode"], answered["body"], answered["headers"])
        return self.page
