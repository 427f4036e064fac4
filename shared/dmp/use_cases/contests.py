"""A patient contests a break-glass: it ends if it is live, and the officer must look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmp.domain import grants as rules
from dmp.domain.identifiers import commit_id, resource_id
from dmp.domain.record import Version
from dmp.domain.refusals import Invalid, NotFound, Unavailable
from dmp.fhir.json_reader import reread
from dmp.fhir.parameters import taken
from dmp.use_cases.changes import Change, Made, Workshop
from dmp.use_cases.consent_changes import CONSENT, patient_only
from dmp.use_cases.delegations import by_delegate
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit, opening
from dmp.use_cases.grant_ports import ReviewList
from dmp.use_cases.held import Held, newest_commit
from dmp.use_cases.ports import Clock, Raced, Records, Write
from dmp.use_cases.written import Request, Written, once_of, one_answer

_TEXT = "Parameters.parameter.where(name='text').value"


@dataclass(frozen=True, slots=True)
class Contests:
    """`$contest`."""

    records: Records
    reviews: ReviewList
    clock: Clock
    base: str

    def contest(self, request: Request, text: str, content: Mapping[str, Any]) -> Written:
        """200 with the Consent, inactive (204 once deleted); 404 for any but a break-glass."""
        patient_only(request.caller)
        request.caller.require_scope(CONSENT, "update")
        words = " ".join(taken(content, {"text": "valueString"})["text"].split())
        if not rules.TEXT_MIN <= len(words) <= rules.TEXT_MAX:
            raise Invalid(f"{rules.TEXT_MIN} to {rules.TEXT_MAX} characters are needed", _TEXT)
        name = resource_id(text)
        if name is None or name.commit is None:
            raise NotFound("there is no such break-glass", "id")
        ask = Ask(
            request.caller, name.patient, "write", "consent", request.query, request.request,
            [(CONSENT, name)],
        )  # fmt: skip
        for _ in range(TRIES_MAX):
            visit = Gate(self.records, self.clock).enter(ask)
            change = Change("update", CONSENT, CONSENT, id=name)
            try:
                return self._commit(visit, request, change, words)
            except Raced:
                continue
        raise Unavailable("other writers kept winning")

    def _commit(self, visit: Visit, request: Request, change: Change, words: str) -> Written:
        held, before = self._held(visit, change)
        review = self.reviews.reviews([before.id]).get(before.id)
        if review is None:
            raise NotFound("there is no such break-glass", "id")
        at_ms = self.clock.now_ms()
        commit = commit_id(at_ms, self.clock.random_bits(35))
        body = {} if before.deleted else reread(before.body)
        made = Made(change, None)
        if body.get("status") == "active":
            change = replace(change, resource={**body, "status": "inactive"})
            workshop = Workshop(visit, commit, at_ms, self.clock)
            assert change.id is not None
            made = workshop.make(change, change.id, change.resource, held)
        told = made if made.version else Made(replace(change, found=before), None)
        answer = one_answer(self.base, request)([told], at_ms)
        versions = [made.version] if made.version else []
        entry = replace(
            Gate(self.records, self.clock).entry(visit, "permit", "contest"),
            what=tuple(v.name for v in versions),
            reason={"text": words},
        )
        access, notice = opening(visit, entry)
        self.records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=commit,
                versions=versions,
                entry=entry,
                policy=visit.standing.version,
                pointers=[made.pointer] if made.pointer else [],
                once=once_of(request, answer, at_ms),
                standing=visit.standing.with_consent(before.id, ()) if versions else None,
                access=access,
                notice=by_delegate(visit, entry) or notice,
                review=replace(review, state="contested", contest=entry.entry, outcome=""),
            ),
        )
        return answer

    def _held(self, visit: Visit, change: Change) -> tuple[Held, Version]:
        assert change.id is not None
        commit = newest_commit(visit.door.pointers.get((CONSENT, change.id.text)), change.id)
        commits = self.records.versions(visit.door, [commit]) if commit else {}
        held = Held(visit.door.pointers, commits)
        before = held.current(CONSENT, change.id)
        if before is None or not visit.sees(before.item):
            raise NotFound("there is no such break-glass", "id")
        return held, before
