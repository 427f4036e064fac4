"""Which page a browser is at, and what stands on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlsplit

from dmp.domain.authorization import Pending, SignedIn
from dmp.domain.choices import Choice, choices, chosen
from dmp.domain.contact import Contact
from dmp.domain.directory import Client, Organization, Role
from dmp.domain.sign_in import CODE_SECONDS, SECRET_BITS, secret
from dmp.edge.browser import form_token
from dmp.edge.http import Answer
from dmp.edge.language import Words, words_of
from dmp.edge.pages import Kit, Reader
from dmp.edge.scope_words import Line, line_of
from dmp.use_cases.browsers import Held
from dmp.use_cases.ports import Clock
from dmp.use_cases.step_up import Ways
from dmp.use_cases.token_ports import Contacts

PATH, PASSKEYS, ENROLMENT = "/oauth2/authorize", "/oauth2/passkeys", "/oauth2/enrolment"
_ORGANIZATIONS_MAX = 3
_SHOWN_DIGITS = 3
_KEPT_MAX = 40
_TIME_SHOWN_S = 60  # of a time to wait for, minutes are shown: the next one is late enough
# What is no data: given with the rest, save where leaving it out makes sense.
_EXTRAS = {"identity": ("openid", "fhirUser"), "offline": ("offline_access",)}
_ALWAYS = ("launch", "launch/patient", "online_access")


class Apps(Protocol):
    """What people are told about an app."""

    def client(self, client_id: str) -> Client | None:
        """Its registration."""

    def organization(self, inpe: str) -> Organization | None:
        """An organisation that it is registered for."""

    def role(self, practitioner: str, organization: str) -> Role | None:
        """What a practitioner is there."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One request of a browser about one request of an app; `who` signed in, if anybody."""

    reader: Reader
    held: Held
    pending: Pending
    who: SignedIn | None

    def of(self, held: Held) -> Turn:
        """The turn after the browser changed."""
        return replace(self, held=held)


