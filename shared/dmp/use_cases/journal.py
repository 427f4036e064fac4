"""The journal as its patient reads it: who, when, what, by which rule, refusals too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from dmp.domain.caller import Caller
from dmp.domain.identifiers import is_entry_id
from dmp.domain.instants import in_utc, instant
from dmp.domain.journal import Action, Entry, entry_of
from dmp.domain.refusals import BadParameter, Forbidden, NotFound
from dmp.fhir import bundle
from dmp.fhir.audit_event import audit_event
from dmp.use_cases.gate import Ask, Gate, Visit
from dmp.use_cases.ports import Clock, Door, Records

COUNT_DEFAULT = 50
COUNT_MAX = 200
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
        self._leaves = leaves
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)

    def search(self, caller: Caller, request: str, parameters: Sequence[tuple[str, str]]) -> bytes:
        """A searchset, newest first: `patient` or `entity`, `date`, `_count`, `_page`."""
        asked = _Asked(parameters)
        patient = asked.patient or caller.patient or ""
        if caller.kind == "patient" and patient != caller.patient:
            raise NotFound("there is no such record for this token")
        visit = self._enter(caller, request, patient, "search")
        found: list[Entry] = []
        before = asked.before
        while len(found) <= asked.count:
            page = self._leaves.entries(visit.door, before, COUNT_MAX)
            found += [entry for entry in page if asked.within(entry.at)]
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
        if not is_entry_id(text) or (caller.kind == "patient" and text[:20] != caller.patient):
            raise NotFound("there is no such entry", "id")
        visit = self._enter(caller, request, text[:20], "read")
        leaf = self._leaves.leaf(visit.door, text[21:])
        if leaf is None:
            raise NotFound("there is no such entry", "id")
        return leaf

    def _enter(self, caller: Caller, request: str, patient: str, action: Action) -> Visit:
        if caller.kind != "patient":
            raise Forbidden("only the patient reads their journal")
        caller.require_scope("AuditEvent", action)
        return self._gate.enter(Ask(caller, patient, "read", action, "AuditEvent", request))


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
