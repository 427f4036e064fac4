"""An author who may not enter any more still withdraws their own entry: entered in error.

The patch sets that status and does nothing else, on a resource that holds nothing else: so the
answer cannot depend on what the record says. It is empty, journalled by rule `author`, and told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmp.domain.access import Permit, may_enter
from dmp.domain.identifiers import commit_id
from dmp.domain.record import Version
from dmp.domain.refusals import Refusal, Unavailable
from dmp.fhir.json_reader import reread
from dmp.fhir.validator import validate
from dmp.use_cases.changes import Change, Workshop
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit, opening
from dmp.use_cases.held import Held, newest_commit
from dmp.use_cases.ports import Clock, Raced, Records, Write
from dmp.use_cases.restrictions import within
from dmp.use_cases.written import Request, Written

RULE = "author"
ERROR = "entered-in-error"
_DONE = Written(200, {}, b"")
# What a patch is tried on: neither says anything of the resource that it is meant for.
_STATUS = {"status": "unknown"}
_VERIFICATION = {"verificationStatus": {"coding": [{"code": "unconfirmed"}]}}


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """What is left to an author whom no consent lets in."""

    records: Records
    clock: Clock

    def withdraw(self, request: Request, change: Change) -> Written | None:
        """200 without a body; None when it is no withdrawal, or the door is open or not theirs."""
        part = _withdrawal(change)
        if request.caller.kind != "practitioner" or part is None or change.id is None:
            return None
        gate = Gate(self.records, self.clock)
        ask = Ask(
            request.caller, change.id.patient, "write", "update", request.query, request.request,
            [(change.type, change.id)],
        )  # fmt: skip
        for _ in range(TRIES_MAX):
            visit = gate.knock(ask)
            if visit is None or isinstance(may_enter(visit.asking, visit.standing), Permit):
                return None
            held = self._held(visit, change)
            before = held.current(change.type, change.id)
            if before is None or not _is_theirs(visit, before):
                return None
            try:
                return self._commit(visit, change, held, {**reread(before.body), **part})
            except Raced:
                continue
        raise Unavailable("other writers kept winning")

    def _commit(
        self, visit: Visit, change: Change, held: Held, resource: Mapping[str, Any]
    ) -> Written | None:
        if validate(dict(resource)):  # the type has no such status
            return None
        at_ms = self.clock.now_ms()
        commit = commit_id(at_ms, self.clock.random_bits(35))
        assert change.id is not None
        before = held.current(change.type, change.id)
        workshop = Workshop(visit, commit, at_ms, self.clock)
        version = workshop.version(change, change.id, resource, before)
        entry = Gate(self.records, self.clock).entry(visit, "permit", RULE)
        entry = replace(entry, what=(version.name,))
        access, notice = opening(visit, entry)
        self.records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=commit,
                versions=[version],
                entry=entry,
                policy=visit.standing.version,
                pointers=[held.next_pointer(change.type, change.id, commit)],
                access=access,
                notice=notice,
            ),
        )
        return _DONE

    def _held(self, visit: Visit, change: Change) -> Held:
        assert change.id is not None
        pointers = visit.door.pointers
        commit = newest_commit(pointers.get((change.type, change.id.text)), change.id)
        return Held(pointers, self.records.versions(visit.door, [commit]) if commit else {})


def _is_theirs(visit: Visit, before: Version) -> bool:
    caller = visit.ask.caller
    return (
        not before.deleted and before.origin == caller.organization and within(caller, "u", before)
    )


def _withdrawal(change: Change) -> dict[str, Any] | None:
    """The one element that the patch sets; None when it does, or looks at, anything else."""
    if change.patch is None or change.if_match is not None:
        return None
    for element in (_STATUS, _VERIFICATION):
        probe = {"resourceType": change.type, **element}
        try:
            made = change.patch({**probe})
        except Refusal:
            continue
        (name,) = element
        part = {name: made.get(name)}
        if made == {**probe, **part} and _is_error(part[name]):
            return part
    return None


def _is_error(value: Any) -> bool:
    if isinstance(value, Mapping):
        coding = value.get("coding") or ()
        return bool(coding) and all(c.get("code") == ERROR for c in coding) and len(value) == 1
    return bool(value == ERROR)
