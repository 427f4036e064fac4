"""Pages of a listing: what was seen is what the next page continues.

A link carries after what it goes on and which commits had been seen, sealed under the record's key
and bound to the caller and the listing, so that no one can follow another's link or change it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_id
from dmp.domain.instants import instant
from dmp.domain.record import State, Version
from dmp.domain.refusals import BadParameter, Unavailable
from dmp.fhir import bundle
from dmp.use_cases.gate import Reading, Visit
from dmp.use_cases.listings import PAGE, Found, Key, Listing, Shown
from dmp.use_cases.ports import Paging, Records

SKEW_MS = 30_000  # a commit may become visible a little after its own time
MARKS_MAX = 400  # of the commits of that time, so that a link fits a request line
_MARK = 4


class Marks(Container[str]):
    """A set of commit ids, four bytes each."""

    def __init__(self, packed: bytes = b"") -> None:
        self.packed = packed
        self._held = frozenset(packed[i : i + _MARK] for i in range(0, len(packed), _MARK))

    def __contains__(self, commit: object) -> bool:
        return _mark(str(commit)) in self._held


def _mark(commit: str) -> bytes:
    return hashlib.sha256(commit.encode()).digest()[:_MARK]


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins, in the record as the first page saw it.

    It goes on after the resource `after`, of whose companions `along` were shown (0: all). Seen
    were the commits up to `until` (empty: all there are now) and those in `also`.
    """

    after: Key | None = None
    along: int = 0
    until: str = ""
    also: Marks | None = None
    token: str | None = None


class Pages:
    """Opens page links and makes searchsets."""

    def __init__(self, records: Records, paging: Paging, base: str) -> None:
        self._records = records
        self._paging = paging
        self._base = base

    @staticmethod
    def token_of(
        parameters: Sequence[tuple[str, str]],
    ) -> tuple[str | None, list[tuple[str, str]]]:
        """The page link's token, and the other parameters."""
        tokens = [value for name, value in parameters if name == PAGE]
        if len(tokens) > 1:
            raise BadParameter("one page at a time", PAGE)
        rest = [(name, value) for name, value in parameters if name != PAGE]
        return (tokens[0] if tokens else None), rest

    def open(self, visit: Visit, listing: Listing, token: str | None) -> Page:
        """The page of a link; the first one without. 400 for a link of others or of old."""
        if token is None:
            return Page()
        try:
            padded = token + "=" * (-len(token) % 4)
            plaintext = self._paging.open_page(visit.door, base64.urlsafe_b64decode(padded))
            after, along, until, marks, bound = json.loads(plaintext)
        except (binascii.Error, ValueError, Unavailable):
            raise BadParameter("not a page link of ours", PAGE) from None
        if bound != bound_to(visit.ask.caller, listing):
            raise BadParameter("the page link is another caller's or another search's", PAGE)
        kind, _, own = after.partition("/")
        return Page((kind, own), along, until, Marks(base64.b64decode(marks)), token)

    def state(self, visit: Visit, page: Page) -> State:
        """The record as the page sees it."""
        return self._records.state(visit.door, page.until, page.also)

    def answer(
        self, visit: Visit, listing: Listing, page: Page, found: Found, newest: str
    ) -> Reading[bytes]:
        """The searchset of one page of what was found, at most 3 MiB and `count` matches."""
        shown = Shown(found)
        if listing.total != "only":
            shown.fill(page.after, page.along, listing.count)
        links = [("self", self._url(listing, page.token))]
        if shown.more:
            links.append(("next", self._url(listing, self._onward(visit, listing, page, shown))))
        entries = [(v, body, "match") for v, body in shown.matches]
        entries += [(v, body, "include") for v, body in shown.companions]
        body = bundle.searchset(
            [(f"{self._base}/{v.type}/{v.id}", body, mode) for v, body, mode in entries],
            total=None if listing.total == "none" else found.total,
            links=links,
            last_updated=instant(visit.now_ms - SKEW_MS),
            outcome=found.outcome,
        )
        return Reading(body, [v.name for v, _, _ in entries], newest)

    def _onward(self, visit: Visit, listing: Listing, page: Page, shown: Shown) -> str:
        until, also = page.until, page.also
        if also is None:
            until, also = _seen(shown.found.seen, visit.now_ms)
        marks = base64.b64encode(also.packed).decode()
        after = "/".join(shown.last or ())
        onward = [after, shown.along, until, marks, bound_to(visit.ask.caller, listing)]
        sealed = self._paging.seal_page(visit.door, json.dumps(onward).encode())
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def _url(self, listing: Listing, token: str | None) -> str:
        return listing.url(self._base, token)


def _seen(versions: Iterable[Version], now_ms: int) -> tuple[str, Marks]:
    """Up to where all commits are settled, and those seen after it.

    Only what the caller may see is in it, so that the link's length tells of nothing else. Of more
    than `MARKS_MAX` commits in half a minute, the oldest are taken for settled.
    """
    until = commit_id(now_ms - SKEW_MS, 0)
    recent = sorted({v.commit for v in versions if v.commit > until})
    if len(recent) > MARKS_MAX:
        until, recent = recent[-MARKS_MAX - 1], recent[-MARKS_MAX:]
    return until, Marks(b"".join(map(_mark, recent)))


def bound_to(caller: Caller, listing: Listing) -> str:
    """What a link keeps of whose it is, and of which listing."""
    who = caller.practitioner or caller.patient or ""
    rest = sorted((n, v) for n, v in listing.parameters if n != PAGE)
    text = json.dumps([caller.client_id, who, caller.organization, listing.path, rest])
    return hashlib.sha256(text.encode()).hexdigest()[:24]
