"""Writing to a record: one commit, atomic, whether it holds one resource or thousands.

Parse and validate, enter, resolve references, make the versions, commit in one transaction. What
another writer won is decided again on what stands now; an Idempotency-Key gives its first answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from dmp.domain.caller import Caller
from dmp.domain.identifiers import ResourceId, commit_id
from dmp.domain.journal import Action, disclosure
from dmp.domain.refusals import (
    IdempotencyConflict,
    Invalid,
    Issue,
    NotFound,
    PreconditionFailed,
    Refusal,
    TooLarge,
    Unavailable,
)
from dmp.fhir import bundle, compartment
from dmp.fhir.validator import validate
from dmp.use_cases import links
from dmp.use_cases.changes import (
    Change,
    Held,
    Workshop,
    patient_of,
    target,
)
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit, opening
from dmp.use_cases.ports import Clock, Directory, Raced, Records, Write
from dmp.use_cases.written import (
    Render,
    Request,
    Written,
    bundle_answer,
    once_key,
    once_of,
    one_answer,
)

CHANGED_MAX = 80
NAMED_MAX = 20
_OPENS: Mapping[str, Action] = {"create": "create", "update": "update", "delete": "delete"}


class RecordWrites:
    """Create, update, delete and transaction over one patient's record."""

    def __init__(self, records: Records, directory: Directory, clock: Clock, base: str) -> None:
        self._records = records
        self._directory = directory
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)

    def create(self, request: Request, resource_type: str, resource: dict[str, Any]) -> Written:
        """`POST /fhir/{type}`: 201 with Location, ETag and, unless minimal, the resource."""
        _writable(resource_type, "type")
        request.caller.require_scope(resource_type, "create")
        _check(resource_type, resource)
        change = Change("create", resource_type, resource_type, resource)
        return self._write(
            request,
            [change],
            "create",
            one_answer(self._base, representation=request.representation),
        )

    def update(
        self,
        request: Request,
        name: tuple[str, str],
        resource: dict[str, Any],
        if_match: str | None,
    ) -> Written:
        """`PUT /fhir/{type}/{id}`: 200, or 201 when the id is the client's own and new."""
        kind, text = name
        _writable(kind, "type")
        request.caller.require_scope(kind, "update")
        _check(kind, resource)
        if resource.get("id") != text:
            raise Invalid("the resource's id must be the one in the URL", f"{kind}.id")
        wanted = target(text, request.caller, kind)
        change = Change("update", kind, kind, resource, wanted, if_match)
        return self._write(
            request,
            [change],
            "update",
            one_answer(self._base, representation=request.representation),
        )

    def delete(self, request: Request, name: tuple[str, str], if_match: str | None) -> Written:
        """`DELETE /fhir/{type}/{id}`: 204, also when it was deleted before."""
        kind, text = name
        _writable(kind, "type")
        request.caller.require_scope(kind, "delete")
        wanted = target(text, request.caller, kind)
        change = Change("delete", kind, kind, None, wanted, if_match)
        return self._write(
            request,
            [change],
            "delete",
            one_answer(self._base, representation=request.representation),
        )

    def transaction(self, request: Request, content: dict[str, Any]) -> Written:
        """`POST /fhir`: every entry in one commit, or none."""
        entries = bundle.entries_of(content)
        if content["type"] != "transaction":
            raise Invalid("only transactions are served, not batches", "Bundle.type")
        changes = [_change(entry, request.caller) for entry in entries]
        if (
            sum(change.kind != "create" or change.id is not None for change in changes)
            > CHANGED_MAX
        ):
            text = f"at most {CHANGED_MAX} entries may update, delete or bring their own id"
            raise TooLarge(text, "Bundle.entry")
        issues = [
            issue for change in changes if change.resource is not None for issue in _faults(change)
        ]
        if issues:
            raise Invalid(issues[:100])
        if not changes:
            raise Invalid("a transaction has at least one entry", "Bundle.entry")
        known = {name for change in changes for name in change.names}
        resources = [(e.index, e.resource) for e in entries if e.resource is not None]
        if broken := bundle.unresolved(resources, known):
            raise Invalid(broken[:NAMED_MAX])
        return self._write(
            request, changes, "transaction", bundle_answer(representation=request.representation)
        )

    def _write(
        self, request: Request, changes: Sequence[Change], action: Action, render: Render
    ) -> Written:
        patient = patient_of(changes, request.caller)
        if request.caller.kind == "patient" and patient != request.caller.patient:
            raise NotFound("there is no such record for this token")
        linked = links.outward(changes, patient)
        wanted = [*((c.type, c.id) for c in changes if c.id), *linked.values()]
        query = request.query
        ask = Ask(request.caller, patient, "write", action, query, request.request, wanted)
        for _ in range(TRIES_MAX):
            visit = self._gate.enter(ask)
            try:
                return self._commit(visit, request, changes, linked, render)
            except (Refusal, Raced) as stopped:
                if request.idempotency_key and (first := self._first_answer(visit, request)):
                    return first
                if isinstance(stopped, Refusal):
                    raise
                if "pointer" in stopped.races and any(c.if_match for c in changes):
                    text = "another writer changed it first"
                    raise PreconditionFailed(text, "If-Match") from None
        raise Unavailable("other writers kept winning")

    def _commit(
        self,
        visit: Visit,
        request: Request,
        changes: Sequence[Change],
        linked: links.Links,
        render: Render,
    ) -> Written:
        held = self._held(visit)
        links.require(visit, linked, held, changes)
        mapping = self._resolved(changes)
        at_ms = self._clock.now_ms()
        commit = commit_id(at_ms, self._clock.random_bits(35))
        workshop = Workshop(visit, commit, at_ms, self._clock)
        ids = workshop.ids(changes)
        for change, name in zip(changes, ids, strict=True):
            mapping.update(dict.fromkeys(change.names, f"{change.type}/{name.text}"))
        made = [
            workshop.make(change, name, _rewritten(change, mapping), held)
            for change, name in zip(changes, ids, strict=True)
        ]
        versions = [m.version for m in made if m.version is not None]
        answer = render(made, at_ms)
        if not versions:
            return answer
        names, digest = disclosure((v.name for v in versions), commit, visit.standing.version)
        entry = replace(self._gate.entry(visit, "permit", visit.rule), what=names, disclosed=digest)
        access, notice = opening(visit, entry)
        write = Write(
            patient=visit.ask.patient,
            commit=commit,
            versions=versions,
            entry=entry,
            policy=visit.standing.version,
            pointers=[m.pointer for m in made if m.pointer is not None],
            access=access,
            notice=notice,
            once=once_of(request, answer, at_ms),
        )
        self._records.commit(visit.door, write)
        return answer

    def _held(self, visit: Visit) -> Held:
        """What stands now of the ids asked for; one more batch if any was updated before."""
        pointers, held = visit.door.pointers, visit.door.commits
        updated = [pointers[n.text].commits[-1] for _, n in visit.ask.wanted if n.text in pointers]
        if updated:
            held = {**held, **self._records.versions(visit.door, updated)}
        return Held(pointers, held)

    def _resolved(self, changes: Sequence[Change]) -> dict[str, str]:
        """Directory references of the conditional ones; 422 naming the first 20 unknown."""
        resources = [(i, dict(c.resource)) for i, c in enumerate(changes) if c.resource]
        uses = bundle.conditional_references(resources)
        if not uses:
            return {}
        found = self._directory.references(list(uses))
        missing = [
            Issue("no such entry in the directory", places[0], "not-found")
            for text, places in uses.items()
            if text not in found
        ]
        if missing:
            raise Invalid(missing[:NAMED_MAX])
        return dict(found)

    def _first_answer(self, visit: Visit, request: Request) -> Written | None:
        used = self._records.used(visit.door, once_key(request), visit.now_ms // 1000)
        if used is None:
            return None
        digest, answer = used
        if digest != request.digest:
            raise IdempotencyConflict("the Idempotency-Key was used with another request")
        return Written.from_bytes(answer)


def _writable(resource_type: str, expression: str) -> None:
    if resource_type not in compartment.writable():
        if resource_type in compartment.served():
            raise Invalid(f"{resource_type} is not written through this route", expression)
        raise NotFound("the resource type is not served", expression)


def _check(resource_type: str, resource: dict[str, Any]) -> None:
    if resource.get("resourceType") != resource_type:
        raise Invalid("the resource is not of the type in the URL", "resourceType")
    if issues := validate(resource):
        raise Invalid(issues)


def _faults(change: Change) -> list[Issue]:
    return validate(dict(change.resource or {}), path=change.path)


def _change(entry: bundle.Entry, caller: Caller) -> Change:
    """An entry as a change: POST creates, PUT updates, DELETE deletes."""
    path = f"Bundle.entry[{entry.index}]"
    kind, _, text = entry.url.partition("/")
    if entry.if_none_exist is not None or "?" in entry.url:
        raise Invalid("conditional create, update and delete are not served", f"{path}.request")
    if entry.method not in ("POST", "PUT", "DELETE"):
        raise Invalid("entries may be POST, PUT or DELETE", f"{path}.request.method")
    _writable(kind, f"{path}.request.url")
    interaction = {"POST": "create", "PUT": "update", "DELETE": "delete"}[entry.method]
    caller.require_scope(kind, interaction)
    name: ResourceId | None = None
    if entry.method != "POST":
        name = target(text, caller, f"{path}.resource")
    return Change(
        kind=interaction,  # type: ignore[arg-type]  # one of the three by the table above
        type=kind,
        path=f"{path}.resource",
        resource=entry.resource,
        id=name,
        if_match=entry.if_match,
        names=tuple(bundle.names_of(entry)),
    )


def _rewritten(change: Change, mapping: Mapping[str, str]) -> Mapping[str, Any] | None:
    if change.resource is None:
        return None
    return bundle.rewrite(dict(change.resource), mapping)
