"""Pages of a listing: what was seen is what the next page continues.

A link carries where it goes on and the newest commit seen, sealed under the record's key and bound
to the caller and the listing, so that no one can follow another's link or change it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from dmp.domain.caller import Caller
from dmp.domain.instants import instant
from dmp.domain.record import Version
from dmp.domain.refusals import BadParameter, Unavailable
from dmp.fhir import bundle
from dmp.use_cases.gate import Reading, Visit
from dmp.use_cases.ports import Paging

PAGE = "_page"
PAGE_BYTES_MAX = 3 * 1024 * 1024
SKEW_MS = 30_000  # a commit may become visible a little after its own time
Total = Literal["accurate", "none", "only"]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: its path under the base and parameters, so many a page, with its total."""

    path: str
    parameters: Sequence[tuple[str, str]]
    count: int | None
    total: Total


@dataclass(frozen=True, slots=True)
class Page:
    """Where a page begins, in a record as of the commit `newest` (empty: as it is now)."""

    offset: int = 0
    newest: str = ""


class Pages:
    """Opens page links and makes searchsets."""

    def __init__(self, paging: Paging, base: str) -> None:
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
            offset, newest, bound = json.loads(plaintext)
        except (binascii.Error, ValueError, Unavailable):
            raise BadParameter("not a page link of ours", PAGE) from None
        if bound != _bound(visit.ask.caller, listing):
            raise BadParameter("the page link is another caller's or another search's", PAGE)
        return Page(offset, newest)

    def answer(
        self, visit: Visit, listing: Listing, page: Page, found: Sequence[Version], newest: str
    ) -> Reading[bytes]:
        """The searchset of one page of what was found, at most 3 MiB and `count` entries."""
        shown = [] if listing.total == "only" else _fitting(found[page.offset :], listing.count)
        links = [("self", self._url(listing, None))]
        reached = page.offset + len(shown)
        if shown and reached < len(found):
            onward = json.dumps([reached, page.newest or newest, _bound(visit.ask.caller, listing)])
            sealed = self._paging.seal_page(visit.door, onward.encode())
            token = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
            links.append(("next", self._url(listing, token)))
        body = bundle.searchset(
            [(f"{self._base}/{v.type}/{v.id}", v.body, "match") for v in shown],
            total=None if listing.total == "none" else len(found),
            links=links,
            last_updated=instant(visit.now_ms - SKEW_MS),
        )
        return Reading(body, [v.name for v in shown], newest)

    def _url(self, listing: Listing, token: str | None) -> str:
        rest = [(name, value) for name, value in listing.parameters if name != PAGE]
        query = urlencode([*rest, *([(PAGE, token)] if token else [])])
        return f"{self._base}/{listing.path}" + (f"?{query}" if query else "")


def _bound(caller: Caller, listing: Listing) -> str:
    who = caller.practitioner or caller.patient or ""
    rest = sorted((n, v) for n, v in listing.parameters if n != PAGE)
    text = json.dumps([caller.client_id, who, caller.organization, listing.path, rest])
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _fitting(found: Sequence[Version], count: int | None) -> list[Version]:
    """At least one, at most `count`, and no more than a page's bytes."""
    shown: list[Version] = []
    size = 0
    for version in found if count is None else found[:count]:
        size += len(version.body) + 200
        if shown and size > PAGE_BYTES_MAX:
            break
        shown.append(version)
    return shown
