"""Reading the directory: professionals, organisations, roles. Public to whoever may call at all.

It is no part of a patient's record: nobody's consent is asked and nobody is told. What is read is
one load of it, whole (dmp.use_cases.directory_loads).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlencode

from dmp.domain.caller import Caller
from dmp.domain.directory import Role
from dmp.domain.directory_book import Book, Listed
from dmp.domain.identifiers import resource_id
from dmp.domain.instants import instant
from dmp.domain.refusals import BadParameter, NotFound, Unavailable
from dmp.fhir import bundle, json_reader
from dmp.fhir.directory import id_of, resource_of, type_of
from dmp.fhir.directory_search import INCLUDES, PARAMETERS, Criterion, criterion
from dmp.use_cases.access_queries import Request
from dmp.use_cases.ports import Clock

COUNT, COUNT_MAX = 50, 200
AN_HOUR, HOUR_S = 600, 3600
_AFTER = re.compile(r"[A-Za-z0-9\-]{1,64}\Z")
_RESULTS = ("_count", "_page", "_include")


class DirectoryReader(Protocol):
    """The directory as those who read it find it."""

    def enter(self, caller: Caller) -> tuple[Mapping[str, Mapping[str, object]], str]:
        """The caller's rows, and the load in force (empty before the first)."""

    def book(self, load: str) -> Book | None:
        """The whole directory as of a load; None when it is no longer kept."""

    def spend(self, who: str, limit: int, window_s: int, now: int) -> None:
        """TooMany when somebody has asked too often."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """A search, read."""

    criteria: Sequence[Criterion]
    count: int
    after: str
    includes: frozenset[str]


class DirectoryQueries:
    """Read and search, for any caller who is live; so many an hour."""

    def __init__(self, reader: DirectoryReader, clock: Clock, base: str) -> None:
        self._reader = reader
        self._clock = clock
        self._base = base
        self._held = ("", Book())

    @staticmethod
    def serves(resource_type: str, name: str) -> bool:
        """Whether the id is one of the directory's, and no record's."""
        return (
            resource_type in PARAMETERS
            and _AFTER.match(name) is not None
            and not (resource_id(name))
        )

    @staticmethod
    def searches(resource_type: str, parameters: Iterable[tuple[str, str]]) -> bool:
        """Whether a search is of the directory: of its types, and naming no patient."""
        return resource_type in PARAMETERS and all(
            name.partition(":")[0].partition(".")[0] != "patient" for name, _ in parameters
        )

    def read(self, request: Request, resource_type: str, name: str) -> bytes:
        """One entry as it stands today; 404 when there is none of that id."""
        now_ms, book = self._enter(request.caller)
        for entry in book:
            if type_of(entry) == resource_type and id_of(entry) == name:
                return json_reader.write(resource_of(entry, instant(now_ms)[:10]))
        raise NotFound("the directory has no such entry", "id")

    def search(
        self, request: Request, resource_type: str, parameters: Sequence[tuple[str, str]]
    ) -> bytes:
        """A searchset, sorted by id; a page goes on after the last id of the one before."""
        asked = _read(resource_type, parameters, lenient=request.lenient)
        now_ms, book = self._enter(request.caller)
        day = instant(now_ms)[:10]
        found = sorted(
            (
                entry
                for entry in book
                if type_of(entry) == resource_type and all(c(entry, day) for c in asked.criteria)
            ),
            key=id_of,
        )
        rest = [entry for entry in found if id_of(entry) > asked.after]
        page = rest[: asked.count]
        shown = [(entry, "match") for entry in page]
        shown += [(entry, "include") for entry in _companions(page, book, asked.includes)]
        links = [("self", self._url(resource_type, parameters))]
        if page and len(rest) > len(page):
            others = [(name, value) for name, value in parameters if name != "_page"]
            links.append(("next", self._url(resource_type, [*others, ("_page", id_of(page[-1]))])))
        entries = [
            (
                f"{self._base}/{type_of(entry)}/{id_of(entry)}",
                json_reader.write(resource_of(entry, day)),
                mode,
            )
            for entry, mode in shown
        ]
        return bundle.searchset(
            entries, total=len(found), links=links, last_updated=instant(now_ms)
        )

    def _enter(self, caller: Caller) -> tuple[int, Book]:
        now_ms = self._clock.now_ms()
        now = now_ms // 1000
        rows, load = self._reader.enter(caller)
        caller.require_live(rows, now, instant(now_ms)[:10])
        who = caller.practitioner or caller.patient or ""
        self._reader.spend(f"{caller.client_id}#{who}", AN_HOUR, HOUR_S, now)
        if load != self._held[0]:
            book = self._reader.book(load)
            if book is None:  # two loads ended since its row was read
                raise Unavailable("directory")
            self._held = (load, book)
        return now_ms, self._held[1]

    def _url(self, resource_type: str, parameters: Sequence[tuple[str, str]]) -> str:
        query = urlencode(parameters)
        return f"{self._base}/{resource_type}" + (f"?{query}" if query else "")


def _companions(page: Sequence[Listed], book: Book, includes: frozenset[str]) -> list[Listed]:
    """Whom the roles of a page bind, each once."""
    found: dict[str, Listed] = {}
    for role in page:
        if isinstance(role, Role):
            for name in sorted(includes):
                key = f"{name}#{getattr(role, name)}"
                found[key] = book.entries[key]
    return list(found.values())


def _read(resource_type: str, parameters: Sequence[tuple[str, str]], *, lenient: bool) -> _Asked:
    criteria: list[Criterion] = []
    count, after, includes = COUNT, "", set[str]()
    for name, value in parameters:
        if name == "_count":
            count = _count(value)
        elif name == "_page":
            if not _AFTER.match(value):
                raise BadParameter("not a page link of ours", "_page")
            after = value
        elif name == "_include":
            includes |= _included(resource_type, value)
        elif name.partition(":")[0] in PARAMETERS[resource_type]:
            criteria.append(criterion(resource_type, name, value))
        elif not lenient:
            served = (*PARAMETERS[resource_type], *_RESULTS)
            raise BadParameter(f"served are {', '.join(served)}", "parameter")
    return _Asked(criteria, count, after, frozenset(includes))


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadParameter("a number", "_count")
    return min(int(value), COUNT_MAX)


def _included(resource_type: str, value: str) -> frozenset[str]:
    if value not in INCLUDES.get(resource_type, {}):
        served = ", ".join(INCLUDES.get(resource_type, {})) or "none"
        raise BadParameter(f"served are: {served}", "_include")
    return INCLUDES[resource_type][value]
