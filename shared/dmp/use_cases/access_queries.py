"""Reading a record: read, vread, history, search and operations, over what the caller may see.

What is hidden is taken out first, so that totals, paging and matches are those of a record in which
it was never written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dmp.domain.caller import Caller
from dmp.domain.identifiers import ResourceId, is_patient_id, resource_id
from dmp.domain.instants import instant
from dmp.domain.journal import Action
from dmp.domain.record import Version
from dmp.domain.refusals import Gone, NotFound
from dmp.fhir import bundle, compartment, json_reader
from dmp.use_cases.everything import everything_of
from dmp.use_cases.gate import Ask, Gate, Reading, Visit
from dmp.use_cases.held import find
from dmp.use_cases.listings import Found, Listing
from dmp.use_cases.pages import Pages
from dmp.use_cases.ports import Clock, Paging, Records
from dmp.use_cases.restrictions import reach, within
from dmp.use_cases.searches import Search, Searches, absent, anchored, living, permitted


@dataclass(frozen=True, slots=True)
class Request:
    """What stands behind a read. `query` is the request as the journal tells it (sealed there).

    A `lenient` search skips the parameters that are not known, and says so.
    """

    caller: Caller
    request: str
    query: str
    lenient: bool = False


class AccessQueries:
    """The reading doors. Each journals before it answers (dmp.use_cases.gate)."""

    def __init__(self, records: Records, paging: Paging, clock: Clock, base: str) -> None:
        self._records = records
        self._base = base
        self._gate = Gate(records, clock)
        self._pages = Pages(records, paging, base)
        self._searches = Searches(self._pages, clock, base)

    def read(self, request: Request, resource_type: str, text: str) -> Version:
        """The current version. 404 when absent or hidden, 410 when deleted."""
        name = named(request.caller, resource_type, text, "read")

        def work(visit: Visit) -> Reading[Version]:
            version = self._current(visit, resource_type, name)
            return _one(visit, version, version)

        return self._gate.read(_ask(request, name, resource_type, "read"), work)

    def vread(self, request: Request, resource_type: str, text: str, number: str) -> Version:
        """One version. 404 when there is none of that number, 410 when it is the deletion."""
        name = named(request.caller, resource_type, text, "vread")

        def work(visit: Visit) -> Reading[Version]:
            every = self._versions(visit, resource_type, name)
            chosen = next((v for v in every if str(v.version) == number), None)
            return _one(visit, chosen, every[-1] if every else None)

        return self._gate.read(_ask(request, name, resource_type, "vread"), work)

    def history(self, request: Request, resource_type: str, text: str) -> bytes:
        """Every version of one resource, newest first."""
        name = named(request.caller, resource_type, text, "history")

        def work(visit: Visit) -> Reading[bytes]:
            every = self._versions(visit, resource_type, name)
            if not every or not _readable(visit, every[-1], every[-1]):
                return Reading(absent())
            shown = [v for v in reversed(every) if _readable(visit, v, every[-1])]
            entries = [historic(version, self._base) for version in shown]
            body = bundle.history(
                entries, total=len(shown), links=(), last_updated=instant(visit.now_ms)
            )
            return Reading(body, [v.name for v in shown], every[-1].commit)

        return self._gate.read(_ask(request, name, resource_type, "history"), work)

    def search(
        self, request: Request, resource_type: str, parameters: Sequence[tuple[str, str]]
    ) -> bytes:
        """A searchset of what matches, page by page (dmp.use_cases.searches)."""
        search = self._searches.of(request.caller, resource_type, parameters, request.lenient)
        return self._searched(request, search)

    def lastn(self, request: Request, parameters: Sequence[tuple[str, str]]) -> bytes:
        """`Observation/$lastn`: a searchset of the newest of each code (dmp.fhir.lastn)."""
        search = self._searches.lastn(request.caller, parameters, request.lenient)
        return self._searched(request, search)

    def meta(self, request: Request, resource_type: str, text: str) -> bytes:
        """`$meta`: Parameters with the `meta` of a read, journalled and told as one."""
        version = self.read(request, resource_type, text)
        meta = json_reader.reread(version.body).get("meta", {})
        told = [{"name": "return", "valueMeta": meta}]
        return json_reader.write({"resourceType": "Parameters", "parameter": told})

    def _searched(self, request: Request, search: Search) -> bytes:
        ask = Ask(request.caller, search.patient, "read", "search", request.query, request.request)
        return self._gate.read(ask, search.read)

    def everything(
        self, request: Request, text: str, parameters: Sequence[tuple[str, str]]
    ) -> bytes:
        """`Patient/{id}/$everything`: every living resource the caller may see, spliced."""
        caller = request.caller
        if not is_patient_id(text):
            raise absent()
        caller.require_scope("Patient", "read")
        token, asked = Pages.token_of(parameters)
        wanted = everything_of(asked)
        listing = Listing(f"Patient/{text}/$everything", asked, wanted.count, "none")

        def work(visit: Visit) -> Reading[bytes]:
            page = self._pages.open(visit, listing, token)
            state = self._pages.state(visit, page)
            seen, shown = permitted(visit, state), reach(caller, "r")
            found = [v for v in living(seen) if wanted.takes(v) and shown(v)]
            order = anchored(found, page, state)
            made = Found(order, len(found), seen)
            return self._pages.answer(visit, listing, page, made, state.newest)

        ask = Ask(caller, text, "read", "operation", request.query, request.request)
        return self._gate.read(ask, work)

    def _current(self, visit: Visit, kind: str, name: ResourceId) -> Version | None:
        pointer = visit.door.pointers.get((kind, name.text))
        commit = pointer.commits[-1] if pointer else name.commit
        if commit is None:
            return None
        return find(self._records.versions(visit.door, [commit]).get(commit, ()), kind, name.text)

    def _versions(self, visit: Visit, kind: str, name: ResourceId) -> list[Version]:
        """Versions 1..n in order; empty when the id was never used for the type."""
        pointer = visit.door.pointers.get((kind, name.text))
        later = pointer.commits if pointer else ()
        commits = [*([name.commit] if name.commit else []), *later]
        opened = self._records.versions(visit.door, commits)
        every = (find(opened.get(commit, ()), kind, name.text) for commit in commits)
        return [version for version in every if version is not None]


def named(caller: Caller, resource_type: str, text: str, interaction: str) -> ResourceId:
    """The id in a URL: 404 for a type or form that no record holds."""
    if resource_type not in compartment.served():
        raise NotFound("the resource type is not served", "type")
    caller.require_scope(resource_type, interaction, by_content=True)
    name = resource_id(text)
    if name is None:
        raise absent()
    return name


def _ask(request: Request, name: ResourceId, resource_type: str, action: Action) -> Ask:
    wanted = ((resource_type, name),)
    return Ask(request.caller, name.patient, "read", action, request.query, request.request, wanted)


def _one(visit: Visit, version: Version | None, newest: Version | None) -> Reading[Version]:
    """One version, if the resource as it stands now may be seen."""
    if version is None or newest is None or not _readable(visit, version, newest):
        return Reading(absent())
    if version.deleted:
        return Reading(Gone("the resource was deleted", "id"))
    return Reading(version, [version.name], version.commit)


def _readable(visit: Visit, version: Version, newest: Version) -> bool:
    """Whether the resource may be seen as it stands now, and the version is within the scopes."""
    caller = visit.ask.caller
    return visit.sees(newest.item) and all(within(caller, "r", v) for v in (newest, version))


def historic(version: Version, base: str) -> bundle.Version:
    """A version as a history tells it: by the request that made it."""
    method = "DELETE" if version.deleted else "POST" if version.version == 1 else "PUT"
    url = version.type if method == "POST" else f"{version.type}/{version.id}"
    return bundle.Version(
        full_url=f"{base}/{version.type}/{version.id}",
        body=None if version.deleted else version.body,
        method=method,
        url=url,
        status={"POST": "201", "PUT": "200", "DELETE": "204"}[method],
        etag=f'W/"{version.version}"',
        last_modified=version.at,
    )
