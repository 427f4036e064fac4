"""Criteria on a resource's own elements: parameters, modifiers, values, composites."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir import search_near, search_quantities, search_ranges, search_values
from dmp.fhir.definitions import Json, resource_types
from dmp.fhir.faults import listed
from dmp.fhir.search_parameters import Parameter
from dmp.fhir.search_values import Match, split, unescape
from dmp.fhir.search_view import View

MODIFIERS = {
    "token": ("missing", "not", "text", "of-type"),
    "string": ("missing", "exact", "contains"),
    "reference": ("missing", "identifier"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
    "uri": ("missing",),
    "composite": ("missing",),
    "special": ("missing",),
}
VALUES_MAX = 200
_TERMINOLOGY = ("in", "not-in", "above", "below")
Test = Callable[[Json, View], bool]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One parameter of a query: all criteria must hold, any of one's values suffices.

    `parameter` is the resource's own, which a chain begins at; `_has` has none. `joined` are the
    types that chains look into: of each set, at least one.
    """

    name: str
    modifier: str | None
    values: tuple[str, ...]
    parameter: Parameter | None
    test: Test
    joined: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a query: leniently or not, what the server's own base is, and when it is."""

    lenient: bool = False
    base: str = ""
    now: datetime | None = None


def own_criterion(
    found: Parameter, modifier: str, value: str, name: str, reading: Reading
) -> Criterion:
    """A criterion on the resource itself. `name` is the whole parameter, for refusals."""
    _check_modifier(found, modifier, name)
    values = split(value, ",")
    if not all(values):
        raise BadParameter("a value is empty", name)
    if len(values) > VALUES_MAX:
        raise BadParameter(f"at most {VALUES_MAX} values", name)
    if modifier == "missing":
        test = _missing(found, value, name)
    else:
        test = _any(found, modifier or None, values, name, reading)
    texts = tuple(unescape(v) for v in values)
    return Criterion(found.code, modifier or None, texts, found, test)


def wrong_target(found: Parameter) -> str:
    """Text for a type that the parameter's references cannot lead to."""
    return f"its target is {listed(found.targets) if found.targets else 'a resource type'}"


def _check_modifier(found: Parameter, modifier: str, name: str) -> None:
    if not modifier or modifier in MODIFIERS[found.type]:
        return
    if found.type == "reference" and modifier in resource_types():
        if modifier in (found.targets or resource_types()):
            return
        raise BadParameter(wrong_target(found), name)
    accepted = listed([":" + m for m in MODIFIERS[found.type]])
    if modifier in _TERMINOLOGY:
        text = f":{modifier} needs a terminology service, which is not served; {accepted} are"
        raise BadParameter(text, name)
    raise BadParameter(f"a {found.type} parameter takes {accepted}", name)


def _missing(found: Parameter, value: str, name: str) -> Test:
    if value not in ("true", "false"):
        raise BadParameter(":missing is true or false", name)
    wanted = value == "true"
    return lambda resource, _: (not found.find(resource)) is wanted


def _any(
    found: Parameter, modifier: str | None, values: Sequence[str], name: str, reading: Reading
) -> Test:
    if found.type == "composite":
        return _composite(found, values, name, reading)
    matches = [_match(found.type, modifier, value, name, reading) for value in values]
    find = found.find

    def any_match(resource: Json, _: View) -> bool:
        return any(match(leaf, v) for leaf, v in find(resource) for match in matches)

    if modifier == "not":
        return lambda resource, view: not any_match(resource, view)
    return any_match


def _composite(found: Parameter, values: Sequence[str], name: str, reading: Reading) -> Test:
    """`a$b`: both in one value of the composite; each part takes prefixes, but no modifier."""
    alternatives: list[list[Match]] = []
    for value in values:
        parts = split(value, "$")
        if len(parts) != len(found.components) or not all(parts):
            kinds = "$".join(kind for kind, _ in found.components)
            raise BadParameter(f"a composite value is {kinds}", name)
        pairs = zip(found.components, parts, strict=True)
        alternatives.append([_match(kind, None, part, name, reading) for (kind, _), part in pairs])

    def holds(matches: Sequence[Match], whole: Any, resource: Json) -> bool:
        pairs = zip(found.components, matches, strict=True)
        return all(
            any(match(leaf, value) for leaf, value in find(whole, resource))
            for (_, find), match in pairs
        )

    def test(resource: Json, _: View) -> bool:
        wholes = found.find(resource)
        return any(holds(one, whole, resource) for _, whole in wholes for one in alternatives)

    return test


def _match(kind: str, modifier: str | None, value: str, name: str, reading: Reading) -> Match:
    if kind == "date":
        return search_ranges.date(value, name, reading.now)
    if kind == "number":
        return search_ranges.number(value, name)
    if kind == "quantity":
        return search_quantities.quantity(value, name)
    if kind == "special":  # there is one, Location's
        return search_near.near(unescape(value), name)
    if kind == "reference":
        return search_values.reference(value, modifier, name, reading.base)
    kinds = {
        "token": search_values.token,
        "string": search_values.string,
        "uri": search_values.uri,
    }
    return kinds[kind](value, modifier, name)
