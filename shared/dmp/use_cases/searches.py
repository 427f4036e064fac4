"""Search of one type in one record, in memory on what the caller may see of it.

What is hidden is taken out before anything is looked at: matches, chains, includes, totals, order
and links are those of a record in which it was never written.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from dmp.domain.access import Permit
from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_in, is_patient_id
from dmp.domain.record import State, Version
from dmp.domain.refusals import BadParameter, NotFound
from dmp.fhir import compartment, json_reader, lastn, outcome, search, search_order
from dmp.fhir.search_includes import Includer
from dmp.fhir.search_parameters import parameter
from dmp.fhir.search_view import View
from dmp.fhir.subsets import subset
from dmp.use_cases.gate import Reading, Visit
from dmp.use_cases.listings import Found, Key, Listing, Total, key_of
from dmp.use_cases.pages import Page, Pages
from dmp.use_cases.ports import Clock
from dmp.use_cases.restrictions import knowing, reach

Parameters = Sequence[tuple[str, str]]


class Searches:
    """Reads searches as they come in."""

    def __init__(self, pages: Pages, clock: Clock, base: str) -> None:
        self.pages = pages
        self.base = base
        self._clock = clock

    def of(
        self, caller: Caller, resource_type: str, parameters: Parameters, lenient: bool
    ) -> Search:
        """The search that the parameters ask for; they or the token name the patient.

        404 for a type that is not served, 403 for what no scope covers, 400 for the rest.
        """
        if resource_type not in compartment.served():
            raise NotFound("the resource type is not served", "type")
        caller.require_scope(resource_type, "search", by_content=True)
        token, asked = Pages.token_of(parameters)
        patient = self._patient(caller, resource_type, asked)
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        reading = search.Reading(lenient, self.base, now)
        criteria = [(n, v) for n, v in asked if not _only_names(resource_type, n)]
        query = search.parse(resource_type, criteria, reading)
        for kinds in query.joined:
            if not any(caller.reaches(kind, "s") for kind in kinds):
                caller.require_scope(min(kinds), "search")
        understood = [(n, v) for n, v in asked if n not in query.unknown]
        listing = Listing(resource_type, understood, query.count, _total(query))
        return Search(self, patient, query, listing, token)

    def lastn(self, caller: Caller, parameters: Parameters, lenient: bool) -> Search:
        """`Observation/$lastn`: the search whose matches are then the newest of each code."""
        token, asked = Pages.token_of(parameters)
        most = lastn.most_of(asked)
        rest = [(n, v) for n, v in parameters if n != lastn.MAX]
        made = self.of(caller, "Observation", rest, lenient)
        shown = [*made.listing.parameters, (lastn.MAX, str(most))]
        listing = replace(made.listing, path="Observation/$lastn", parameters=shown)
        return replace(made, listing=listing, token=token, most=most)

    def _patient(self, caller: Caller, resource_type: str, asked: Parameters) -> str:
        named = search.patients_named(resource_type, asked, self.base)
        own = caller.patient if caller.kind == "patient" else caller.confined
        if not named and own:
            return own
        name = "_id" if resource_type == "Patient" else "patient"
        if len(named) != 1:
            raise BadParameter("a search names exactly one patient", name)
        (patient,) = named
        if not is_patient_id(patient):
            raise BadParameter("not the id of a patient", name)
        return patient


@dataclass(frozen=True, slots=True)
class Search:
    """One search, understood; `read` answers it behind the gate.

    Of a `$lastn`, `most` are kept of each code.
    """

    searches: Searches
    patient: str
    query: search.Query
    listing: Listing
    token: str | None
    most: int | None = None

    def read(self, visit: Visit) -> Reading[bytes]:
        """The page that was asked for."""
        pages = self.searches.pages
        page = pages.open(visit, self.listing, self.token)
        state = pages.state(visit, page)
        seen = permitted(visit, state)
        view = self._view(visit.ask.caller, living(seen))
        matched = self._matching(view)
        order = self._ordered(anchored(matched, page, state), view)
        found = Found(
            order,
            len(matched),
            seen,
            self._along(view, {key_of(v) for v in matched}),
            partial(self._body, view),
            self._outcome(visit.ask.request),
        )
        return pages.answer(visit, self.listing, page, found, state.newest)

    def _view(self, caller: Caller, seen: Sequence[Version]) -> View:
        return View(seen, self.searches.base, reach(caller, "s"), reach(caller, "r"))

    def _matching(self, view: View) -> list[Version]:
        """Those that match, as first written."""
        found = [v for v in view.of_type(self.query.resource_type) if view.joinable(v)]
        if self.query.criteria:
            found = [v for v in found if search.matches(self.query, view.resource(v), view)]
        if self.most is None:
            return found
        return [found[i] for i in lastn.newest([view.resource(v) for v in found], self.most)]

    def _ordered(self, found: Sequence[Version], view: View) -> Sequence[Version]:
        if self.most is not None:
            latest = reversed(found)
            return sorted(latest, key=lambda v: lastn.recency(view.resource(v)), reverse=True)
        if not self.query.sort:
            return found
        resources = [view.resource(v) for v in found]
        by_identity = {id(r): v for r, v in zip(resources, found, strict=True)}
        return [by_identity[id(r)] for r in search_order.ordered(self.query, resources)]

    def _along(self, view: View, matched: Collection[Key]) -> _Along:
        return _Along(Includer(self.query.includes, view), matched)

    def _body(self, view: View, version: Version) -> bytes:
        query = self.query
        if query.whole:
            return version.body
        resource = view.resource(version)
        if query.elements and version.type != query.resource_type:
            return version.body
        return json_reader.write(subset(resource, query.summary, query.elements))

    def _outcome(self, request: str) -> bytes | None:
        return outcome.ignored(self.query.unknown, request)


@dataclass(frozen=True, slots=True)
class _Along:
    """The companions of a match; none of what does not match, such as where a page goes on."""

    includer: Includer
    matched: Collection[Key]

    def __call__(self, version: Version, without: Collection[Key]) -> Sequence[Version]:
        return self.includer.along(version, without) if key_of(version) in self.matched else ()


def permitted(visit: Visit, state: State) -> list[Version]:
    """What the caller may see, deletions included, in the order it was first written."""
    known, judge = knowing(visit.ask.caller), visit.judge(visit.asking.direction)
    seen = [v for v in state.current.values() if isinstance(judge(v.item), Permit)]
    return sorted(filter(known, seen), key=_written)


def living(versions: Sequence[Version]) -> list[Version]:
    """Those that are not deleted."""
    return [version for version in versions if not version.deleted]


def anchored(found: Sequence[Version], page: Page, state: State) -> Sequence[Version]:
    """What was found with the resource that the page goes on after, in the order first written.

    It may have left the caller's sight meanwhile; its place is known all the same.
    """
    if page.after is None or any(key_of(v) == page.after for v in found):
        return found
    anchor = state.current.get(page.after)
    if anchor is None or anchor.deleted:
        raise BadParameter("the page link is too old", "_page")
    return sorted([*found, anchor], key=_written)


def absent() -> NotFound:
    """The answer for what is hidden and for what never was."""
    return NotFound("there is no such resource", "id")


def _written(version: Version) -> tuple[str, str]:
    """By the commit that made version 1, which the id of a server-named resource tells."""
    return commit_in(version.id) or version.commit, version.id


def _only_names(resource_type: str, name: str) -> bool:
    """Whether the parameter tells the record alone: the type has no such parameter."""
    return name in ("patient", "subject") and parameter(resource_type, name) is None


def _total(query: search.Query) -> Total:
    """`_summary=count` and `_count=0` show nothing else; an estimate is the accurate figure."""
    if query.summary == "count" or query.count == 0:
        return "only"
    return "none" if query.total == "none" else "accurate"
