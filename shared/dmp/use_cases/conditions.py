"""Changes whose target is a search: settled on what the writer may see of the record.

What is hidden is not found, as if it had never been written. Two who create by the same criteria at
once meet at a guard: each must move it from what they saw before they looked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

from dmp.domain.identifiers import resource_id
from dmp.domain.record import State, Version
from dmp.domain.refusals import BadParameter, Invalid, Issue, NotFound, PreconditionFailed
from dmp.fhir import search
from dmp.fhir.search_view import View
from dmp.use_cases.changes import Change
from dmp.use_cases.gate import ONCE_S, Visit
from dmp.use_cases.ports import Records, Swap
from dmp.use_cases.restrictions import knowing, reach

_SHAPING = frozenset(
    {"_count", "_elements", "_include", "_revinclude", "_sort", "_summary", "_total"}
)
SEVERAL = "the criteria find more than one resource"


@dataclass(frozen=True, slots=True)
class Settled:
    """The changes with their ids, and the guards (by key, what was seen) that they hang on."""

    changes: Sequence[Change]
    guards: Mapping[str, str]


class Conditions:
    """Settles conditional changes, and conditional references to the record's own resources."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def settle(self, visit: Visit, changes: Sequence[Change]) -> Settled:
        """One batch for the guards, then one Query a MB; neither when nothing is conditional."""
        keys = {key_of(c): c for c in changes if c.criteria is not None and c.kind != "delete"}
        if not any(c.criteria is not None for c in changes):
            return Settled(changes, {})
        guards = self._records.swaps(visit.door, list(keys)) if keys else {}
        state = self._records.state(visit.door)
        settled = [
            change if change.criteria is None else _settled(change, _matching(visit, state, change))
            for change in changes
        ]
        held = [key_of(c) for c in settled if c.kind == "create" and c.criteria is not None]
        return Settled(settled, {key: guards[key] for key in held})

    def references(self, visit: Visit, uses: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """`Type/id` of conditional references into the record; 422 unless each finds just one."""
        if not uses:
            return {}
        state = self._records.state(visit.door)
        found: dict[str, str] = {}
        issues = []
        for text, places in uses.items():
            kind, _, criteria = text.partition("?")
            matches = _found(visit, state, kind, criteria, places[0])
            if len(matches) == 1:
                found[text] = f"{kind}/{matches[0].id}"
            else:
                why = SEVERAL if matches else "the criteria find no resource"
                issues.append(Issue(why, places[0], "not-found"))
        if issues:
            raise Invalid(issues[:20])
        return found


def swaps_of(guards: Mapping[str, str], commit: str, at_ms: int) -> list[Swap]:
    """The guards as a transaction moves them."""
    until = at_ms // 1000 + ONCE_S
    return [Swap(key, seen, commit, until) for key, seen in guards.items()]


def key_of(change: Change) -> str:
    """The guard of a type and criteria, however its parameters are ordered."""
    pairs = sorted(parse_qsl(change.criteria or "", keep_blank_values=True))
    return f"if|{change.type}|{pairs!r}"


def _matching(visit: Visit, state: State, change: Change) -> list[Version]:
    return _found(visit, state, change.type, change.criteria or "", change.path)


def _found(visit: Visit, state: State, kind: str, criteria: str, path: str) -> list[Version]:
    """Living resources that the writer may see, and that match."""
    pairs = parse_qsl(criteria, keep_blank_values=True)
    if not pairs:
        raise BadParameter("criteria are expected", path)
    if shaping := [name for name, _ in pairs if name.partition(":")[0] in _SHAPING]:
        raise BadParameter(f"{shaping[0]} shapes an answer and is no criterion", path)
    query = search.parse(kind, pairs)
    caller = visit.ask.caller
    known = knowing(caller)
    seen = [v for v in state.living() if visit.sees(v.item) and known(v)]
    view = View(seen, joinable=reach(caller, "s"))
    return [v for v in view.of_type(kind) if search.matches(query, view.resource(v), view)]


def _settled(change: Change, matches: Sequence[Version]) -> Change:
    if len(matches) > 1:
        raise PreconditionFailed(SEVERAL, change.path)
    found = matches[0] if matches else None
    if change.kind == "create":
        return change if found is None else replace(change, kind="nothing", found=found,
                                                    id=resource_id(found.id))  # fmt: skip
    if found is None:
        if change.kind == "patch":
            raise NotFound("the criteria find no resource", change.path)
        return replace(change, kind="nothing") if change.kind == "delete" else _born(change)
    own = (change.resource or {}).get("id")
    if own is not None and own != found.id:
        raise Invalid("the resource's id is not that of the resource found", f"{change.path}.id")
    return replace(change, id=resource_id(found.id))


def _born(change: Change) -> Change:
    """A conditional update that found nothing creates, under the client's own id if it has one."""
    return change if change.id is not None else replace(change, kind="create")
