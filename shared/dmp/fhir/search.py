"""Searches: a query string parsed against the official parameters, and resources tested by it.

Pure and without an index: it looks at whole resources, in memory. What R4 defines and this does not
serve yet (chaining, _include, composites…) is refused by name, never silently ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir import search_ranges, search_values
from dmp.fhir.definitions import Json, resource_types
from dmp.fhir.faults import listed
from dmp.fhir.search_parameters import Parameter, parameter, parameters_of
from dmp.fhir.search_values import Match, split, unescape

MODIFIERS = {
    "token": ("missing", "not", "text", "of-type"),
    "string": ("missing", "exact", "contains"),
    "reference": ("missing", "identifier"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
    "uri": ("missing",),
}
SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
_NOT_SERVED = frozenset(
    {"_include", "_revinclude", "_has", "_filter", "_text", "_content", "_list", "_query"}
    | {"_contained", "_containedType", "_type"}
)
_IGNORED = frozenset({"_format", "_pretty"})


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a query: all criteria must hold, any of one's values suffices."""

    name: str
    modifier: str | None
    values: tuple[str, ...]
    parameter: Parameter
    test: Callable[[Json], bool]


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one resource type; `unknown` are the parameters that lenient reading skipped."""

    resource_type: str
    criteria: tuple[Criterion, ...] = ()
    sort: tuple[tuple[Parameter, bool], ...] = ()
    count: int | None = None
    total: str | None = None
    summary: str | None = None
    elements: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a query: leniently or not, what the server's own base is, and when it is."""

    lenient: bool = False
    base: str = ""
    now: datetime | None = None


def parse(
    resource_type: str, parameters: Sequence[tuple[str, str]], reading: Reading | None = None
) -> Query:
    """The query that decoded (name, value) pairs ask for.

    Raises BadParameter naming the parameter for a bad value, a modifier that its type has not, what
    is not served, and (unless lenient) an unknown name.
    """
    reading = reading or Reading()
    criteria: list[Criterion] = []
    unknown: list[str] = []
    results: dict[str, str] = {}
    for name, value in parameters:
        if name in _IGNORED:
            continue
        if name in _RESULTS:
            if name in results:
                raise BadParameter("may be given once", name)
            results[name] = value
        elif (made := _criterion(resource_type, name, value, reading)) is not None:
            criteria.append(made)
        elif reading.lenient:
            unknown.append(name)
        else:
            raise BadParameter(_unknown(resource_type), name)
    return _with_results(resource_type, tuple(criteria), tuple(unknown), results)


def matches(query: Query, resource: Json) -> bool:
    """Whether the resource is of the query's type and satisfies every criterion."""
    if resource.get("resourceType") != query.resource_type:
        return False
    return all(criterion.test(resource) for criterion in query.criteria)


def patients_named(query: Query) -> frozenset[str]:
    """Ids of the patients that the query's reference criteria (or `_id` of Patient) name."""
    found: set[str] = set()
    for criterion in query.criteria:
        if criterion.modifier not in (None, "Patient"):
            continue
        if criterion.name == "_id" and query.resource_type == "Patient":
            found.update(criterion.values)
        elif criterion.parameter.type == "reference":
            by_id = criterion.name == "patient" or criterion.modifier == "Patient"
            for value in criterion.values:
                kind, _, own = value.rpartition("/")
                if kind == "Patient" or kind.endswith("/Patient") or (not kind and by_id):
                    found.add(own)
    return frozenset(found)


def _unknown(resource_type: str) -> str:
    known = sorted(parameters_of(resource_type))
    return f"{resource_type} has no such search parameter; it has {listed(known)}"


