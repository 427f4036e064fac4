"""One commit, atomic, whether it holds one resource or thousands.

Enter, settle what is conditional, resolve references, make the versions, commit in one transaction.
What another writer won is decided again on what stands now; an Idempotency-Key gives its first
answer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dmp.domain.identifiers import commit_id
from dmp.domain.journal import Action, Entry, disclosure
from dmp.domain.record import Version
from dmp.domain.refusals import (
    ContactJustChanged,
    Forbidden,
    Invalid,
    Issue,
    NotFound,
    PreconditionFailed,
    Refusal,
    StrongerSignInNeeded,
    Unavailable,
)
from dmp.domain.widening import widens
from dmp.fhir import bundle
from dmp.use_cases import care_teams, links
from dmp.use_cases.activation_ports import Macs
from dmp.use_cases.changes import Change, Made, Workshop, patient_of
from dmp.use_cases.conditions import Conditions, Settled, swaps_of
from dmp.use_cases.delegations import Delegations, by_delegate, settled_at
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit, opening
from dmp.use_cases.held import Held, newest_commit
from dmp.use_cases.ports import Clock, Directory, Raced, Records, Write
from dmp.use_cases.written import Render, Request, Written, first_answer, once_key, once_of

NAMED_MAX = 20
# Shared by every record: what refers to them by identifier is looked up there.
_DIRECTORY = ("Location", "Organization", "Practitioner", "PractitionerRole")


@dataclass(frozen=True, slots=True)
class Work:
    """A request and the changes it asks for; what the record must hold for them is `linked`."""

    request: Request
    changes: Sequence[Change]
    linked: links.Links
    render: Render


class Committer:
    """Turns changes into one commit of one record."""

    def __init__(self, records: Records, directory: Directory, clock: Clock, macs: Macs) -> None:
        self._records = records
        self._directory = directory
        self._clock = clock
        self._gate = Gate(records, clock)
        self._delegations = Delegations(records, macs, clock)
        self._conditions = Conditions(records)

    def write(
        self, request: Request, changes: Sequence[Change], action: Action, render: Render
    ) -> Written:
        """The answer that `render` makes of what the changes have become."""
        patient = patient_of(changes, request.caller)
        linked = links.outward(changes, patient)
        wanted = [*((c.type, c.id) for c in changes if c.id), *linked.values()]
        caller, told, name = request.caller, request.query, request.request
        ask = Ask(caller, patient, "write", action, told, name, wanted)
        work = Work(request, changes, linked, render)
        for _ in range(TRIES_MAX):
            visit = self._gate.enter(ask)
            try:
                return self._settle(visit, work)
            except (Refusal, Raced) as stopped:
                if request.idempotency_key and (first := self._first_answer(visit, request)):
                    return first
                if isinstance(stopped, Raced) and "contact" in stopped.races:
                    stopped = ContactJustChanged()
                if isinstance(stopped, Forbidden | NotFound):
                    self._gate.refused(visit, stopped.code)
                if isinstance(stopped, Refusal):
                    raise stopped from None
                if "pointer" in stopped.races and any(c.if_match for c in changes):
                    text = "another writer changed it first"
                    raise PreconditionFailed(text, "If-Match") from None
        raise Unavailable("other writers kept winning")

    def _settle(self, visit: Visit, work: Work) -> Written:
        """Give conditional changes their ids, and enter again for what stands under them."""
        settled = self._conditions.settle(visit, work.changes)
        if settled.changes is not work.changes:
            wanted = [*((c.type, c.id) for c in settled.changes if c.id), *work.linked.values()]
            again = self._gate.enter(replace(visit.ask, wanted=wanted))
            if again.standing.version != visit.standing.version:
                raise Raced(frozenset({"policy"}))
            visit = again
        return self._commit(visit, work, settled)

    def _commit(self, visit: Visit, work: Work, settled: Settled) -> Written:
        held = self._held(visit)
        links.require(visit, work.linked, held, work.changes)
        mapping = self._resolved(visit, settled.changes)
        at_ms = self._clock.now_ms()
        commit = commit_id(at_ms, self._clock.random_bits(35))
        linked = partial(self._linked, visit, links.brought_by(settled.changes))
        workshop = Workshop(visit, commit, at_ms, self._clock, linked)
        made = _made(workshop, settled.changes, mapping, held)
        answer = work.render(made, at_ms)
        versions = [m.version for m in made if m.version is not None]
        # what a conditional create found leaves with the answer: it is told like what is read
        told = [
            v.name for v in (*versions, *(m.change.found for m in made if m.shown)) if v is not None
        ]
        names, digest = disclosure(told, commit, visit.standing.version)
        entry = replace(self._gate.entry(visit, "permit", visit.rule), what=names, disclosed=digest)
        if not versions:
            return self._unchanged(visit, work.request, entry, answer)
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
            once=once_of(work.request, _kept(work, made, answer, at_ms), at_ms),
            swaps=swaps_of(settled.guards, commit, at_ms),
        )
        self._records.commit(visit.door, self._with_standing(visit, write, made))
        return answer

    def _linked(
        self, visit: Visit, brought: Collection[str], change: Change, before: Version
    ) -> None:
        """What a patch newly refers to must be there, as for an update; looked at by itself."""
        known = {*before.references, *brought}
        added = links.outward([change], visit.ask.patient, known)
        if added:
            again = self._gate.enter(replace(visit.ask, wanted=list(added.values())))
            if again.standing.version != visit.standing.version:
                raise Raced(frozenset({"policy"}))
            links.require(again, added, self._held(again), [change])

    def _with_standing(self, visit: Visit, write: Write, made: Sequence[Made]) -> Write:
        """What is in force then: a change of delegates, or of a care team that consents name."""
        teams = care_teams.standing_after(visit.standing, write.versions)
        effect = self._delegations.effect(visit, teams or visit.standing, made)
        standing = effect.standing if effect else teams
        if standing is None:
            return write
        standing = replace(standing, version=visit.standing.version + 1)
        wider = widens(visit.standing, standing)
        if wider and not visit.asking.strong:
            raise StrongerSignInNeeded
        write = replace(write, standing=standing, contact_at=settled_at(write) if wider else 0)
        if effect is None:
            return replace(write, notice=by_delegate(visit, write.entry) or write.notice)
        (version,) = (v for v in write.versions if v.id == effect.related)
        telling = self._delegations.telling(visit, effect, version)
        return replace(write, notice=effect.notice(write.entry), telling=telling)

    def _unchanged(self, visit: Visit, request: Request, entry: Entry, answer: Written) -> Written:
        """Nothing to commit: journalled, and guarded, as a read is; or the key's first answer."""
        if request.idempotency_key and (first := self._first_answer(visit, request)):
            return first
        if not self._gate.releases(visit, entry):
            raise Raced(frozenset({"policy"}))
        return answer

    def _held(self, visit: Visit) -> Held:
        """What stands now of the ids asked for; one more batch if any was updated before."""
        pointers = visit.door.pointers
        commits = [
            newest_commit(pointers.get((kind, name.text)), name) for kind, name in visit.ask.wanted
        ]
        wanted = [c for c in commits if c]
        return Held(pointers, self._records.versions(visit.door, wanted) if wanted else {})

    def _resolved(self, visit: Visit, changes: Sequence[Change]) -> dict[str, str]:
        """What conditional references mean: an entry of the directory, or of the record itself."""
        resources = [(i, dict(c.resource)) for i, c in enumerate(changes) if c.resource]
        uses = bundle.conditional_references(resources)
        shared = {t: places for t, places in uses.items() if t.partition("?")[0] in _DIRECTORY}
        own = {t: places for t, places in uses.items() if t not in shared}
        return {**self._listed(shared), **self._conditions.references(visit, own)}

    def _listed(self, uses: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Directory references; 422 naming the first 20 unknown."""
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
        return first_answer(request, used)


def _kept(work: Work, made: Sequence[Made], answer: Written, at_ms: int) -> Written:
    """What an Idempotency-Key answers again: of a patched resource no more than that it was.

    Whoever repeats a create or an update has the content in hand; a patch alone has not.
    """
    if all(m.change.patch is None for m in made):
        return answer
    return work.render([replace(m, shown=m.change.patch is None) for m in made], at_ms)


def _made(
    workshop: Workshop, changes: Sequence[Change], mapping: dict[str, str], held: Held
) -> list[Made]:
    ids = workshop.ids(changes)
    for change, name in zip(changes, ids, strict=True):
        mapping.update(dict.fromkeys(change.names, f"{change.type}/{name.text}"))
    return [
        workshop.make(change, name, _rewritten(change, mapping), held)
        for change, name in zip(changes, ids, strict=True)
    ]


def _rewritten(change: Change, mapping: Mapping[str, str]) -> Mapping[str, Any] | None:
    if change.resource is None:
        return None
    return bundle.rewrite(dict(change.resource), mapping)
