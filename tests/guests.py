"""A patient at the pages of /account, without a screen: addresses, forms, redirects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import time_machine

from dmp.adapters.dynamodb.directory import Registry  # noqa: F401  # binds what sign-in reads
from dmp.adapters.dynamodb.tables import IdentifierItem
from dmp.adapters.macs import Macs
from dmp.domain.caller import Caller
from tests import patients
from tests.stack import Stack
from tests.tabs import Form, Page, Tab
from tests.world import World, event_of

CIN = "BE742318"
STAGE = "/test"


@dataclass
class Guest(Tab):
    """One browser at /account; `page` is what it shows, every redirect within followed."""

    @property
    def address_shown(self) -> str:
        """The path of the page shown, with its query."""
        return self._at

    _at: str = ""

    def open(self, address: str) -> Page:
        """GET an address below the stage, and follow redirects."""
        for _ in range(6):
            self._at = address
            path, _, query = address.partition("?")
            route, parameters = _routed(path)
            event = event_of("GET", route, parameters, "", self._headers(), None)
            page = self._sent(event, query)
            if page.status != 303:
                return page
            address = _inside(page.location)
        raise AssertionError("redirected in circles")

    def give(self, form: Form, button: str = "", **values: str) -> Page:
        """Send a form of the page, some of its fields filled in."""
        fields = [(n, values.pop(n, v)) for n, v in form.fields]
        fields += [*values.items()]
        return self.to(self._target(form), fields)

    def to(self, path: str, fields: Any, **headers: str) -> Page:
        """POST fields to a path, and follow the redirect."""
        route, parameters = _routed(path)
        sent = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded", **headers}
        page = self._sent(event_of("POST", route, parameters, "", sent, urlencode(fields)), "")
        return self.open(_inside(page.location)) if page.status == 303 else page

    def named(self, action: str) -> Form:
        """The form that has this action, or leads to this place."""
        forms = _forms(self.page.text)
        proving = (f for f, _ in forms if dict(f.fields).get("prove") == action)
        return next(proving, None) or next(
            f for f, to in forms if action in (f.action, _inside(to))
        )

    def sign_in(self, cin: str = CIN) -> Page:
        """From the sign-in page on, with the code of the SMS."""
        before = len(patients.texts())
        self.give(self.named("identify"), who=cin)
        code = patients.code_of(patients.texts()[before])
        return self.give(self.named("enter"), code=code)

    def _target(self, form: Form) -> str:
        return next(_inside(to) for f, to in _forms(self.page.text) if f.fields == form.fields)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[Form, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((Form(), given["action"]))
        elif tag in ("input", "textarea") and self.forms and "name" in given:
            chosen = given.get("type") not in ("checkbox", "radio") or "checked" in given
            pair = (given["name"], given.get("value", ""))
            self.forms[-1][0].fields.extend([pair] if chosen else [])


def _forms(text: str) -> list[tuple[Form, str]]:
    reader = _Reader()
    reader.feed(text)
    return reader.forms


def _inside(address: str) -> str:
    parts = urlsplit(address)
    assert not parts.netloc, address
    assert parts.path.startswith(f"{STAGE}/"), address
    path = parts.path.removeprefix(STAGE)
    return f"{path}?{parts.query}" if parts.query else path


def _routed(path: str) -> tuple[str, dict[str, str]]:
    parts = path.split("/")
    if path.startswith("/account/journal/"):
        given = dict(zip(("id", "part"), parts[3:], strict=False))
        return "/account/journal/" + "/".join(f"{{{name}}}" for name in given), given
    return path, {}


def at_home(made: Stack, world: World, cin: str = CIN) -> Caller:
    """A patient with a record, who can sign in with the number."""
    patient = world.open_record()
    known_by(made, world, patient, cin)
    return patient


def known_by(made: Stack, world: World, patient: Caller, cin: str) -> None:
    """The patient can sign in with the number."""
    macs = Macs(made.client("kms"), made.output("IdentifierKeyArn"))
    mac = macs.identifier("urn:ma:cin", cin)
    world.put_row(f"identifier#{mac}", patient={"S": patient.patient or ""})
    assert IdentifierItem.Meta.table_name


@contextmanager
def still(at: int = 1_795_345_200) -> Iterator[Any]:
    """Time stands still."""
    with time_machine.travel(at, tick=False) as traveller:
        yield traveller


def query_of(address: str) -> dict[str, list[str]]:
    """The query of an address."""
    return parse_qs(urlsplit(address).query)
