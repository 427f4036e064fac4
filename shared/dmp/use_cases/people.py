"""Who may read a record and who acts for its patient, as the patient sees and changes it.

Every change is made by the use case that serves the same request of the API; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dmp.domain.caller import Caller
from dmp.domain.directory import Organization, Practitioner
from dmp.domain.identifiers import is_inpe
from dmp.domain.instants import instant
from dmp.fhir import choices
from dmp.fhir.choices import Listed
from dmp.use_cases.consent_changes import CONSENT, ConsentChanges
from dmp.use_cases.contests import Contests
from dmp.use_cases.delegations import RELATED
from dmp.use_cases.directory_queries import AN_HOUR, HOUR_S
from dmp.use_cases.explaining import Explaining, Outlook, Overview
from dmp.use_cases.ports import Clock
from dmp.use_cases.record_writes import RecordWrites, Target
from dmp.use_cases.written import Request, Written


class Directory(Protocol):
    """Those who are active in it, by INPE."""

    def practitioner(self, inpe: str) -> Practitioner | None:
        """A professional."""

    def organization(self, inpe: str) -> Organization | None:
        """A hospital, practice, laboratory or pharmacy."""


class Limits(Protocol):
    """How often the directory may be asked."""

    def spend(self, who: str, limit: int, window_s: int, now: int) -> None:
        """TooMany when somebody has asked too often."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom the patient lets in, until when, and whether also to write."""

    who: Listed
    ends: str
    writing: bool


@dataclass(frozen=True, slots=True)
class Acting:
    """Whom the patient lets act for them: national identifier, name, powers, until when."""

    identifier: tuple[str, str]
    name: str
    powers: Sequence[str]
    ends: str


@dataclass(frozen=True, slots=True)
class Form:
    """One form of a page, which does what it asks for once, however often it is sent."""

    caller: Caller
    request: str
    key: str = ""
    digest: str = ""

    def asks(self, query: str) -> Request:
        """The request of the API that would do the same."""
        return Request(self.caller, self.request, query, self.key or None, self.digest, "minimal")

    @property
    def patient(self) -> str:
        """Whose record it is about."""
        return self.caller.patient or ""


@dataclass(frozen=True, slots=True)
class People:
    """What the patient asks of it; refused as the API refuses."""

    directory: Directory
    limits: Limits
    explaining: Explaining
    consents: ConsentChanges
    contests: Contests
    writes: RecordWrites
    clock: Clock

    def today(self, form: Form, language: str) -> Overview:
        """Who could read the record, and what is in force."""
        return self.explaining.overview(form.asks(f"{CONSENT}/$explain"), language)

    def listed(self, form: Form, inpe: str) -> Listed | None:
        """Somebody who is active in the directory; so many an hour as by the API."""
        if not is_inpe(inpe):
            return None
        now = self.clock.now_ms() // 1000
        self.limits.spend(f"{form.caller.client_id}#{form.patient}", AN_HOUR, HOUR_S, now)
        if who := self.directory.practitioner(inpe):
            return Listed("Practitioner", inpe, who.name)
        place = self.directory.organization(inpe)
        return Listed("Organization", inpe, place.name) if place else None

    def outlook(self, form: Form, choice: Choice) -> Outlook:
        """What it would open."""
        consent = self._permit(form, choice)
        return self.explaining.outlook(form.asks(f"{CONSENT}/$simulate"), consent)

    def let_in(self, form: Form, choice: Choice) -> Written:
        """A consent, in force at once."""
        return self.consents.create(form.asks(CONSENT), self._permit(form, choice))

    def refuse(self, form: Form, who: Listed) -> Written:
        """A consent that refuses, in force at once."""
        return self.consents.create(
            form.asks(CONSENT), choices.deny(form.patient, who, self._now())
        )

    def end(self, form: Form, consent: str) -> Written:
        """The consent is over, or the refusal; also when it was before."""
        return self.consents.revoke(form.asks(f"{CONSENT}/{consent}"), consent, None)

    def contest(self, form: Form, consent: str, words: str) -> Written:
        """The emergency ends, and the officer must look at it."""
        content = {
            "resourceType": "Parameters",
            "parameter": [{"name": "text", "valueString": words}],
        }
        return self.contests.contest(form.asks(f"{CONSENT}/{consent}/$contest"), consent, content)

    def name(self, form: Form, acting: Acting) -> Written:
        """Somebody acts for the patient from now on; the answer never tells who has a record."""
        person = choices.related(
            form.patient, acting.identifier, acting.name, acting.powers, acting.ends
        )
        return self.writes.create(form.asks(RELATED), Target(RELATED), person)

    def dismiss(self, form: Form, related: str) -> Written:
        """They act no more."""
        return self.writes.delete(form.asks(f"{RELATED}/{related}"), Target(RELATED, related))

    def _permit(self, form: Form, choice: Choice) -> dict[str, object]:
        now = self._now()
        return choices.permit(form.patient, choice.who, now, choice.ends, writing=choice.writing)

    def _now(self) -> str:
        return instant(self.clock.now_ms())
