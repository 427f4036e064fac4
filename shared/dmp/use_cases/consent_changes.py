"""The patient's consents: each change is a version in the record and the next standing, at once.

The transaction that holds the Consent's version replaces STANDING and moves GUARD, so a revocation
is in force for every request that looks at GUARD after its acknowledgement.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dmp.domain.caller import Caller
from dmp.domain.consent import Standing
from dmp.domain.identifiers import ResourceId, commit_id, resource_id
from dmp.domain.journal import Action
from dmp.domain.record import Version
from dmp.domain.refusals import (
    ContactJustChanged,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    Refusal,
    StrongerSignInNeeded,
    Unavailable,
)
from dmp.domain.widening import widens
from dmp.fhir.consent import compile_consent
from dmp.fhir.grants import require_untouched
from dmp.fhir.json_reader import reread
from dmp.fhir.validator import validate
from dmp.use_cases import care_teams
from dmp.use_cases.changes import Change, Workshop, patient_of
from dmp.use_cases.delegations import by_delegate
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit, opening
from dmp.use_cases.held import Held, newest_commit
from dmp.use_cases.ports import Clock, Raced, Records, Write
from dmp.use_cases.written import Request, Written, first_answer, once_key, once_of, one_answer

CONSENT = "Consent"


class ConsentChanges:
    """Create, update and delete of Consent, by the patient and who has their power over it."""

    def __init__(self, records: Records, clock: Clock, base: str) -> None:
        self._records = records
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)

    def create(self, request: Request, resource: dict[str, Any]) -> Written:
        """`POST /fhir/Consent`: 201; in force at once when its status is active."""
        patient_only(request.caller)
        request.caller.require_scope(CONSENT, "create", by_content=True)
        _check(resource)
        return self._change(request, Change("create", CONSENT, CONSENT, resource))

    def update(
        self, request: Request, text: str, resource: dict[str, Any], if_match: str | None
    ) -> Written:
        """`PUT /fhir/Consent/{id}`; `status: inactive` revokes."""
        patient_only(request.caller)
        request.caller.require_scope(CONSENT, "update", by_content=True)
        _check(resource)
        if resource.get("id") != text:
            raise Invalid("the resource's id must be the one in the URL", "Consent.id")
        name = _named(text)
        return self._change(request, Change("update", CONSENT, CONSENT, resource, name, if_match))

    def revoke(self, request: Request, text: str, if_match: str | None) -> Written:
        """`DELETE /fhir/Consent/{id}`: 204, also when it was revoked so before."""
        patient_only(request.caller)
        request.caller.require_scope(CONSENT, "delete", by_content=True)
        name = _named(text)
        return self._change(request, Change("delete", CONSENT, CONSENT, None, name, if_match))

    def _change(self, request: Request, change: Change) -> Written:
        patient = patient_of([change], request.caller)
        provisions = compile_consent(change.resource, "", "") if change.resource else ()
        wanted = care_teams.named_by(provisions, patient)
        if change.id:
            wanted.append((CONSENT, change.id))
        act: Action = "delete" if change.kind == "delete" else "consent"
        ask = Ask(request.caller, patient, "write", act, request.query, request.request, wanted)
        for _ in range(TRIES_MAX):
            visit = self._gate.enter(ask)
            try:
                return self._commit(visit, request, change)
            except (Refusal, Raced) as stopped:
                if request.idempotency_key:
                    key, now = once_key(request), visit.now_ms // 1000
                    if first := first_answer(request, self._records.used(visit.door, key, now)):
                        return first
                if isinstance(stopped, Raced) and "contact" in stopped.races:
                    stopped = ContactJustChanged()
                if isinstance(stopped, Forbidden | NotFound):
                    self._gate.refused(visit, stopped.code)
                if isinstance(stopped, Refusal):
                    raise stopped from None
                if "pointer" in stopped.races and change.if_match:
                    text = "another writer changed it first"
                    raise PreconditionFailed(text, "If-Match") from None
        raise Unavailable("other writers kept winning")

    def _commit(self, visit: Visit, request: Request, change: Change) -> Written:
        at_ms = self._clock.now_ms()
        commit = commit_id(at_ms, self._clock.random_bits(35))
        workshop, held = Workshop(visit, commit, at_ms, self._clock), self._held(visit)
        (name,) = workshop.ids([change])
        made = workshop.make(change, name, change.resource, held)
        _keep_grants(change, held)
        version = made.version
        if version is None:
            return Written(204, {}, b"")
        standing = _next(visit, change, version, held)
        wider = widens(visit.standing, standing)
        if wider and not visit.asking.strong:
            raise StrongerSignInNeeded
        answer = one_answer(self._base, request)([made], at_ms)
        entry = replace(self._gate.entry(visit, "permit", visit.rule), what=(version.name,))
        access, notice = opening(visit, entry)
        self._records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=commit,
                versions=[version],
                entry=entry,
                policy=visit.standing.version,
                pointers=[made.pointer] if made.pointer else [],
                once=once_of(request, answer, at_ms),
                standing=standing,
                access=access,
                notice=by_delegate(visit, entry) or notice,
                contact_at=at_ms // 1000 if wider else 0,
            ),
        )
        return answer

    def _held(self, visit: Visit) -> Held:
        pointers = visit.door.pointers
        newest = (newest_commit(pointers.get((t, n.text)), n) for t, n in visit.ask.wanted)
        commits = [commit for commit in newest if commit]
        return Held(pointers, self._records.versions(visit.door, commits) if commits else {})


def _next(visit: Visit, change: Change, version: Version, held: Held) -> Standing:
    if change.resource is None:
        return visit.standing.with_consent(version.id, ())
    provisions = compile_consent(change.resource, version.id, version.at)
    named = [(kind, name) for kind, name in visit.ask.wanted if kind == care_teams.CARE_TEAM]
    teams = care_teams.teams_held(named, held)
    return visit.standing.with_consent(version.id, provisions, teams)


def _keep_grants(change: Change, held: Held) -> None:
    """What the server granted is the patient's to end, and nobody's to make or to stretch."""
    if change.resource is not None:
        before = held.current(CONSENT, change.id) if change.id else None
        body = reread(before.body) if before is not None and before.body else None
        require_untouched(body, change.resource)


def patient_only(caller: Caller) -> None:
    """Refuse any caller but a patient."""
    if caller.kind != "patient":
        raise Forbidden("only the patient changes or reads their consents")


def _named(text: str) -> ResourceId:
    name = resource_id(text)
    if name is None or name.commit is None:
        raise NotFound("there is no such resource", "id")
    return name


def _check(resource: dict[str, Any]) -> None:
    if resource.get("resourceType") != CONSENT:
        raise Invalid("a Consent is expected", "resourceType")
    if issues := validate(resource):
        raise Invalid(issues)
    compile_consent(resource, "", "")
