"""A person at the sign-in pages, in a real browser."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, Response

from infra.build import ROOT
from infra.local.visitors import Sandbox
from tests.e2e.place import Home

SCOPES = (
    "patient/Observation.rs patient/MedicationRequest.cruds patient/AllergyIntolerance.rs "
    "patient/DocumentReference.rs launch/patient openid fhirUser offline_access"
)
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDTHS = (320, 1280)
SHOTS = ROOT / ".build" / "screenshots"
SEND = "main form:has([value=identify]) button"
ENTER = "main form:has([value=enter]) button"
ALLOW, REFUSE = "button[value=allow]", "button[value=refuse]"


@dataclass
class App:
    """The app's end of the redirect: a page of another origin that keeps what it was told."""

    port: int
    told: list[dict[str, str]] = field(default_factory=list)

    @property
    def callback(self) -> str:
        """A redirect URI of the registered loopback address."""
        return f"http://127.0.0.1:{self.port}/callback"


@contextmanager
def app() -> Iterator[App]:
    """The app, listening."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                query = parse_qs(parts.query)
                made.told.append({name: values[0] for name, values in query.items()})
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>app</title><p>back in the app")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    made = App(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Walk:
    """One page of a browser, from the app's link to the redirect back."""

    sandbox: Sandbox
    app: App
    page: Page
    language: str
    verifier: str = ""
    requested: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("request", lambda request: self.requested.append(request.url))

    @property
    def base(self) -> str:
        """The API's base as people open it: passkeys are bound to a name, not an address."""
        return str(self.sandbox.described["base_url"]).replace("127.0.0.1", "localhost", 1)

    def address(self, **changes: str) -> str:
        """The app's link."""
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self.sandbox.described["clients"]["portal"]["client_id"],
            "redirect_uri": self.app.callback,
            "scope": SCOPES,
            "state": secrets.token_urlsafe(24),
            "aud": self.sandbox.described["fhir_base"],
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "lang": self.language,
            **changes,
        }
        return f"{self.base}/oauth2/authorize?{urlencode(asked)}"

    def come(self, **changes: str) -> Response:
        """Follow the app's link."""
        response = self.page.goto(self.address(**changes))
        assert response is not None
        return response

    def exchange(self, code: str, client: str) -> httpx.Response:
        """The app takes its code to the token endpoint; it has no keys."""
        form = {
            "grant_type": "authorization_code", "client_id": client, "code": code,
            "redirect_uri": self.app.callback, "code_verifier": self.verifier,
        }  # fmt: skip
        return self.sandbox.send("POST", str(self.sandbox.described["token_url"]), data=form)

    def say(self, number: str) -> None:
        """Who I am."""
        self.page.fill("#who", number)
        self.page.click(SEND)

    def type(self, code: str) -> None:
        """The code."""
        self.page.fill("#code", code)
        self.page.click(ENTER)

    def sign_in(self, person: Home) -> None:
        """From the first page to the consent, with the code of the SMS."""
        before = len(self.sandbox.messages(person.person.phone))
        self.say(str(person.known["cin"]))
        self.type(self.sandbox.wait_code(person.person.phone, before))
        self.page.wait_for_selector(ALLOW)

    def checked(self, name: str) -> None:
        """Hold the page, at both widths, to what every page owes its reader.

        With DMP_SCREENSHOTS a picture of each is kept under .build/screenshots.
        """
        root = self.page.locator("html")
        assert root.get_attribute("lang") == self.language
        assert root.get_attribute("dir") == ("rtl" if self.language == "ar" else "ltr")
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 720})
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} at {width} is {wide} wide"
            if os.environ.get("DMP_SCREENSHOTS"):
                path = SHOTS / f"{self.language}-{name}-{width}.png"
                self.page.screenshot(path=path, full_page=True)
            found = Axe().run(self.page, options={"runOnly": WCAG, "resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{name} at {width}: {found.generate_report()}"

    def only_ours(self) -> None:
        """Nothing was asked of another origin but, at the end, the app."""
        ours = f"{self.base}/"
        others = [u for u in self.requested if not u.startswith((ours, self.app.callback))]
        assert [u for u in others if urlsplit(u).path != "/favicon.ico"] == []


def walk(context: BrowserContext, sandbox: Sandbox, to: App, language: str) -> Walk:
    """A new page of a browser."""
    return Walk(sandbox, to, context.new_page(), language)
