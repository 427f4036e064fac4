"""Who is at the patient's own pages: the browser's cookie is the session, there is no app.

Whoever is not signed in is sent to the sign-in page and, once signed in, back to where they meant
to go: a page of ours, by its name, and never an address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dmp.domain.authorization import SignedIn
from dmp.domain.caller import Caller
from dmp.domain.refusals import BadParameter
from dmp.domain.sign_in import SECRET_BITS, secret
from dmp.edge.agents import seen
from dmp.edge.browser import (
    cookie_of,
    cookie_value,
    device_cookie,
    device_of,
    fields_of,
    form_token,
    from_elsewhere,
    is_form_token,
)
from dmp.edge.http import Answer, Request
from dmp.edge.language import Words, words_of
from dmp.edge.pages import Kit, Reader
from dmp.edge.policy_page import POLICY
from dmp.use_cases.account import owner
from dmp.use_cases.browsers import Browsers, Held
from dmp.use_cases.ports import Clock

ACCOUNT, SIGN_IN, SIGN_OUT = "/account", "/account/sign-in", "/account/sign-out"
JOURNAL, EXPORT = "/account/journal", "/account/export"
PEOPLE, PREFERENCES = "/account/people", "/account/preferences"
SECURITY = "/account/security"
COOKIE = "dmp-browser"
# pages of ours to go on to after sign-in
PLACES = ("journal", "export", "people", "preferences", "security")
_BACK = re.compile(
    rf"(?:{'|'.join(PLACES)})" r"(?:/[0-9a-v]{20}\.[0-9a-v]{16})?(?:\?[\w.~%=&+-]{0,200})?\Z"
)


@dataclass(frozen=True, slots=True)
class At:
    """One request of a signed-in patient."""

    request: Request
    reader: Reader
    held: Held
    caller: Caller
    words: Words

    @property
    def who(self) -> SignedIn:
        """The patient."""
        return SignedIn("patient", self.caller.session or "", self.caller.patient or "")


@dataclass(frozen=True, slots=True)
class Desk:
    """Lets patients in, and makes what every page of theirs has."""

    kit: Kit
    browsers: Browsers
    clock: Clock

    def enter(self, request: Request, back: str) -> At | Answer:
        """The signed-in patient; else the way to the sign-in page and then `back`."""
        held = self.held(request)
        who, reader = self.patient(held), self.kit.reader(request)
        if held is None or who is None:
            return self.kit.redirect(self.kit.link(SIGN_IN, to=back), reader.cookies)
        caller = owner(who, self.clock.now_ms() // 1000)
        return At(request, reader, held, caller, words_of(reader.language))

    def sent(self, request: Request, back: str) -> tuple[At, Mapping[str, list[str]]] | Answer:
        """The same for a form, and its fields; nothing is done for a form that is not ours."""
        if from_elsewhere(request):
            return self.error(self.kit.reader(request), 403)
        fields = fields_of(request)
        found = self.enter(request, back)
        if isinstance(found, Answer):
            return found
        if not is_form_token(one(fields, "token"), found.held.secret):
            return self.kit.redirect(f"{self.kit.link(ACCOUNT)}/{told(back, 'stale')}")
        return found, fields

    def page(self, at: At, template: str, here: str, status: int = 200, **values: object) -> Answer:
        """A page of the patient's own; `here` is its address."""
        given = {
            "token": self.token(at.held),
            "here": here,
            "home": self.kit.link(JOURNAL),
            "links": self.links(),
            "script": "page.js",
            **values,
        }
        return self.kit.page(template, at.reader, given, status=status)

    def links(self) -> dict[str, str]:
        """Where the patient's own pages are."""
        link = self.kit.link
        return {
            "journal": link(JOURNAL),
            "export": link(EXPORT),
            "people": link(PEOPLE),
            "preferences": link(PREFERENCES),
            "security": link(SECURITY),
            "policy": link(POLICY),
            "sign_out": link(SIGN_OUT),
        }

    def token(self, held: Held) -> str:
        """The token of a form, another one in each page."""
        return form_token(held.secret, secret(self.clock.random_bits(SECRET_BITS)))

    def patient(self, held: Held | None) -> SignedIn | None:
        """The patient who signed in with the browser; a practitioner is nobody here."""
        who = self.browsers.who(held) if held else None
        return who if who is not None and who.kind == "patient" else None

    def held(self, request: Request) -> Held | None:
        """The browser, when it is known."""
        secure = self.kit.secure
        held = self.browsers.of(cookie_value(request.headers, COOKIE, secure=secure))
        return held and seen(held, request, secure=secure)

    def with_device(self, reader: Reader, request: Request) -> Reader:
        """The reader, whose browser keeps a handle: the one it has, or a new one."""
        secure = self.kit.secure
        handle = device_of(request.headers, secure=secure) or self.browsers.new_device()
        cookie = device_cookie(handle, secure=secure)
        return replace(reader, cookies=(*reader.cookies, cookie))

    def with_cookie(self, reader: Reader, held: Held) -> Reader:
        """The reader, whose browser is told the secret."""
        cookie = cookie_of(COOKIE, held.secret, secure=self.kit.secure)
        return replace(reader, cookies=(*reader.cookies, cookie))

    def error(self, reader: Reader, status: int, kind: str = "wrong") -> Answer:
        """A page that says why nothing was done."""
        values = {"kind": kind, "request_id": "", "home": self.kit.link(JOURNAL)}
        return self.kit.page("error.html", reader, values, status=status)


def back_of(text: str) -> str:
    """Where to go after sign-in: a page of ours, the journal for anything else."""
    return text if _BACK.match(text) else "journal"


def told(back: str, word: str) -> str:
    """The page, which is to say a thing besides."""
    return f"{back}{'&' if '?' in back else '?'}told={word}"


def one(fields: Mapping[str, list[str]], name: str) -> str:
    """A field's value; empty when it is absent, BadParameter when it comes twice."""
    values = fields.get(name, [""])
    if len(values) != 1:
        raise BadParameter("a field comes twice", name)
    return values[0]
