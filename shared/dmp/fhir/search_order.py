"""The order of `_sort`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dmp.fhir.definitions import Json
from dmp.fhir.search import Query
from dmp.fhir.search_parameters import Leaf, Parameter
from dmp.fhir.search_quantities import in_base_units
from dmp.fhir.search_ranges import Range, interval_of, period_of
from dmp.fhir.search_values import normalised, strings_of, tokens_of


def ordered(query: Query, resources: Iterable[Json]) -> list[Json]:
    """The resources in the order that the query asks for; those without a value come last."""
    made = list(resources)
    for wanted, descending in reversed(query.sort):
        keyed = [(_key(wanted, resource, descending), resource) for resource in made]
        placed = [(key, resource) for key, resource in keyed if key is not None]
        placed.sort(key=lambda pair: pair[0], reverse=descending)
        made = [r for _, r in placed] + [r for key, r in keyed if key is None]
    return made


def _key(wanted: Parameter, resource: Json, descending: bool) -> Any:
    """The least of the values found, or the greatest when descending; None without one."""
    keys = [k for leaf, value in wanted.find(resource) for k in _KEYS[wanted.type](leaf, value)]
    if not keys:
        return None
    return max(keys) if descending else min(keys)


def _ends(held: Range | None) -> Iterable[Any]:
    return held or ()


def _literals(_: Leaf, value: Any) -> list[str]:
    literal = value.get("reference") if isinstance(value, dict) else value
    return [literal] if isinstance(literal, str) else []


_KEYS: Mapping[str, Callable[[Leaf, Any], Iterable[Any]]] = {
    "date": lambda leaf, value: _ends(period_of(leaf, value)),
    "number": lambda leaf, value: _ends(interval_of(leaf, value)),
    "quantity": lambda leaf, value: _ends(in_base_units(leaf, value)),
    "string": lambda leaf, value: [normalised(text) for text in strings_of(leaf, value)],
    "token": lambda leaf, value: [code for _, code in tokens_of(leaf, value) if code],
    "reference": _literals,
    "uri": _literals,
}
