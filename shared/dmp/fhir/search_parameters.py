"""The official search parameters, and what each finds in a resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from dmp.fhir.datatypes import type_in
from dmp.fhir.definitions import Json, table

Found = list[tuple["Leaf", Any]]
_Walk = Callable[[Any, Json], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a path ends at: a FHIR type and, for codes of a bound element, their systems."""

    type: str
    systems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter of one resource type.

    `components` are those of a composite: each one's type, and how to find its values in one value.
    """

    code: str
    type: str
    url: str
    targets: tuple[str, ...]
    find: Callable[[Json], Found]
    components: tuple[tuple[str, Callable[[Any, Json], Found]], ...] = ()


@cache
def parameters_of(resource_type: str) -> Mapping[str, Json]:
    """The type's parameters as generated, by code, those of every resource included."""
    rows: Mapping[str, Json] = table("r4-search.json.gz")["parameters"].get(resource_type, {})
    return rows


@cache
def parameter(resource_type: str, code: str) -> Parameter | None:
    """One parameter, compiled at first use."""
    row = parameters_of(resource_type).get(code)
    if row is None:
        return None
    finders = [_finder(path) for path in row["paths"]]
    return Parameter(
        code=code,
        type=row["type"],
        url=row["url"],
        targets=tuple(row.get("targets", ())),
        find=lambda resource: _gathered(finders, resource, resource),
        components=tuple(_component(c) for c in row.get("components", ())),
    )


def patient_path(resource_type: str) -> str:
    """The element by which a resource names its patient, as `subject`, `participant.actor`."""
    rows = parameters_of(resource_type)
    row = next((rows[name] for name in ("patient", "subject", "actor") if name in rows), None)
    steps = row["paths"][0][0] if row else ()
    return ".".join(step for step in steps if isinstance(step, str))


_Finder = tuple[Leaf, _Walk]


def _component(row: Json) -> tuple[str, Callable[[Any, Json], Found]]:
    finders = [_finder(path) for path in row["paths"]]
    return row["type"], lambda value, resource: _gathered(finders, value, resource)


def _gathered(finders: Sequence[_Finder], value: Any, resource: Json) -> Found:
    return [(leaf, found) for leaf, walk in finders for found in walk(value, resource)]


def _finder(path: Sequence[Any]) -> _Finder:
    steps, kind, *rest = path
    leaf = Leaf(kind, tuple(rest[0]) if rest else ())
    if len(steps) == 1 and isinstance(steps[0], str):
        return leaf, _member(steps[0])
    return leaf, _chain([_step(step) for step in steps])


def _member(name: str) -> _Walk:
    def walk(value: Any, _: Json) -> Sequence[Any]:
        if value.__class__ is not dict:
            return ()
        found = value.get(name)
        if found is None:
            return ()
        if found.__class__ is not list:
            return (found,)
        return [item for item in found if item is not None] if None in found else found

    return walk


def _chain(walks: Sequence[_Walk]) -> _Walk:
    def walk(value: Any, resource: Json) -> Sequence[Any]:
        values: Sequence[Any] = (value,)
        for one in walks:
            values = [found for item in values for found in one(item, resource)]
            if not values:
                break
        return values

    return walk


def _step(step: Any) -> _Walk:
    """A step of the generated table (infra/definitions/search_tables.py lists them)."""
    if isinstance(step, str):
        return _member(step)
    ((name, argument),) = step.items()
    if name == "at":
        return _at(argument)
    if name == "root":
        return lambda _, resource: (resource,)
    if name == "target":
        return lambda value, resource: (value,) if _leads_to(value, argument, resource) else ()
    test = _TESTS[name]
    if name == "affirmed":
        return lambda value, _: (test(value, argument),)
    return lambda value, _: (value,) if isinstance(value, dict) and test(value, argument) else ()


def _at(index: int) -> _Walk:
    """Arrays are spread before their steps, so that only their first element can be asked for."""
    if index:
        raise LookupError("only the first element of an array is supported")
    return lambda value, resource: (value,) if _is_first(value, resource) else ()


def _is_first(value: Any, resource: Json) -> bool:
    entries = resource.get("entry")
    return isinstance(entries, list) and bool(entries) and entries[0] is value


def _has_extension(value: Json, url: str) -> bool:
    return any(isinstance(x, dict) and x.get("url") == url for x in value.get("extension", ()))


def _affirmed(value: Json, names: Sequence[str]) -> bool:
    return any(value.get(name, False) is not False for name in names)


_TESTS: Mapping[str, Callable[[Json, Any], bool]] = {
    "where": lambda value, wanted: value.get(wanted[0]) == wanted[1],
    "extension": lambda value, url: value.get("url") == url,
    "has": _has_extension,
    "affirmed": _affirmed,
}


def _leads_to(value: Any, kind: str, resource: Json) -> bool:
    """FHIRPath's `resolve() is kind`, as far as the reference and what is contained tell."""
    if not isinstance(value, dict):
        return False
    literal = value.get("reference")
    if not isinstance(literal, str):
        return value.get("type") == kind
    if literal[:1] == "#":
        contained = resource.get("contained", ())
        return any(x.get("id") == literal[1:] and x["resourceType"] == kind for x in contained)
    return (type_in(literal) or value.get("type")) == kind