def _criterion(resource_type: str, name: str, value: str, reading: Reading) -> Criterion | None:
    code, _, modifier = name.partition(":")
    if "." in name or code in _NOT_SERVED:
        raise BadParameter("chained and joined searches are not served yet", name)
    found = parameter(resource_type, code)
    if found is None:
        return None
    if found.type not in MODIFIERS:
        raise BadParameter(f"{found.type} parameters are not served yet", name)
    _check_modifier(found, modifier, name)
    values = split(value, ",")
    if not all(values):
        raise BadParameter("a value is empty", name)
    if modifier == "missing":
        test = _missing(found, value, name)
    else:
        test = _test(found, modifier or None, values, name, reading)
    texts = tuple(unescape(v) for v in values)
    return Criterion(code, modifier or None, texts, found, test)


def _check_modifier(found: Parameter, modifier: str, name: str) -> None:
    if not modifier or modifier in MODIFIERS[found.type]:
        return
    if found.type == "reference" and modifier in resource_types():
        if modifier in found.targets:
            return
        raise BadParameter(f"its target is {listed(found.targets)}", name)
    accepted = listed([":" + m for m in MODIFIERS[found.type]])
    raise BadParameter(f"a {found.type} parameter takes {accepted}", name)


def _missing(found: Parameter, value: str, name: str) -> Callable[[Json], bool]:
    if value not in ("true", "false"):
        raise BadParameter(":missing is true or false", name)
    wanted = value == "true"
    return lambda resource: (not found.find(resource)) is wanted


def _test(
    found: Parameter, modifier: str | None, values: Sequence[str], name: str, reading: Reading
) -> Callable[[Json], bool]:
    alternatives = [_match(found, modifier, value, name, reading) for value in values]
    find = found.find

    def any_match(resource: Json) -> bool:
        return any(match(leaf, v) for leaf, v in find(resource) for match in alternatives)

    if modifier == "not":
        return lambda resource: not any_match(resource)
    return any_match


def _match(
    found: Parameter, modifier: str | None, value: str, name: str, reading: Reading
) -> Match:
    if found.type == "date":
        return search_ranges.date(value, name, reading.now)
    if found.type == "number":
        return search_ranges.number(value, name)
    if found.type == "quantity":
        return search_ranges.quantity(value, name)
    if found.type == "reference":
        return search_values.reference(value, modifier, name, reading.base)
    kinds = {
        "token": search_values.token,
        "string": search_values.string,
        "uri": search_values.uri,
    }
    return kinds[found.type](value, modifier, name)


def _with_results(
    resource_type: str,
    criteria: tuple[Criterion, ...],
    unknown: tuple[str, ...],
    results: dict[str, str],
) -> Query:
    read = {
        field: _RESULTS[name](resource_type, results[name])
        for name, field in _FIELDS.items()
        if name in results
    }
    return Query(resource_type, criteria, unknown=unknown, **read)


def _count(_: str, value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadParameter("a whole number is expected", "_count")
    return int(value)


def _sort(resource_type: str, value: str) -> tuple[tuple[Parameter, bool], ...]:
    made = []
    for part in value.split(","):
        found = parameter(resource_type, part.removeprefix("-"))
        if found is None or found.type not in MODIFIERS:
            raise BadParameter(f"{resource_type} cannot be sorted by that", "_sort")
        made.append((found, part.startswith("-")))
    return tuple(made)


def _one_of(name: str, accepted: Sequence[str]) -> Callable[[str, str], str]:
    def read(_: str, value: str) -> str:
        if value not in accepted:
            raise BadParameter(f"must be {listed(tuple(accepted))}", name)
        return value

    return read


def _elements(_: str, value: str) -> tuple[str, ...]:
    return tuple(value.split(","))


_FIELDS = {
    "_sort": "sort",
    "_count": "count",
    "_total": "total",
    "_summary": "summary",
    "_elements": "elements",
}
_RESULTS: dict[str, Callable[[str, str], Any]] = {
    "_sort": _sort,
    "_count": _count,
    "_total": _one_of("_total", TOTALS),
    "_summary": _one_of("_summary", SUMMARIES),
    "_elements": _elements,
}
