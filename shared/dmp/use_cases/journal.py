"""The journal as its patient reads it: who, when, what, by which rule, refusals too.

Whoever looks at it is journalled like any other. Besides the patient, delegates with that power
read it, but no entry that tells of what is sealed from them, and auditors its metadata; of both the
patient is told as of any access.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from dmp.domain.access import Item, Permit, decide
from dmp.domain.caller import Caller
from dmp.domain.consent import POWERS
from dmp.domain.directory import AUDIT_PURPOSES
from dmp.domain.grants import REVIEWERS
from dmp.domain.identifiers import is_entry_id, is_patient_id
from dmp.domain.journal import Entry, entry_of, metadata_of
from dmp.domain.refusals import BadParameter, NoPermit, NotFound
from dmp.fhir.audit_event import audit_event
from dmp.fhir.search_values import relative
from dmp.use_cases.access_queries import Request
from dmp.use_cases.gate import NO_PERMIT, Ask, Gate, Reading, Visit
from dmp.use_cases.journal_searches import TYPE, JournalSearches, Leaves
from dmp.use_cases.ports import Clock, Records

_AUDIT = "audit"
_JOURNAL = Item(TYPE, "")
T = TypeVar("T")


class Journal:
    """AuditEvents and leaves; each look is journalled before it is answered."""

    def __init__(self, records: Records, leaves: Leaves, clock: Clock, base: str) -> None:
        self._leaves = leaves
        self._base = base
        self._searches = JournalSearches(leaves, clock, base)
        self.doors = JournalDoors(records, clock)

    def search(self, request: Request, parameters: Sequence[tuple[str, str]]) -> bytes:
        """A searchset, newest first unless sorted by `date`; see dmp.use_cases.journal_searches."""
        wanted = self._searches.of(parameters, lenient=request.lenient)
        patient = self._patient(request.caller, wanted.listing.parameters)
        caller = request.caller
        caller.require_scope(TYPE, "search")
        ask = Ask(caller, patient, "read", "search", request.query, request.request)

        def work(visit: Visit) -> Reading[bytes]:
            return self._searches.read(wanted, visit, self.doors.shown(visit))

        return self.doors.read(ask, work)

    def read(self, caller: Caller, request: str, text: str) -> bytes:
        """One AuditEvent."""

        def work(visit: Visit) -> Reading[bytes]:
            leaf = self._leaves.leaf(visit.door, text[21:])
            entry = None if leaf is None else self.doors.shown(visit)(entry_of(leaf))
            return _absent() if entry is None else _named(audit_event(entry), text)

        return self.doors.read(_ask(caller, request, text), work)

    def leaf(self, caller: Caller, request: str, text: str) -> bytes:
        """The exact bytes whose hash is in the log; they tell all, so that no auditor gets them."""

        def work(visit: Visit) -> Reading[bytes]:
            leaf = self._leaves.leaf(visit.door, text[21:])
            if leaf is None or self.doors.shown(visit)(entry_of(leaf)) is None:
                return _absent()
            return _named(leaf, text)

        return self.doors.read(_ask(caller, request, text), work, whole=True)

    def _patient(self, caller: Caller, parameters: Sequence[tuple[str, str]]) -> str:
        """The record that the search names, or the token's own."""
        named = set()
        for name, value in parameters:
            kind, _, own = relative(value, self._base).rpartition("/")
            if (name == "patient" and kind in ("", "Patient")) or (name, kind) == (
                "entity", "Patient",
            ):  # fmt: skip
                named.add(own)
        if not named and caller.kind == "patient":
            return caller.patient or ""
        if len(named) != 1 or not all(map(is_patient_id, named)):
            raise BadParameter("a search names exactly one patient", "patient")
        (patient,) = named
        return patient


class JournalDoors:
    """Who may look at a journal, and how it is told."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self.gate = Gate(records, clock)
        self._records = records

    def read(self, ask: Ask, work: Callable[[Visit], Reading[T]], *, whole: bool = False) -> T:
        """What `work` reads, once that is journalled; the `whole` is not for auditors."""
        return self.gate.read(ask, work, partial(self.admit, whole=whole))

    def admit(self, ask: Ask, *, whole: bool) -> Visit:
        """Like `Gate.enter`, for a journal: patient, delegate with that power, or auditor."""
        if ask.caller.kind == "patient":
            visit = self.gate.enter(ask)
            decision = visit.decides(_JOURNAL)
            if not isinstance(decision, Permit):
                self.gate.refuse(visit, decision.rule)
            return visit
        entered = self.gate.knock(ask)
        if entered is None:
            raise NoPermit(NO_PERMIT)
        if whole or not is_auditor(ask.caller):
            self.gate.refuse(entered, "patient-only")
        return replace(entered, rule=_AUDIT)

    def shown(self, visit: Visit) -> Callable[[Entry], Entry | None]:
        """An entry as who asks may see it; None when it is not for them."""
        if visit.ask.caller.kind == "practitioner":
            return metadata_of
        hidden = set() if visit.ask.own else self._hidden(visit)
        if not hidden:
            return lambda entry: entry
        return lambda entry: None if _tells_of(hidden, entry) else entry

    def _hidden(self, visit: Visit) -> set[str]:
        """Ids of what is sealed from a delegate, whatever other powers they lack."""
        whole = tuple(replace(d, powers=POWERS) for d in visit.standing.delegates)
        standing = replace(visit.standing, delegates=whole)
        return {
            v.id
            for v in self._records.state(visit.door).current.values()
            if not isinstance(decide(visit.asking, standing, v.item), Permit)
        }


def is_auditor(caller: Caller) -> bool:
    """Whether they hold the role, and ask for what it is there for."""
    return caller.role in REVIEWERS and caller.purpose in AUDIT_PURPOSES


def _tells_of(hidden: set[str], entry: Entry) -> bool:
    named = {what.split("/")[1] for what in entry.what if "/" in what} | {entry.consent}
    told = any(name in entry.query for name in hidden)
    return bool(entry.disclosed) or told or not named.isdisjoint(hidden)


def _ask(caller: Caller, request: str, text: str) -> Ask:
    if not is_entry_id(text):
        raise NotFound("there is no such entry", "id")
    caller.require_scope(TYPE, "read")
    return Ask(caller, text[:20], "read", "read", f"{TYPE}/{text}", request)


def _named(body: bytes, text: str) -> Reading[bytes]:
    return Reading(body, [f"{TYPE}/{text}"], text[21:])


def _absent() -> Reading[bytes]:
    return Reading(NotFound("there is no such entry", "id"))
