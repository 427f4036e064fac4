"""The journal for a portal and to take away: the list of accesses, and exports as FHIR and CSV.

Both take `from` and `to`, days (included) or instants. An export is a disclosure: journalled page
by page, and told to the patient when it begins.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dmp.domain.identifiers import commit_id, is_patient_id
from dmp.domain.instants import in_utc, instant
from dmp.domain.journal import Action, Entry
from dmp.domain.notices import Notice, reference_of
from dmp.domain.refusals import BadParameter, Forbidden, Unavailable
from dmp.domain.usage import Usage, accesses
from dmp.use_cases.access_queries import Request
from dmp.use_cases.export_pages import ENTRIES_MAX, FORMATS, MEDIA_TYPES, ExportPage, Headings
from dmp.use_cases.gate import TRIES_MAX, Ask, Reading, Visit
from dmp.use_cases.journal import JournalDoors
from dmp.use_cases.journal_searches import TYPE, Leaves
from dmp.use_cases.listings import PAGE, Listing
from dmp.use_cases.pages import bound_to
from dmp.use_cases.ports import Raced, Records, Span, Write

LIMIT_DEFAULT, LIMIT_MAX = 100, 1000
_SLACK_MS = 2000
Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Export:
    """One page: its bytes, their media type, and the URL of the next one or empty."""

    body: bytes
    media_type: str
    following: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one page holds, before it is taken away: from when to when, how much.

    `size` are the bytes of its entries, about as many as the file has; `following` is what names
    the next page, or empty.
    """

    first: str
    last: str
    count: int
    size: int
    following: str


@dataclass(frozen=True, slots=True)
class Period:
    """From an instant to before another, both in UTC as text."""

    start: str
    end: str

    def has(self, entry: Entry) -> bool:
        """Whether the entry was written then."""
        return self.start <= entry.at < self.end

    def span(self, *, page: int) -> Span:
        """The ids that it leaves possible, oldest first."""
        after = commit_id(max(_millis(self.start) - _SLACK_MS, 0), 0) if self.start else ""
        before = commit_id(_millis(self.end) + _SLACK_MS, 0) if self.end != "~" else ""
        return Span(after, before, forward=True, page=page)


@dataclass(frozen=True, slots=True)
class Order:
    """What is exported: in which form, of which time, going on at which page (None: the first)."""

    patient: str
    form: str
    period: Period
    listing: Listing
    page: str | None


