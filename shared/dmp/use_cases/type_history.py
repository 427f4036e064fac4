"""`GET /fhir/{type}/_history`: every version of a type in one record, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from dmp.domain.caller import Caller
from dmp.domain.identifiers import is_patient_id
from dmp.domain.instants import in_utc, instant
from dmp.domain.record import State, Version
from dmp.domain.refusals import BadParameter, NotFound
from dmp.fhir import bundle, compartment
from dmp.use_cases.access_queries import Request, historic
from dmp.use_cases.gate import Ask, Gate, Reading, Visit
from dmp.use_cases.listings import PAGE
from dmp.use_cases.pages import SKEW_MS
from dmp.use_cases.ports import Clock, Records
from dmp.use_cases.restrictions import reach

COUNT_DEFAULT = 100
COUNT_MAX = 1000


@dataclass(frozen=True, slots=True)
class Asked:
    """What part of the history: since when, how many, and below which version a page begins."""

    patient: str
    since: str = ""
    count: int = COUNT_DEFAULT
    below: str = ""


class TypeHistory:
    """Reads a record's log rather than its state: nothing that was folded away is missing."""

    def __init__(self, records: Records, clock: Clock, base: str) -> None:
        self._records = records
        self._base = base
        self._gate = Gate(records, clock)

    def read(
        self, request: Request, resource_type: str, parameters: Sequence[tuple[str, str]]
    ) -> bytes:
        """A history Bundle. A resource that is hidden now is hidden in all its versions."""
        if resource_type not in compartment.served():
            raise NotFound("the resource type is not served", "type")
        request.caller.require_scope(resource_type, "search", by_content=True)
        asked = _asked(request.caller, parameters)

        def work(visit: Visit) -> Reading[bytes]:
            log = self._records.log(visit.door)
            versions = [v for v in reversed(log) if v.type == resource_type]
            newest = State().fold(log).current
            scoped = reach(request.caller, "s")
            seen = [
                version
                for version in versions
                if visit.sees((last := newest[version.type, version.id]).item)
                and scoped(last)
                and scoped(version)
                and version.at >= asked.since
            ]
            return self._answer(visit, resource_type, asked, seen)

        caller, patient = request.caller, asked.patient
        ask = Ask(caller, patient, "read", "history", request.query, request.request)
        return self._gate.read(ask, work)

    def _answer(
        self, visit: Visit, resource_type: str, asked: Asked, seen: Sequence[Version]
    ) -> Reading[bytes]:
        begins = next((i + 1 for i, v in enumerate(seen) if _place(v) == asked.below), 0)
        if asked.below and not begins:
            raise BadParameter("not a page link of ours", PAGE)
        shown = seen[begins : begins + asked.count]
        links = [("self", self._url(resource_type, asked, asked.below))]
        if begins + len(shown) < len(seen):
            links.append(("next", self._url(resource_type, asked, _place(shown[-1]))))
        body = bundle.history(
            [historic(version, self._base) for version in shown],
            total=len(seen),
            links=links,
            last_updated=instant(visit.now_ms - SKEW_MS),
        )
        newest = max((v.commit for v in seen), default="")
        return Reading(body, [v.name for v in shown], newest)

    def _url(self, resource_type: str, asked: Asked, below: str) -> str:
        given = {"_since": asked.since, PAGE: below}
        pairs = [("patient", asked.patient), ("_count", str(asked.count))]
        pairs += [(name, value) for name, value in given.items() if value]
        return f"{self._base}/{resource_type}/_history?{urlencode(pairs)}"


def _place(version: Version) -> str:
    """A page goes on below a version that the caller has seen."""
    return f"{version.id}_{version.version}"


def _asked(caller: Caller, parameters: Sequence[tuple[str, str]]) -> Asked:
    given = dict(parameters)
    for name in given:
        if name not in ("patient", "_since", "_count", PAGE):
            raise BadParameter("a history takes patient, _since and _count", name)
    patient = given.get("patient", caller.patient or "").removeprefix("Patient/")
    if not is_patient_id(patient):
        raise BadParameter("a history names its patient", "patient")
    count = given.get("_count", str(COUNT_DEFAULT))
    if not count.isdecimal() or not 0 < int(count) <= COUNT_MAX:
        raise BadParameter(f"_count is a whole number from 1 to {COUNT_MAX}", "_count")
    since = given.get("_since", "")
    try:
        since = in_utc(since) if since else ""
    except ValueError:
        raise BadParameter("_since is an instant", "_since") from None
    return Asked(patient, since, int(count), given.get(PAGE, ""))
