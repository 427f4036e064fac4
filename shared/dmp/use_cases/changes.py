"""From what a client sent to versions of resources: names, ids, references, who may change what."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qsl

from dmp.domain.access import Permit
from dmp.domain.caller import Caller, letter_of
from dmp.domain.identifiers import ResourceId, base32hex, resource_id
from dmp.domain.instants import instant
from dmp.domain.record import PATIENT, Version
from dmp.domain.refusals import (
    BadParameter,
    Gone,
    Invalid,
    Issue,
    NoPermit,
    NotAuthor,
    NotFound,
    PreconditionFailed,
    TooLarge,
)
from dmp.fhir import compartment, json_reader
from dmp.fhir.labelling import labelled
from dmp.fhir.search_parameters import patient_path
from dmp.fhir.validator import validate
from dmp.use_cases.gate import NO_PERMIT, Visit
from dmp.use_cases.held import Held
from dmp.use_cases.ports import Clock, Pointer
from dmp.use_cases.restrictions import readable, scoped, within

RESOURCE_BYTES_MAX = 1024 * 1024
Kind = Literal["create", "update", "patch", "delete", "nothing"]
Patch = Callable[[dict[str, Any]], dict[str, Any]]
Linked = Callable[["Change", Version], None]
_ETAG = re.compile(r'(?:W/)?"([0-9]{1,9})"\Z')


@dataclass(frozen=True, slots=True)
class Change:
    """One thing to do. `path` is where it stands in the request; `names` what others call it.

    `criteria` is a search that stands for the id (of a create: that must find nothing); settled,
    `found` is what it found. `nothing` is a change that has come to nothing.
    """

    kind: Kind
    type: str
    path: str
    resource: Mapping[str, Any] | None = None
    id: ResourceId | None = None
    if_match: str | None = None
    if_none_match: str | None = None
    names: tuple[str, ...] = ()
    criteria: str | None = None
    patch: Patch | None = None
    found: Version | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a change: the new version, and the pointer that moves with it.

    `version` is None when nothing was left to do: a deletion repeated, a conditional create that
    found `change.found`. Not `shown` is what was found or patched and may not be read.
    """

    change: Change
    version: Version | None
    pointer: Pointer | None = None
    shown: bool = True


def target(text: str, caller: Caller, path: str) -> ResourceId:
    """The id of an update or deletion; 422 when no client of that prefix may bring it."""
    parsed = resource_id(text)
    if parsed is None or parsed.text == parsed.patient:
        expected = f"an id is <patient>.{caller.prefix or '<prefix>'}-<own part>, or one we gave"
        raise Invalid(expected, f"{path}.id")
    if parsed.prefix is not None and parsed.prefix != caller.prefix:
        text = f"a client's own ids begin with its registered prefix, {caller.prefix or 'none'}"
        raise Invalid(text, f"{path}.id")
    return parsed


def patient_of(changes: Sequence[Change], caller: Caller) -> str:
    """The one record that every change belongs to; 422 when they name several or none."""
    named: set[str] = {change.id.patient for change in changes if change.id}
    issues = []
    for change in changes:
        if change.resource is None:
            named |= patients_in(change.criteria or "")
            continue
        found = compartment.patients(frozenset(compartment.references(change.resource)))
        named |= found
        if not found and compartment.needs_patient(change.type):
            text = "the resource must refer to its patient as Patient/<id>"
            place = f"{change.path}.{patient_path(change.type)}"
            issues.append(Issue(text, place, "required"))
    if issues:
        raise Invalid(issues)
    if caller.kind == "patient" and not named:
        return caller.patient or ""
    if len(named) != 1:
        raise Invalid("a request is about exactly one patient, named Patient/<id>", "subject")
    return named.pop()


def patients_in(criteria: str) -> set[str]:
    """The patients that a search names."""
    pairs = parse_qsl(criteria, keep_blank_values=True)
    return {v.removeprefix("Patient/") for name, v in pairs if name in ("patient", "subject")}


def etag_of(text: str | None) -> int | None:
    """The version that If-Match names."""
    if text is None:
        return None
    match = _ETAG.match(text.strip())
    if match is None:
        raise BadParameter('If-Match must be a version in the form W/"1"', "If-Match")
    return int(match[1])


