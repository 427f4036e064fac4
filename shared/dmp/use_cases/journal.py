"""The journal as its patient reads it: who, when, what, by which rule, refusals too.

A delegate with the power reads it as well, is journalled and told for it, and sees no entry that
tells of what is sealed from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from dmp.domain.access import Item, Permit, decide
from dmp.domain.caller import Caller
from dmp.domain.consent import POWERS
from dmp.domain.identifiers import is_entry_id
from dmp.domain.instants import in_utc, instant
from dmp.domain.journal import Action, Entry, entry_of
from dmp.domain.refusals import BadParameter, Forbidden, NotFound, Refusal
from dmp.fhir import bundle
from dmp.fhir.audit_event import audit_event
from dmp.use_cases.gate import NO_RECORD, Ask, Gate, Reading, Visit
from dmp.use_cases.ports import Clock, Door, Records

COUNT_DEFAULT = 50
COUNT_MAX = 200
_JOURNAL = Item("AuditEvent", "")
T = TypeVar("T")


class Leaves(Protocol):
    """Entries of one record, opened."""

    def entries(self, door: Door, before: str, limit: int) -> list[Entry]:
        """Newest first, older than the entry `before` (empty: the newest)."""

    def leaf(self, door: Door, entry: str) -> bytes | None:
        """The exact bytes of one, or None."""


class Journal:
    """AuditEvents and leaves, for the patient whose record it is."""

    def __init__(self, records: Records, leaves: Leaves, clock: Clock, base: str) -> None:
        self._records = records
        self._leaves = leaves
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)

    def search(self, caller: Caller, request: str, parameters: Sequence[tuple[str, str]]) -> bytes:
        """A searchset, newest first: `patient` or `entity`, `date`, `_count`, `_page`."""
        asked = _Asked(parameters)
        patient = asked.patient or caller.patient or ""
        ask = _ask(caller, request, patient, "search")
        return self._answer(ask, lambda visit: Reading(self._found(visit, asked)))

    def _found(self, visit: Visit, asked: _Asked) -> bytes:
        patient, shows = visit.ask.patient, self._shown(visit)
        found: list[Entry] = []
        before = asked.before
        while len(found) <= asked.count:
            page = self._leaves.entries(visit.door, before, COUNT_MAX)
            found += [entry for entry in page if asked.within(entry.at) and shows(entry)]
            if len(page) < COUNT_MAX or page[-1].at < asked.since:
                break
            before = page[-1].entry
        shown = found[: asked.count]
        links = [("self", f"{self._base}/AuditEvent?patient={patient}")]
        if len(found) > len(shown):
            onward = f"{asked.kept}&_page={shown[-1].entry}"
            links.append(("next", f"{self._base}/AuditEvent?patient={patient}{onward}"))
        return bundle.searchset(
            [(f"{self._base}/AuditEvent/{e.id}", audit_event(e), "match") for e in shown],
            total=None,
            links=links,
            last_updated=instant(visit.now_ms),
        )

    def read(self, caller: Caller, request: str, text: str) -> bytes:
        """One AuditEvent."""
        return audit_event(entry_of(self.leaf(caller, request, text)))

    def leaf(self, caller: Caller, request: str, text: str) -> bytes:
        """The exact bytes whose hash is in the log."""
        if not is_entry_id(text):
            raise NotFound("there is no such entry", "id")

        def work(visit: Visit) -> Reading[bytes]:
            leaf = self._leaves.leaf(visit.door, text[21:])
            if leaf is None or not self._shown(visit)(entry_of(leaf)):
                return Reading(NotFound("there is no such entry", "id"))
            return Reading(leaf)

        return self._answer(_ask(caller, request, text[:20], "read"), work)

    def _answer(self, ask: Ask, work: Callable[[Visit], Reading[bytes]]) -> bytes:
        """The patient's own look at the journal is no access; anybody else's is."""

        def allowed(visit: Visit) -> Reading[bytes]:
            if not visit.sees(_JOURNAL):
                return Reading(NotFound(NO_RECORD))
            return work(visit)

        if not ask.own:
            return self._gate.read(ask, allowed)
        answer = work(self._gate.enter(ask)).answer
        if isinstance(answer, Refusal):
            raise answer
        return answer

    def _shown(self, visit: Visit) -> Callable[[Entry], bool]:
        """Whether an entry may be seen: by a delegate, if it tells of nothing sealed from them."""
        if visit.ask.own:
            return lambda _: True
        whole = tuple(replace(d, powers=POWERS) for d in visit.standing.delegates)
        standing = replace(visit.standing, delegates=whole)
        state = self._records.state(visit.door)
        hidden = {
            v.id
            for v in state.current.values()
            if not isinstance(decide(visit.asking, standing, v.item), Permit)
        }

        def shows(entry: Entry) -> bool:
            if not hidden:
                return True
            named = {what.split("/")[1] for what in entry.what} | {entry.consent}
            told = any(name in entry.query for name in hidden)
            return not entry.disclosed and named.isdisjoint(hidden) and not told

        return shows


def _ask(caller: Caller, request: str, patient: str, action: Action) -> Ask:
    if caller.kind != "patient":
        raise Forbidden("only the patient reads their journal, and who has their power to")
    caller.require_scope("AuditEvent", action)
    return Ask(caller, patient, "read", action, "AuditEvent", request)


class _Asked:
    """The parameters of a search, each refused by name when it cannot be served."""

    def __init__(self, parameters: Sequence[tuple[str, str]]) -> None:
        self.patient = ""
        self.before = ""
        self.since = ""
        self.until = "~"
        self.count = COUNT_DEFAULT
        self.kept = ""
        readers: dict[str, Callable[[str], None]] = {
            "patient": self._patient, "entity": self._patient, "date": self._date,
            "_count": self._count, "_page": self._page,
        }  # fmt: skip
        for name, value in parameters:
            if name not in readers:
                raise BadParameter("not a parameter of AuditEvent that is served", name)
            readers[name](value)
            if name in ("date", "_count"):
                self.kept += "&" + urlencode({name: value})

    def within(self, at: str) -> bool:
        """Whether an instant is in the dates asked for."""
        return self.since <= at < self.until

    def _patient(self, value: str) -> None:
        self.patient = value.removeprefix("Patient/")

    def _count(self, value: str) -> None:
        if not value.isdecimal() or not 0 < int(value) <= COUNT_MAX:
            raise BadParameter(f"_count is a whole number from 1 to {COUNT_MAX}", "_count")
        self.count = int(value)

    def _page(self, value: str) -> None:
        if len(value) != 16 or not value.isalnum():
            raise BadParameter("not a page link of ours", "_page")
        self.before = value

    def _date(self, value: str) -> None:
        prefix, rest = (value[:2], value[2:]) if value[:2].isalpha() else ("eq", value)
        try:
            first, after = in_utc(rest), in_utc(rest, end=True)
            if "T" in rest:  # a time lasts as long as it is told: a second or a millisecond
                after = (first if "." in rest else first[:-5] + ".999Z") + "~"
        except ValueError:
            raise BadParameter("not a date", "date") from None
        if prefix not in ("eq", "ge", "gt", "le", "lt"):
            raise BadParameter("date takes eq, ge, gt, le or lt", "date")
        if prefix in ("eq", "ge"):
            self.since = max(self.since, first)
        if prefix == "gt":
            self.since = max(self.since, after)
        if prefix in ("eq", "le"):
            self.until = min(self.until, after)
        if prefix == "lt":
            self.until = min(self.until, first)
