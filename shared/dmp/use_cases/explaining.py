"""`$explain` and `$simulate`: the patient sees who could read what, before and after a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from dmp.domain.access import PATIENT_ONLY, Item
from dmp.domain.consent import Standing
from dmp.domain.explaining import (
    SIMULATED,
    Finding,
    Known,
    differences,
    explained,
    known_to,
    taken_along,
    with_seal,
)
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.refusals import Invalid, NotFound
from dmp.fhir.consent import compile_consent
from dmp.fhir.explanations import Names, Say, explanation, simulation
from dmp.fhir.grants import require_untouched
from dmp.fhir.json_reader import reread
from dmp.fhir.parameters import patient_in, taken
from dmp.use_cases.consent_changes import CONSENT, patient_only
from dmp.use_cases.gate import NO_RECORD, Ask, Gate, Reading, Visit
from dmp.use_cases.grant_ports import Meetings
from dmp.use_cases.ports import Clock, Door, Records
from dmp.use_cases.written import Request

T = TypeVar("T")
SEEN_MAX = 200  # entries of the journal that are looked through for actors
ACTORS_MAX = 50
_ONE_OF = {"consent": "resource?", "revoke": "valueReference?", "seal": "valueReference?"}
_PATIENT = {"patient": "valueReference?"}
_CONSENTS, _JOURNAL = Item(CONSENT, ""), Item("AuditEvent", "")


class Seen(Protocol):
    """The journal of a record."""

    def entries(self, door: Door, before: str, limit: int) -> Sequence[Entry]:
        """Newest first."""


class Explanations(Protocol):
    """Sentences of rules in the patient's language."""

    def say(self, language: str) -> Say:
        """The sentence of a rule, for somebody's name."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The record as its patient sees it: items, who is known, and how they are called."""

    visit: Visit
    now: str
    items: tuple[Item, ...]
    seen: tuple[Mapping[str, str], ...]
    names: Names
    say: Say

    def everybody(self, *standings: Standing) -> list[Known]:
        """Those who are named or seen, as many as are looked at."""
        return known_to(standings, self.seen)[:ACTORS_MAX]


@dataclass(frozen=True, slots=True)
class Overview:
    """Who could read the record now and by which rule, and what is in force, for a page."""

    standing: Standing
    findings: Sequence[Finding]
    names: Names
    say: Say
    now: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """Who could read how much today, and were a consent in force; `items` is all there is."""

    before: Sequence[Finding]
    after: Sequence[Finding]
    items: int


