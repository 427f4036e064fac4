"""A registrar makes somebody the guardian of a patient, or ends it, upon an act of law.

No consent of the patient's is asked. The RelatedPerson says why and by which act; the journal keeps
both, and the patient is told. Activation of a minor takes the same step.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_id, resource_id
from dmp.domain.journal import Action
from dmp.domain.refusals import Forbidden, Invalid, NoPermit, Refusal, Unavailable
from dmp.fhir import delegation
from dmp.fhir.json_reader import reread
from dmp.fhir.validator import validate
from dmp.use_cases import links
from dmp.use_cases.activation_ports import Macs
from dmp.use_cases.changes import Change, Made, Workshop, patient_of
from dmp.use_cases.delegations import RELATED, Delegations
from dmp.use_cases.gate import NO_PERMIT, TRIES_MAX, Ask, Gate, Visit
from dmp.use_cases.held import Held, newest_commit
from dmp.use_cases.ports import Clock, Raced, Records, Write
from dmp.use_cases.written import (
    Request,
    Written,
    first_answer,
    once_key,
    once_of,
    one_answer,
)

REGISTRAR = "registrar"
RULE = "registrar"


class Guardianship:
    """`POST` and `DELETE` of RelatedPerson by a registrar."""

    def __init__(self, records: Records, clock: Clock, macs: Macs, base: str) -> None:
        self._records = records
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)
        self._delegations = Delegations(records, macs, clock)

    @staticmethod
    def is_for(caller: Caller, resource_type: str) -> bool:
        """Whether a registrar writes a RelatedPerson: then it is a guardian or nothing."""
        return caller.role == REGISTRAR and resource_type == RELATED

    def appoint(self, request: Request, resource: dict[str, Any]) -> Written:
        """201 with the RelatedPerson, in force at once."""
        request.caller.require_scope(RELATED, "create")
        if resource.get("resourceType") != RELATED:
            raise Invalid("a RelatedPerson is expected", "resourceType")
        if issues := validate(resource):
            raise Invalid(issues)
        delegation.guardianship_of(resource, RELATED)
        if delegation.delegate_of(resource, RELATED) is None:
            text = f"a guardian is active and has powers, {delegation.POWER}"
            raise Invalid(text, f"{RELATED}.extension")
        change = Change("create", RELATED, RELATED, resource)
        patient = patient_of([change], request.caller)
        if links.outward([change], patient):
            raise Invalid("a guardian refers to the patient alone", RELATED)
        return self._settle(request, change, patient)

    def end(self, request: Request, text: str) -> Written:
        """204; the guardian of any registrar's is over."""
        request.caller.require_scope(RELATED, "delete")
        name = resource_id(text)
        if name is None or name.commit is None:
            raise NoPermit(NO_PERMIT)
        return self._settle(request, Change("delete", RELATED, RELATED, None, name), name.patient)

    def _settle(self, request: Request, change: Change, patient: str) -> Written:
        wanted = [(RELATED, change.id)] if change.id else []
        act: Action = "delete" if change.kind == "delete" else "consent"
        ask = Ask(request.caller, patient, "write", act, request.query, request.request, wanted)
        for _ in range(TRIES_MAX):
            visit = self._gate.knock(ask)
            if visit is None:
                raise NoPermit(NO_PERMIT)
            try:
                return self._commit(replace(visit, rule=RULE), request, change)
            except (Refusal, Raced) as stopped:
                if request.idempotency_key:
                    key, now = once_key(request), visit.now_ms // 1000
                    if first := first_answer(request, self._records.used(visit.door, key, now)):
                        return first
                if isinstance(stopped, Forbidden):
                    self._gate.refused(visit, stopped.code)
                if isinstance(stopped, Refusal):
                    raise
        raise Unavailable("other writers kept winning")

    def _commit(self, visit: Visit, request: Request, change: Change) -> Written:
        at_ms = self._clock.now_ms()
        commit = commit_id(at_ms, self._clock.random_bits(35))
        workshop, held = Workshop(visit, commit, at_ms, self._clock), self._held(visit, change)
        (name,) = workshop.ids([change])
        before = held.current(RELATED, name) if change.id else None
        if change.kind == "delete" and all(
            d.kind != "guardian" or d.related != name.text for d in visit.standing.delegates
        ):
            raise NoPermit(NO_PERMIT)
        version = workshop.version(change, name, change.resource, before)
        effect = self._delegations.of(visit.standing, version, RELATED, "guardian")
        assert effect is not None  # powers were asked for, or are taken
        pointer = held.next_pointer(RELATED, name, commit) if before else None
        answer = one_answer(self._base, request)([Made(change, version, pointer)], at_ms)
        said = reread((before or version).body)
        entry = replace(
            self._gate.entry(visit, "permit", RULE),
            what=(version.name,),
            reason=delegation.guardianship_of(said, RELATED),
        )
        self._records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=commit,
                versions=[version],
                entry=entry,
                policy=visit.standing.version,
                pointers=[pointer] if pointer else [],
                notice=effect.notice(entry),
                once=once_of(request, answer, at_ms),
                standing=effect.standing,
                telling=self._delegations.telling(visit, effect, version),
            ),
        )
        return answer

    def _held(self, visit: Visit, change: Change) -> Held:
        pointers = visit.door.pointers
        commit = change.id and newest_commit(pointers.get((RELATED, change.id.text)), change.id)
        return Held(pointers, self._records.versions(visit.door, [commit]) if commit else {})
