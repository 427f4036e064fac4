"""Searches of a journal: the official parameters, on entries rendered one by one, page after page.

A journal may be long, so a page reads at most so many entries of the span that `date` leaves; one
that ends there has a `next` link, even when little or nothing was found yet.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from dmp.domain.identifiers import commit_id, is_entry_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.refusals import BadParameter, Unavailable
from dmp.fhir import bundle, json_reader, outcome, search
from dmp.fhir.audit_event import rendered
from dmp.fhir.search_ranges import moments, prefixed
from dmp.fhir.search_view import View
from dmp.fhir.subsets import subset
from dmp.use_cases.gate import Reading, Visit
from dmp.use_cases.listings import PAGE, PAGE_BYTES_MAX, Listing
from dmp.use_cases.pages import Pages, bound_to
from dmp.use_cases.ports import Clock, Door, Paging, Span

TYPE = "AuditEvent"
COUNT_DEFAULT = 50
COUNT_MAX = 200
SCAN_MAX = 1000
_SLACK_MS = 2000  # an entry's id is taken a little before its time
_TIMED = ("date", "_lastUpdated")
_NAMING = frozenset({"patient", "entity", "date", "_lastUpdated"})
Parameters = Sequence[tuple[str, str]]


class Leaves(Paging, Protocol):
    """Entries of one record, opened; and what page links carry, sealed."""

    def written(self, door: Door, span: Span) -> Iterator[Entry]:
        """Those of a span, each opened as it is asked for."""

    def leaf(self, door: Door, entry: str) -> bytes | None:
        """The exact bytes of one, or None."""


@dataclass(frozen=True, slots=True)
class JournalSearch:
    """One search, understood; `read` answers it behind the gate, of entries as `shown` to who asks.

    Of `span` the parts are entry ids, of which neither is in it.
    """

    query: search.Query
    listing: Listing
    span: Span
    token: str | None

    @property
    def counts(self) -> bool:
        """Whether the total alone is asked for."""
        return self.query.summary == "count" or self.query.count == 0


class JournalSearches:
    """Reads searches as they come in, and answers them."""

    def __init__(self, leaves: Leaves, clock: Clock, base: str) -> None:
        self._leaves = leaves
        self._clock = clock
        self._base = base

    def of(self, parameters: Parameters, *, lenient: bool) -> JournalSearch:
        """What the parameters ask for; BadParameter names one that cannot be served."""
        token, asked = Pages.token_of(parameters)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        query = search.parse(TYPE, asked, search.Reading(lenient, self._base, now))
        if query.includes or query.joined:
            raise BadParameter("a journal has no chains and includes", "_include")
        if query.count is not None and query.count > COUNT_MAX:
            raise BadParameter(f"_count is a whole number up to {COUNT_MAX}", "_count")
        forward = _forward(query)
        understood = [(n, v) for n, v in asked if n not in query.unknown]
        count = COUNT_DEFAULT if query.count is None else query.count
        listing = Listing(TYPE, understood, count, "none")
        plain = {c.name for c in query.criteria} <= _NAMING and query.total != "accurate"
        page = min(count + 2, SCAN_MAX) if plain else SCAN_MAX
        return JournalSearch(query, listing, _span(asked, now, forward, page), token)

    def read(
        self, wanted: JournalSearch, visit: Visit, shown: Callable[[Entry], Entry | None]
    ) -> Reading[bytes]:
        """The page that was asked for, of entries as they are shown; None is not."""
        span = self._onward(wanted, visit)
        page = _Page(wanted, View(base=self._base))
        for entry in self._leaves.written(visit.door, span):
            if not page.take(entry.entry, shown(entry)):
                break
        if wanted.counts and page.more:
            raise BadParameter(f"over {SCAN_MAX} entries: name a shorter time by date", "_summary")
        links = [("self", wanted.listing.url(self._base, wanted.token))]
        if page.more:
            token = self._token(wanted, visit, page.last)
            links.append(("next", wanted.listing.url(self._base, token)))
        body = bundle.searchset(
            [(f"{self._base}/{TYPE}/{name}", text, "match") for name, text in page.events],
            total=page.found if wanted.token is None and page.whole else None,
            links=links,
            last_updated=instant(visit.now_ms),
            outcome=outcome.ignored(wanted.query.unknown, visit.ask.request),
        )
        names = [f"{TYPE}/{name}" for name, _ in page.events]
        return Reading(body, names, max((name[21:] for name, _ in page.events), default=""))

    def _onward(self, wanted: JournalSearch, visit: Visit) -> Span:
        """The span that is left to the page of a link."""
        span = wanted.span
        if wanted.token is None:
            return span
        try:
            padded = wanted.token + "=" * (-len(wanted.token) % 4)
            opened = self._leaves.open_page(visit.door, base64.urlsafe_b64decode(padded))
            last, bound = json.loads(opened)
        except (binascii.Error, ValueError, Unavailable):
            raise BadParameter("not a page link of ours", PAGE) from None
        if bound != bound_to(visit.ask.caller, wanted.listing):
            raise BadParameter("the page link is another caller's or another search's", PAGE)
        if span.forward:
            return Span(last, span.before, forward=True, page=span.page)
        return Span(span.after, last, page=span.page)

    def _token(self, wanted: JournalSearch, visit: Visit, last: str) -> str:
        plaintext = json.dumps([last, bound_to(visit.ask.caller, wanted.listing)]).encode()
        sealed = self._leaves.seal_page(visit.door, plaintext)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


class _Page:
    """What was found, and where the next page goes on."""

    def __init__(self, wanted: JournalSearch, view: View) -> None:
        self.events: list[tuple[str, bytes]] = []
        self.found = 0
        self.last = ""
        self.more = False
        self._wanted = wanted
        self._view = view
        self._scanned = 0
        self._room = PAGE_BYTES_MAX
        self._full = wanted.counts

    @property
    def whole(self) -> bool:
        """Whether all that matches was found, if not shown."""
        return self._scanned <= SCAN_MAX and (not self.more or self._wanted.query.total is not None)

    def take(self, name: str, entry: Entry | None) -> bool:
        """One more entry, None for one that is not shown; False when the page goes no further."""
        self._scanned += 1
        if self._scanned > SCAN_MAX:
            self.more = True
            return False
        if entry is not None:
            event = rendered(entry)
            if search.matches(self._wanted.query, event, self._view):
                return self._match(entry, event)
        if not self._full:
            self.last = name
        return True

    def _match(self, entry: Entry, event: dict[str, object]) -> bool:
        self.found += 1
        if self._wanted.counts:
            return True
        query = self._wanted.query
        body = json_reader.write(
            event if query.whole else subset(event, query.summary, query.elements)
        )
        if self._full or (self.events and len(body) > self._room):
            self._full = self.more = True
            return query.total == "accurate"
        self._room -= len(body)
        self.events.append((entry.id, body))
        self.last = entry.entry
        self._full = len(self.events) == self._wanted.listing.count
        return True


def _forward(query: search.Query) -> bool:
    """Whether the oldest come first; newest first unless asked."""
    if not query.sort:
        return False
    if len(query.sort) > 1 or query.sort[0][0].code not in _TIMED:
        raise BadParameter("a journal is sorted by date or -date", "_sort")
    return not query.sort[0][1]


def _span(asked: Parameters, now: datetime, forward: bool, page: int) -> Span:
    """Between the first and the last id that the parameters leave possible."""
    low, high = 0, 1 << 44
    for name, value in asked:
        if name in _TIMED:
            spans = [_millis(part, now) for part in value.split(",")]
            low = max(low, min(first for first, _ in spans))
            high = min(high, max(last for _, last in spans))
    after = commit_id(max(low - _SLACK_MS, 0), 0)
    before = commit_id(high + _SLACK_MS, 0) if high < 1 << 44 else ""
    for name, value in asked:
        own = sorted(part[21:] for part in value.split(",") if is_entry_id(part))
        if name == "_id" and own:
            after, before = max(after, own[0][:-1]), min(before or "~", own[-1] + "~")
    return Span(after, before, forward, page)


def _millis(value: str, now: datetime) -> tuple[int, int]:
    """The instants that a date with its prefix can mean, not before 1970; wider never harms."""
    prefix, rest = prefixed(value)
    asked = moments(rest)
    ever = (0, 1 << 44)
    if asked is None or prefix == "ne":
        return ever
    low, high = asked[0] // 1000, asked[1] // 1000 + 1
    if prefix == "ap":
        gap = abs(int(now.timestamp() * 1000) - low) // 10 + 1
        low, high = low - gap, high + gap
    first = low if prefix in ("eq", "ge", "ap", "gt", "sa") else 0
    last = high if prefix in ("eq", "le", "ap", "lt", "eb") else 1 << 44
    return max(first, 0), min(max(last, 0), 1 << 44)