@dataclass(frozen=True, slots=True)
class JournalExports:
    """`GET /journal/usage` and `GET /journal/export`, for the patient's own token.

    `path` is where an export's pages are.
    """

    records: Records
    leaves: Leaves
    base: str
    headings: Headings
    doors: JournalDoors
    path: str = "journal/export"

    def usage(self, request: Request, parameters: Parameters) -> dict[str, object]:
        """The accesses of a period, newest first, `limit` of them from `offset` on."""
        given = _once(parameters, ("patient", "from", "to", "offset", "limit"))
        period = _period(given)
        offset = _number(given, "offset", 0, ENTRIES_MAX)
        limit = _number(given, "limit", LIMIT_DEFAULT, LIMIT_MAX)

        def work(visit: Visit) -> Reading[dict[str, object]]:
            found = accesses(self._entries(visit, period))
            shown = [_told(usage) for usage in found[offset : offset + limit]]
            answer: dict[str, object] = {
                "total": len(found), "offset": offset, "limit": limit, "usages": shown,
            }  # fmt: skip
            return Reading(answer)

        ask = _ask(request, _patient(request, given), "search")
        return self.doors.read(ask, work, whole=True)

    def _entries(self, visit: Visit, period: Period) -> Iterable[Entry]:
        for read, entry in enumerate(self._told(visit, period, period.span(page=1000))):
            if read == ENTRIES_MAX:
                raise BadParameter(f"over {ENTRIES_MAX} entries: name a shorter time", "from")
            yield entry

    def _told(self, visit: Visit, period: Period, span: Span) -> Iterable[Entry]:
        """Those of the period that are for who asks, as they may see them."""
        shown = self.doors.shown(visit)
        within = (e for e in self.leaves.written(visit.door, span) if period.has(e))
        return (told for told in map(shown, within) if told is not None)

    def export(self, request: Request, parameters: Parameters, language: str) -> Export:
        """One page of the journal, oldest first, as a collection Bundle or as a table."""
        order = self._order(request, parameters)
        ask = _ask(request, order.patient, "export")
        for _ in range(TRIES_MAX):
            visit = self.doors.admit(ask, whole=True)
            page, token = self._filled(visit, order)
            following = order.listing.url(self.base.removesuffix("/fhir"), token) if token else ""
            body = page.body(following, self.headings, language, instant(visit.now_ms))
            if self._disclosed(visit, page, first=order.page is None):
                return Export(body, MEDIA_TYPES[order.form], following)
        raise Unavailable("the policy kept moving")

    def part(self, request: Request, parameters: Parameters) -> Part:
        """What `export` would give for the same parameters; a look at the journal as any other."""
        order = self._order(request, parameters)

        def work(visit: Visit) -> Reading[Part]:
            page, token = self._filled(visit, order)
            return Reading(Part(page.first_at, page.last_at, page.count, page.size, token))

        return self.doors.read(_ask(request, order.patient, "search"), work, whole=True)

    def _order(self, request: Request, parameters: Parameters) -> Order:
        given = _once(parameters, ("patient", "format", "from", "to", PAGE))
        form, period = given.get("format", "fhir"), _period(given)
        if form not in FORMATS:
            raise BadParameter(f"one of {', '.join(FORMATS)} is needed", "format")
        kept = [(name, value) for name, value in given.items() if name != PAGE]
        listing = Listing(self.path, kept, None, "none")
        return Order(_patient(request, given), form, period, listing, given.get(PAGE))

    def _filled(self, visit: Visit, order: Order) -> tuple[ExportPage, str]:
        """The page with its entries, and what names the next one."""
        page = ExportPage(order.form, self.base)
        after = self._after(visit, order.listing, order.page)
        span = order.period.span(page=1000)
        span = replace(span, after=after) if after else span
        page.fill(self._told(visit, order.period, span))
        return page, self._following(visit, order.listing, page)

    def _disclosed(self, visit: Visit, page: ExportPage, *, first: bool) -> bool:
        """Journal the page, and owe the notice of the first; False when the policy moved."""
        entry = self.doors.gate.entry(visit, "permit", visit.rule)
        entry = replace(entry, what=(f"{TYPE} ({page.count})",))
        notice = Notice("export", entry.at, reference_of(entry.entry), visit.now_ms // 1000)
        write = Write(
            patient=visit.ask.patient,
            commit="",
            versions=[],
            entry=entry,
            policy=visit.standing.version,
            notice=notice if first else None,
        )
        try:
            self.records.commit(visit.door, write)
        except Raced:
            return False
        return True

    def _after(self, visit: Visit, listing: Listing, token: str | None) -> str:
        if token is None:
            return ""
        try:
            padded = token + "=" * (-len(token) % 4)
            opened = self.leaves.open_page(visit.door, base64.urlsafe_b64decode(padded))
            last, bound = json.loads(opened)
        except (binascii.Error, ValueError, Unavailable):
            raise BadParameter("not a page link of ours", PAGE) from None
        if bound != bound_to(visit.ask.caller, listing):
            raise BadParameter("the page link is another caller's or another export's", PAGE)
        return str(last)

    def _following(self, visit: Visit, listing: Listing, page: ExportPage) -> str:
        if not page.more:
            return ""
        plaintext = json.dumps([page.last, bound_to(visit.ask.caller, listing)]).encode()
        sealed = self.leaves.seal_page(visit.door, plaintext)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _told(usage: Usage) -> dict[str, object]:
    who = usage.first.who
    told: dict[str, object] = {
        "time": usage.first.at,
        "last": usage.last,
        "who": {n: who[n] for n in ("kind", "name", "inpe", "role") if n in who},
        "purpose": usage.first.purpose,
        "rules": sorted(usage.rules),
        "actions": sorted(usage.kinds),
        "count": usage.count,
        "refused": usage.refused,
        "entry": usage.first.id,
    }
    if "organization" in who:
        told["organization"] = {
            "inpe": who["organization"], "name": who.get("organization_name", ""),
        }  # fmt: skip
    return told


def _patient(request: Request, given: Mapping[str, str]) -> str:
    if request.caller.kind != "patient":
        raise Forbidden("for the patient's own token")
    own = request.caller.patient or ""
    named = given.get("patient", own).removeprefix("Patient/")
    if not is_patient_id(named):
        raise BadParameter("not the id of a patient", "patient")
    return named


def _ask(request: Request, patient: str, action: Action) -> Ask:
    request.caller.require_scope(TYPE, "search")
    return Ask(request.caller, patient, "read", action, request.query, request.request)


def _once(parameters: Parameters, names: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in names or name in given:
            raise BadParameter(f"this takes {', '.join(names)}, each once", name)
        given[name] = value
    return given


def _period(given: Mapping[str, str]) -> Period:
    return Period(_instant(given, "from", ""), _instant(given, "to", "~", end=True))


def _instant(given: Mapping[str, str], name: str, default: str, *, end: bool = False) -> str:
    if name not in given:
        return default
    try:
        return in_utc(given[name], end=end)
    except (ValueError, TypeError):
        raise BadParameter("a day as YYYY-MM-DD, or an instant with its zone", name) from None


def _number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    value = given.get(name, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) < 7 and int(value) <= most):
        raise BadParameter(f"a whole number up to {most}", name)
    return int(value)


def _millis(at: str) -> int:
    moment = datetime.fromisoformat(at).astimezone(UTC).timestamp()
    return min(max(int(moment * 1000), 0), 1 << 44)
