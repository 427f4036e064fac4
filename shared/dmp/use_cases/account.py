"""The patient's own pages: the journal by access, and one access with all its entries.

Every look is journalled, as any other. The journal is read newest first, as far back as it takes to
fill a page, and no further than `SCANNED_MAX` entries at once: a reader who wants more asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dmp.domain.accesses import HOUR_MS, Use, Wanted, grouped, millis, millis_of, use_of
from dmp.domain.authorization import SignedIn
from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_id, commit_millis, is_entry_id
from dmp.domain.journal import Action, Entry, entry_of
from dmp.domain.refusals import NotFound
from dmp.domain.sign_in import CLIENT_ID, SCOPES
from dmp.use_cases.gate import Ask, Gate, Reading, Visit
from dmp.use_cases.ports import Clock, Door, Records, Review

TYPE = "AuditEvent"
SHOWN = 50
AT_ONCE = 200
SCANNED_MAX = 2000
_AROUND_MS = 12 * HOUR_MS  # far enough back that an hour without any is likely to be in it


class Leaves(Protocol):
    """Entries of one record, opened."""

    def entries(self, door: Door, before: str, limit: int) -> Sequence[Entry]:
        """Newest first, older than the entry `before` (empty: the newest)."""

    def leaf(self, door: Door, entry: str) -> bytes | None:
        """The exact bytes of one, or None."""


class Disputed(Protocol):
    """Accesses that the patient did not recognise."""

    def reviews(self, names: Sequence[str]) -> Mapping[str, Review]:
        """Those there are of these names, by name; consistently read."""


@dataclass(frozen=True, slots=True)
class Page:
    """Accesses, newest first, and how the officer's answer to each stands, by its opening's id.

    `older` is the entry before which more are found (empty: there are none). `cut` tells that
    not everything was looked through.
    """

    uses: Sequence[Use]
    reviews: Mapping[str, Review]
    older: str = ""
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """One entry, the access it belongs to, and its review: what patient and officer said."""

    entry: Entry
    use: Use
    review: Review | None
    said: Mapping[str, str] = field(default_factory=dict)
    answered: Mapping[str, str] = field(default_factory=dict)


class Account:
    """What a signed-in patient sees of the journal."""

    def __init__(self, records: Records, leaves: Leaves, disputed: Disputed, clock: Clock) -> None:
        self._leaves = leaves
        self._disputed = disputed
        self._gate = Gate(records, clock)

    def uses(self, caller: Caller, request: str, wanted: Wanted, before: str = "") -> Page:
        """A page of accesses; `before` is what the page before gave as `older`."""
        ask = _ask(caller, request, "search")
        return self._gate.read(ask, lambda visit: Reading(self._page(visit, wanted, before)))

    def _page(self, visit: Visit, wanted: Wanted, before: str) -> Page:
        shown, cut_at = self._scanned(visit, wanted, before)
        older = shown[SHOWN - 1].opening.entry if len(shown) > SHOWN else cut_at
        uses = shown[:SHOWN]
        reviews = self._disputed.reviews([use.opening.id for use in uses])
        return Page(uses, reviews, older, bool(cut_at) and len(shown) <= SHOWN)

    def found(self, caller: Caller, request: str, text: str) -> Found:
        """One entry of the journal; NotFound for any other."""
        if not is_entry_id(text) or text[:20] != caller.patient:
            raise NotFound("there is no such entry", "id")
        ask = _ask(caller, request, "read")
        return self._gate.read(ask, lambda visit: self._found(visit, text[21:]))

    def _found(self, visit: Visit, name: str) -> Reading[Found]:
        leaf = self._leaves.leaf(visit.door, name)
        if leaf is None:
            return Reading(NotFound("there is no such entry", "id"))
        entry = entry_of(leaf)
        return Reading(self._whole(visit, entry), [f"{TYPE}/{entry.id}"])

    def _whole(self, visit: Visit, entry: Entry) -> Found:
        use = self.use(visit, entry)
        review = self._disputed.reviews([use.opening.id]).get(use.opening.id)
        if review is None:
            return Found(entry, use, None)
        told = [self._reason(visit, name) for name in (review.contest, review.answer)]
        return Found(entry, use, review, *told)

    def use(self, visit: Visit, entry: Entry) -> Use:
        """The access that an entry belongs to."""
        last, first = millis(entry) + HOUR_MS, millis(entry) - _AROUND_MS
        around: list[Entry] = []
        before = _before(last)
        while len(around) < SCANNED_MAX:
            page = self._leaves.entries(visit.door, before, AT_ONCE)
            around += page
            if len(page) < AT_ONCE or millis(page[-1]) < first:
                break
            before = page[-1].entry
        return use_of(entry, around)

    def _scanned(self, visit: Visit, wanted: Wanted, before: str) -> tuple[list[Use], str]:
        """Accesses opened before an entry, one page and one more; where the looking stopped."""
        since = millis_of(wanted.since) if wanted.since else 0
        loaded: list[Entry] = []
        place = _before(commit_millis(before) + HOUR_MS) if before else ""
        while True:
            page = self._leaves.entries(visit.door, place, AT_ONCE)
            loaded += page
            complete = len(page) < AT_ONCE
            settled = 0 if complete else millis(page[-1]) + HOUR_MS
            shown = [
                use
                for use in grouped(loaded)
                if (not before or use.opening.entry < before)
                and millis(use.opening) >= settled
                and wanted.takes(use)
            ]
            if complete or settled <= since - HOUR_MS or len(shown) > SHOWN:
                return shown, ""
            if len(loaded) >= SCANNED_MAX:
                return shown, _before(settled)
            place = page[-1].entry

    def _reason(self, visit: Visit, entry: str) -> Mapping[str, str]:
        leaf = self._leaves.leaf(visit.door, entry) if entry else None
        return entry_of(leaf).reason if leaf else {}


def _ask(caller: Caller, request: str, action: Action) -> Ask:
    caller.require_scope(TYPE, action)
    return Ask(caller, caller.patient or "", "read", action, TYPE, request)


def owner(who: SignedIn, now: int) -> Caller:
    """A patient in a session of their own, as every use case knows them; for one request."""
    return Caller(
        "patient", CLIENT_ID, (SCOPES,), "PATRQT", now + 60, who.session, who.patient, who.session
    )


def _before(millis_: int) -> str:
    """An entry id that comes after all of the time before."""
    return commit_id(millis_, 0)