@dataclass(frozen=True, slots=True)
class Said:
    """What the page says besides: what was wrong, what was done, what was typed, when to ask."""

    error: str = ""
    told: str = ""
    typed: str = ""
    wait_s: int = 0
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """Renders the step at which a turn is."""

    kit: Kit
    apps: Apps
    contacts: Contacts
    clock: Clock

    def page(self, turn: Turn, said: Said, status: int = 200) -> Answer:
        """The page of the step."""
        words, now = words_of(turn.reader.language), self.clock.now_ms() // 1000
        values: dict[str, object] = {"practitioner": self._acting(turn.who)}
        barred = self._barred(turn)
        if turn.who is not None and turn.who.kind in turn.pending.people and not barred:
            template = "consent.html"
            values |= self._consent(turn, turn.who, words)
        elif "patient" not in turn.pending.people or barred:
            template = "practitioners.html"
            values["enrolment"] = self.kit.link(ENROLMENT)
            said = said if said.error else replace(said, error=barred)
        elif turn.held.browser.challenge:
            template = "code.html"
            browser = turn.held.browser
            live = browser.tries > 0 and now < browser.asked + CODE_SECONDS
            values |= {"tries": browser.tries, "live": live, "minutes": CODE_SECONDS // 60}
        else:
            template = "sign_in.html"
        return self._page(template, turn, said, values, status)

    def prove(self, turn: Turn, ways: Ways, kept: Collection[str], said: Said) -> Answer:
        """The page that asks for more than a code; `kept` are the boxes that were left ticked."""
        held = [("allow", choice) for choice in kept if len(choice) <= _KEPT_MAX]
        values: dict[str, object] = {"ways": ways, "kept": held}
        return self._page("prove.html", turn, said, values, 422 if said.error else 200)

    def _page(
        self, template: str, turn: Turn, said: Said, values: dict[str, object], status: int
    ) -> Answer:
        words, now = words_of(turn.reader.language), self.clock.now_ms() // 1000
        values |= {
            "flow": turn.pending.id,
            "token": form_token(turn.held.secret, secret(self.clock.random_bits(SECRET_BITS))),
            "here": self.kit.link(PATH, a=turn.pending.id),
            "to": self.kit.link(PATH),
            "passkeys": self.kit.link(PASSKEYS),
            "script": "page.js",
            "app": turn.pending.client_name,
            "said": said,
            "again_at": words.time(now + said.wait_s + _TIME_SHOWN_S - 1) if said.wait_s else "",
        }
        uri = turn.pending.redirect_uri
        return self.kit.page(template, turn.reader, values, status=status, leads_to=uri)

    def scopes_left(self, turn: Turn, ids: Collection[str]) -> list[str]:
        """The scopes that the person left ticked; none when no box of any use is."""
        offered = turn.pending.scopes
        scopes = chosen(_choices(turn), ids)
        scopes += [w for w in _EXTRAS["identity"] if "identity" in ids and w in offered]
        if not scopes:
            return []
        scopes += [w for w in _EXTRAS["offline"] if "offline" in ids and w in offered]
        return [*scopes, *(word for word in _ALWAYS if word in offered)]

    def _consent(self, turn: Turn, who: SignedIn, words: Words) -> dict[str, object]:
        client = self.apps.client(turn.pending.client_id)
        organizations = client.organizations[:_ORGANIZATIONS_MAX] if client else ()
        known = [found.name for o in organizations if (found := self.apps.organization(o))]
        contact = self.contacts.contact(who.patient) if who.patient else None
        offered = _choices(turn)
        return {
            "organizations": known,
            "host": _host(turn.pending.redirect_uri),
            "contact": _shown(contact) if contact else "",
            "reads": _lines(offered, words, writes=False),
            "writes": _lines(offered, words, writes=True),
            "identity": "openid" in turn.pending.scopes,
            "offline": "offline_access" in turn.pending.scopes,
            "launched": turn.pending.launch is not None,
            "patient_asked": asks_patient(turn),
        }

    def _acting(self, who: SignedIn | None) -> Role | None:
        if who is None or who.kind != "practitioner":
            return None
        return self.apps.role(who.practitioner, who.organization)

    def _barred(self, turn: Turn) -> str:
        """Why a practitioner who is signed in cannot answer this app; empty when they can."""
        who, launch = turn.who, turn.pending.launch
        if who is None or who.kind != "practitioner" or who.kind not in turn.pending.people:
            return ""
        if launch and (launch.practitioner, launch.organization) != (
            who.practitioner, who.organization,
        ):  # fmt: skip
            return "other"
        client = self.apps.client(turn.pending.client_id)
        return "" if client and who.organization in client.organizations else "place"


def asks_patient(turn: Turn) -> bool:
    """Whether the app needs a patient whom the practitioner names: no EHR has one open."""
    alone = turn.who is not None and turn.who.kind == "practitioner" and not turn.pending.launch
    return alone and "launch/patient" in turn.pending.scopes


def _choices(turn: Turn) -> list[Choice]:
    if turn.who is None or turn.who.kind == "patient":
        return choices(turn.pending.scopes)
    named = turn.pending.launch is not None or asks_patient(turn)
    return choices(turn.pending.scopes, ("user", "patient") if named else ("user",))


def _lines(offered: list[Choice], words: Words, *, writes: bool) -> list[Line]:
    return [line_of(choice, words) for choice in offered if choice.writes == writes]


def _host(address: str) -> str:
    """Where the person is sent back to, as far as they can know it; empty for an app's scheme."""
    parts = urlsplit(address)
    return parts.netloc if parts.scheme in ("http", "https") else ""


def _shown(contact: Contact) -> str:
    """Enough of an address to know it by, and no more."""
    if contact.channel == "sms" and contact.phone:
        return f"••• {contact.phone[-_SHOWN_DIGITS:]}"
    name, _, domain = (contact.email or "").partition("@")
    return f"{name[:1]}•••@{domain}" if domain else ""