class Workshop:
    """Makes versions under one commit id; every id it gives is new within the commit.

    `linked` refuses what a patched resource newly refers to and may not.
    """

    def __init__(
        self,
        visit: Visit,
        commit: str,
        at_ms: int,
        clock: Clock,
        linked: Linked = lambda *_: None,
    ) -> None:
        self._linked = linked
        self._visit = visit
        self._commit = commit
        self._at = instant(at_ms)
        self._clock = clock
        self._suffixes: set[str] = set()
        self._caller = caller = visit.ask.caller
        self._author = PATIENT if caller.kind == "patient" else caller.organization or ""
        self._writers = () if caller.kind == "patient" else _names(caller)

    def ids(self, changes: Sequence[Change]) -> list[ResourceId]:
        """The id of each change, in order: its own, or a new one."""
        return [change.id or self._new_id() for change in changes]

    def _new_id(self) -> ResourceId:
        while (suffix := base32hex(self._clock.random_bits(20), 4)) in self._suffixes:
            pass
        self._suffixes.add(suffix)
        patient = self._visit.ask.patient
        return ResourceId(f"{patient}.{self._commit}.{suffix}", patient, self._commit, None)

    def make(
        self, change: Change, name: ResourceId, resource: Mapping[str, Any] | None, held: Held
    ) -> Made:
        """The change's version, if the caller may make it on what the record holds now."""
        if change.kind == "nothing":
            found = change.found
            return Made(change, None, shown=found is None or readable(self._caller, found))
        if change.kind == "create":
            made = self._permitted(self.version(change, name, resource, None))
            return Made(change, scoped(self._caller, change.kind, made, change.path))
        before = held.current(change.type, name)
        if before is None and (name.commit or change.kind == "patch"):
            raise NotFound("there is no such resource", f"{change.path}.id")
        self._may_change(before, change)
        if change.patch is not None:
            resource = _patched(existing(before), change)
            self._linked(replace(change, resource=resource), existing(before))
        if change.kind == "delete" and (before is None or before.deleted):
            return Made(change, None)
        version = self._permitted(self.version(change, name, resource, before))
        pointer = held.next_pointer(change.type, name, self._commit)
        shown = change.patch is None or (
            self._visit.sees(version.item) and readable(self._caller, version)
        )
        version = scoped(self._caller, change.kind, version, change.path)
        return Made(change, version, pointer, shown)

    def _may_change(self, before: Version | None, change: Change) -> None:
        wanted = etag_of(change.if_match)
        if before is not None:
            own = before.origin == self._author
            seen = self._visit.sees(before.item)
            permitted = isinstance(self._visit.decides(before.item), Permit)
            covered = before.deleted or within(self._caller, letter_of(change.kind), before)
            if not covered or (not seen and not (own and permitted)):  # from its author too
                raise NotFound("there is no such resource", f"{change.path}.id")
            if not own:
                text = "only the organisation that wrote version 1 may change it"
                raise NotAuthor(text, change.path)
        if wanted is not None and (before is None or before.version != wanted):
            raise PreconditionFailed("If-Match does not name the current version", change.path)
        if change.if_none_match == "*" and before is not None and not before.deleted:
            raise PreconditionFailed("If-None-Match: the resource exists", change.path)

    def _permitted(self, version: Version) -> Version:
        if not isinstance(self._visit.decides(version.item), Permit):
            raise NoPermit(NO_PERMIT)
        return version

    def version(
        self,
        change: Change,
        name: ResourceId,
        resource: Mapping[str, Any] | None,
        before: Version | None,
    ) -> Version:
        """The version after `before`, whether it is permitted or not."""
        number = before.version + 1 if before else 1
        made = Version(
            type=change.type,
            id=name.text,
            version=number,
            at=self._at,
            commit=self._commit,
            author=self._author,
            origin=before.origin if before else self._author,
            writers=before.writers if before else self._writers,
        )
        if resource is None:
            kept = before or made
            return made._replace(
                deleted=True, labels=kept.labels, encounter=kept.encounter, date=kept.date,
                categories=kept.categories, references=kept.references,
            )  # fmt: skip
        resource, labels = labelled(resource, before)
        body = json_reader.write(stamped(resource, name.text, number, self._at))
        if len(body) > RESOURCE_BYTES_MAX:
            raise TooLarge(f"a resource is at most {RESOURCE_BYTES_MAX} bytes", change.path)
        return made._replace(
            body=body,
            date=compartment.clinical_date(resource),
            encounter=compartment.encounter(resource),
            labels=labels,
            categories=compartment.categories(resource),
            references=_references(resource, name.patient),
        )


def _references(resource: Mapping[str, Any], patient: str) -> tuple[str, ...]:
    """`Type/id` of whatever it refers to: by these a seal reaches it."""
    own = compartment.addressed(resource, patient)
    return tuple(sorted({*compartment.references(resource), *own}))


def _names(caller: Caller) -> tuple[str, ...]:
    """By what the writer is known, beside the organisation's INPE number."""
    known = (
        ("", caller.practitioner), ("Practitioner/", caller.practitioner_id),
        ("Organization/", caller.organization_id),
    )  # fmt: skip
    return tuple(kind + name for kind, name in known if name)


def existing(version: Version | None) -> Version:
    """The version, unless it is absent (404) or a deletion (410)."""
    if version is None:
        raise NotFound("there is no such resource", "id")
    if version.deleted:
        raise Gone("the resource was deleted", "id")
    return version


def _patched(before: Version, change: Change) -> dict[str, Any]:
    """What the patch makes of the current version: valid, and of the same patient."""
    assert change.patch is not None
    made = change.patch(json_reader.reread(before.body))
    if issues := validate(made, path=change.path):
        raise Invalid(issues)
    return made


def stamped(resource: Mapping[str, Any], name: str, version: int, at: str) -> dict[str, Any]:
    """The resource as it is kept: our id, and our version and time in `meta`."""
    ours = {"versionId": str(version), "lastUpdated": at}
    meta = {**{k: v for k, v in resource.get("meta", {}).items() if k not in ours}, **ours}
    first = {"resourceType": resource["resourceType"], "id": name, "meta": meta}
    return {**first, **{k: v for k, v in resource.items() if k not in first}}
