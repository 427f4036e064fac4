"""Who acts for a patient: RelatedPersons with powers, in force from their version's own commit.

The patient alone makes and changes delegates; guardians are the registrar's
(dmp.use_cases.guardianship). Whoever is named is told in their own record if they have one. Nothing
in the answer depends on whether they do: who has none is nobody's delegate until they have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dmp.domain.access import Item, Permit
from dmp.domain.consent import Delegate, DelegateKind, Standing
from dmp.domain.identifiers import commit_id, commit_millis
from dmp.domain.journal import Entry, who_of
from dmp.domain.notices import Kind, Notice, reference_of
from dmp.domain.record import PATIENT, Version
from dmp.domain.refusals import Forbidden, Gone, Invalid, Issue, NoPermit
from dmp.fhir import delegation, json_reader
from dmp.use_cases.activation_ports import Macs
from dmp.use_cases.changes import Made
from dmp.use_cases.gate import NO_PERMIT, Visit
from dmp.use_cases.ports import Clock, Door, Records, Telling, Write

RELATED = "RelatedPerson"
DELEGATES_MAX = 20
_ONLY_PATIENT = "only the patient makes and changes who acts for them"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a write does to who acts for the patient, and what they are told of it."""

    standing: Standing
    related: str
    kind: Kind
    name: str
    delegate: Delegate | None

    def notice(self, entry: Entry) -> Notice:
        """What the patient is told, at once."""
        return Notice(
            kind=self.kind,
            at=entry.at,
            reference=reference_of(entry.entry),
            due=commit_millis(entry.entry) // 1000,
            practitioner=self.name,
        )


@dataclass(frozen=True, slots=True)
class Delegations:
    """Reads what a write says of delegates."""

    records: Records
    macs: Macs
    clock: Clock

    def effect(self, visit: Visit, standing: Standing, made: Sequence[Made]) -> Effect | None:
        """What the versions do to `standing`; None when none gives, changes or takes a power.

        Refused by name: powers from anybody but the patient, and two delegates in one request.
        """
        about = [
            (one, one.version)
            for one in made
            if one.version is not None
            and one.version.type == RELATED
            and (_empowered(one.version) or _known(standing, one.version.id))
        ]
        if not about:
            return None
        if not visit.ask.own:
            raise _refused(about[0])
        if len(about) > 1:
            text = "a request makes or changes one delegate at a time"
            raise Invalid(text, about[1][0].change.path)
        ((one, version),) = about
        return self.of(standing, version, one.change.path, "delegate")

    def of(
        self, standing: Standing, version: Version, path: str, kind: DelegateKind
    ) -> Effect | None:
        """What one RelatedPerson does; None when it neither gave nor gives a power."""
        before = _known(standing, version.id)
        delegate = self._delegate(version, path, kind)
        after = standing.with_delegates(version.id, [delegate] if delegate else [])
        if len(after.delegates) > DELEGATES_MAX:
            raise Invalid(f"at most {DELEGATES_MAX} persons act for a patient", path)
        if delegate is not None:
            return Effect(after, version.id, "new-delegate", delegate.name, delegate)
        if before is None:
            return None
        return Effect(after, version.id, "ended-delegate", before.name, None)

    def telling(self, visit: Visit, effect: Effect, version: Version) -> Telling | None:
        """What the person named is told, if they have a record."""
        person = effect.delegate.person if effect.delegate else ""
        if not person or person == visit.ask.patient:
            return None
        try:
            door = self.records.enter(person, visit.ask.caller)
        except Gone:  # erased since
            return None
        if not isinstance(door, Door) or not door.active:
            return None
        now_ms = self.clock.now_ms()
        entry = Entry(
            id=f"{person}.{commit_id(now_ms, self.clock.random_bits(35))}",
            at=version.at,
            action="consent",
            outcome="permit",
            rule="chosen-delegate",
            who=who_of(visit.ask.caller, person),
            purpose=visit.ask.caller.purpose,
            salt=f"{self.clock.random_bits(128):032x}",
            request=visit.ask.request,
            what=(version.name,),
        )
        notice = Notice(
            kind="chosen-delegate",
            at=entry.at,
            reference=reference_of(entry.entry),
            due=now_ms // 1000,
        )
        return Telling(door, entry, notice)

    def _delegate(self, version: Version, path: str, kind: DelegateKind) -> Delegate | None:
        if version.deleted:
            return None
        person = json_reader.reread(version.body)
        if kind == "delegate" and version.origin == PATIENT:
            _no_guardianship(person, path)
        delegate = delegation.delegate_of(person, path)
        if delegate is None:
            return None
        identifier = self.macs.identifier(*delegation.identifier_of(person))
        found = self.records.persons([identifier])
        return replace(
            delegate,
            kind=kind,
            related=version.id,
            identifier=identifier,
            person=found.get(identifier, ""),
        )


def by_delegate(visit: Visit, entry: Entry) -> Notice | None:
    """What the patient is told at once when who acts for them changes their consents.

    None when they did it themselves; NoPermit without the power over consents.
    """
    if visit.ask.own:
        return None
    if not isinstance(visit.decides(Item("Consent", "")), Permit):
        raise NoPermit(NO_PERMIT)
    return Notice(
        kind="consent",
        at=entry.at,
        reference=reference_of(entry.entry),
        due=commit_millis(entry.entry) // 1000,
        practitioner=visit.delegate.name if visit.delegate else "",
    )


def settled_at(write: Write) -> int:
    """The instant within a day of which the contact must not have changed."""
    return commit_millis(write.commit) // 1000


def _empowered(version: Version) -> bool:
    return not version.deleted and delegation.has_powers(json_reader.reread(version.body))


def _known(standing: Standing, related: str) -> Delegate | None:
    return next((d for d in standing.delegates if d.related == related), None)


def _no_guardianship(person: Mapping[str, Any], path: str) -> None:
    for i, extension in enumerate(person.get("extension", ())):
        if extension.get("url") == delegation.GUARDIANSHIP:
            text = "only a registrar makes a guardian"
            raise Invalid(text, f"{path}.extension[{i}]")


def _refused(about: tuple[Made, Version]) -> Invalid | Forbidden:
    one, version = about
    path = one.change.path
    if version.deleted or not _empowered(version):
        return Forbidden(_ONLY_PATIENT, path)
    place = delegation.place_of(json_reader.reread(version.body), path)
    return Invalid([Issue(_ONLY_PATIENT, place, "forbidden")])