class Explaining:
    """Both operations, also for a page; each calls `decide` and nothing else for its answer."""

    def __init__(
        self,
        records: Records,
        journal: Seen,
        meetings: Meetings,
        explanations: Explanations,
        clock: Clock,
    ) -> None:
        self._records = records
        self._journal = journal
        self._meetings = meetings
        self._explanations = explanations
        self._clock = clock

    def explain(self, request: Request, content: Mapping[str, Any]) -> bytes:
        """Who could read the item, or the record, today."""
        values = taken(content, {"item": "valueReference?", **_PATIENT})
        patient = _about(request, values)

        def work(scene: Scene) -> bytes:
            items = scene.items
            if "item" in values:
                items = (_item(scene, values["item"], "item"),)
            standing = scene.visit.standing
            found = explained(scene.everybody(standing), standing, items, scene.now)
            return explanation(found, scene.names, scene.say)

        return self._answer(request, patient, work)

    def simulate(self, request: Request, content: Mapping[str, Any]) -> bytes:
        """What a consent, its revocation or a seal would change; nothing is written."""
        values = taken(content, {**_ONE_OF, **_PATIENT})
        patient = _about(request, values)
        values.pop("patient", None)
        if len(values) != 1:
            raise Invalid(f"exactly one of {', '.join(_ONE_OF)} is needed", "Parameters.parameter")

        def work(scene: Scene) -> bytes:
            before, along = scene.visit.standing, None
            after = _after(scene, values)
            if "seal" in values:
                along = taken_along(str(values["seal"].get("reference")), scene.items)
            everybody = scene.everybody(before, after)
            found = differences(everybody, (before, after), scene.items, scene.now)
            return simulation(found, along, scene.names, scene.say)

        return self._answer(request, patient, work)

    def overview(self, request: Request, language: str) -> Overview:
        """What `explain` tells of the caller's own record, in the language of a page."""

        def work(scene: Scene) -> Overview:
            standing = scene.visit.standing
            found = explained(scene.everybody(standing), standing, scene.items, scene.now)
            say = self._explanations.say(language)
            return Overview(standing, found, scene.names, say, scene.now)

        return self._answer(request, request.caller.patient or "", work)

    def outlook(self, request: Request, consent: dict[str, Any]) -> Outlook:
        """Before and after a consent for the caller's own record; nothing is written."""

        def work(scene: Scene) -> Outlook:
            before, after = scene.visit.standing, _after(scene, {"consent": consent})
            everybody = scene.everybody(before, after)
            items, now = scene.items, scene.now
            found = (explained(everybody, standing, items, now) for standing in (before, after))
            return Outlook(next(found), next(found), len(items))

        return self._answer(request, request.caller.patient or "", work)

    def _answer(self, request: Request, patient: str, work: Callable[[Scene], T]) -> T:
        caller = request.caller
        patient_only(caller)
        caller.require_scope(CONSENT, "read")
        ask = Ask(caller, patient, "read", "operation", request.query, request.request)

        def read(visit: Visit) -> Reading[T]:
            if not visit.sees(_CONSENTS):
                return Reading(NotFound(NO_RECORD))
            try:
                return Reading(work(self._scene(visit)))
            except NotFound as absent:
                return Reading(absent)

        return Gate(self._records, self._clock).read(ask, read)

    def _scene(self, visit: Visit) -> Scene:
        names = Names()
        versions = self._records.state(visit.door).living()
        for version in versions:
            if version.type == CONSENT:
                names.learn_consent(reread(version.body))
        told = visit.sees(_JOURNAL)  # a delegate may have no power over the journal
        entries = self._journal.entries(visit.door, "", SEEN_MAX) if told else ()
        for entry in entries:
            names.learn_who(entry.who)
        items = [v.item for v in versions if v.type not in PATIENT_ONLY]
        contact = self._meetings.contact(visit.door)
        return Scene(
            visit=visit,
            now=instant(visit.now_ms),
            items=tuple(sorted((i for i in items if visit.sees(i)), key=lambda i: (i.type, i.id))),
            seen=tuple(entry.who for entry in entries),
            names=names,
            say=self._explanations.say(contact.language if contact else "fr"),
        )


def _about(request: Request, values: Mapping[str, Any]) -> str:
    """The record that a delegate names; else the caller's own."""
    return patient_in(values) if "patient" in values else request.caller.patient or ""


def _after(scene: Scene, values: Mapping[str, Any]) -> Standing:
    standing = scene.visit.standing
    if "seal" in values:
        item = _item(scene, values["seal"], "seal")
        return with_seal(standing, f"{item.type}/{item.id}", scene.now)
    if "revoke" in values:
        kind, _, name = str(values["revoke"].get("reference", "")).partition("/")
        if kind != CONSENT or all(p.consent != name for p in standing.provisions):
            raise NotFound("no such consent is in force", _where("revoke"))
        return standing.with_consent(name, ())
    consent = values["consent"]
    about = consent.get("patient", {}).get("reference")
    if consent.get("resourceType") != CONSENT or about != f"Patient/{standing.owner}":
        raise Invalid("a Consent of the patient's own is needed", _where("consent"))
    require_untouched(None, consent)
    scene.names.learn_consent(consent)
    name = consent.get("id", SIMULATED)
    return standing.with_consent(name, compile_consent(consent, name, scene.now))


def _item(scene: Scene, reference: Mapping[str, Any], name: str) -> Item:
    wanted = reference.get("reference")
    for item in scene.items:
        if f"{item.type}/{item.id}" == wanted:
            return item
    raise NotFound("there is no such item", _where(name))


def _where(name: str) -> str:
    return f"Parameters.parameter.where(name='{name}')"
