"""What FHIRPath's functions do to values; the expressions are in dmp.fhir.fhirpath."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from dmp.domain.instants import in_utc

_NUMBER = (int, float, Decimal)
_DATE = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2}(T.+)?)?)?\Z")


def children(value: Any, name: str) -> list[Any]:
    """What an object has under a JSON name; where only an extension is, its object."""
    if value.__class__ is not dict:
        return []
    own, beside = value.get(name), value.get("_" + name)
    if own.__class__ is not list:
        if own is not None:
            return [own]
        return [] if beside is None else beside if isinstance(beside, list) else [beside]
    found = [item for item in own if item is not None]
    if isinstance(beside, list):
        found += [
            item
            for at, item in enumerate(beside)
            if item is not None and (at >= len(own) or own[at] is None)
        ]
    return found


def distinct(found: list[Any]) -> list[Any]:
    """Each value once, in order."""
    kept: list[Any] = []
    for item in found:
        if item not in kept:
            kept.append(item)
    return kept


def below(value: Any) -> Iterator[Any]:
    """Every object inside a value."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, dict):
            yield item
        if isinstance(item, dict | list):
            yield from below(item)


def integer(found: list[Any]) -> list[Any]:
    """What can be read as an integer, as one."""
    return [int(str(x)) for x in found if re.fullmatch(r"[+-]?[0-9]{1,18}", str(x))]


def joined(left: list[Any], right: list[Any]) -> list[Any]:
    """Two texts as one; an absent one is empty."""
    return ["".join(str(x) for x in (*left[:1], *right[:1]))]


def ordered(sign: str, one: Any, other: Any) -> bool:
    """Whether the order holds, as far as can be told: what cannot be compared is left alone."""
    if isinstance(one, dict) and isinstance(other, dict):
        units = [(x.get("system"), x.get("code"), x.get("unit")) for x in (one, other)]
        if units[0] != units[1] or "comparator" in one or "comparator" in other:
            return True
        one, other = one.get("value"), other.get("value")
    if isinstance(one, str) and isinstance(other, str):
        pair = _moments(one, other)
        if pair is None:
            return True
        one, other = pair
    elif not isinstance(one, _NUMBER) or not isinstance(other, _NUMBER):
        return True
    if sign == "<=":
        return bool(one <= other)
    if sign == ">=":
        return bool(one >= other)
    return bool(one < other if sign == "<" else one > other)


def _moments(one: str, other: str) -> tuple[str, str] | None:
    """Two dates as texts in order; None when the less precise of them leaves it open."""
    if not _DATE.match(one) or not _DATE.match(other):
        return None
    if "T" in one and "T" in other:
        return in_utc(one), in_utc(other)
    shared = min(len(one), len(other), 10)
    heads = one[:shared], other[:shared]
    return heads if heads[0] != heads[1] or one == other else None


def is_a(value: Any, kind: str) -> bool:
    """Whether a value is a resource of a type, a boolean or a decimal."""
    if isinstance(value, dict):
        return bool(value.get("resourceType") == kind)
    if kind in ("boolean", "Boolean"):
        return isinstance(value, bool)
    return kind == "decimal" and isinstance(value, _NUMBER) and not isinstance(value, bool)
