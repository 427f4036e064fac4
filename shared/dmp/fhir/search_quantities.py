"""How quantity parameters compare: numbers in their units, UCUM-equal units being equal."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir.search_parameters import Leaf
from dmp.fhir.search_ranges import Bound, Range, interval_of, number_test
from dmp.fhir.search_values import Match, split, unescape
from dmp.fhir.units import UCUM, Unit, in_base, unit


def quantity(text: str, name: str) -> Match:
    """`number`, `number|system|code` or `number||unit`, with a prefix.

    A UCUM code finds every quantity whose UCUM unit measures the same thing; another system's, and
    a unit without one, are compared to the letter.
    """
    parts = [unescape(part) for part in split(text, "|")]
    if len(parts) not in (1, 3):
        raise BadParameter("a quantity is number or number|system|code", name)
    compare = number_test(parts[0], name)
    system, code = parts[1:] if len(parts) > 1 else ("", "")
    if system and not code:
        raise BadParameter("a quantity with a system needs a code", name)
    asked = unit(code) if system == UCUM else None

    def match(leaf: Leaf, value: Any) -> bool:
        held = interval_of(leaf, value)
        if held is None:
            return False
        bearer = _unit_bearer(leaf, value)
        if not code or _in_unit(bearer, system, code):
            return compare(held)
        if asked is None or bearer.get("system") != UCUM:
            return False
        converted = _converted(held, bearer.get("code"), asked)
        return converted is not None and compare(converted)

    return match


def in_base_units(leaf: Leaf, value: Any) -> Range | None:
    """The span in base units where the unit is UCUM's, as it stands otherwise; exact fractions."""
    held = interval_of(leaf, value)
    if held is None:
        return None
    bearer = _unit_bearer(leaf, value)
    found = unit(bearer["code"]) if bearer.get("system") == UCUM and "code" in bearer else None
    return (_exact(held[0], found), _exact(held[1], found))


def _converted(held: Range, code: object, asked: Unit) -> Range | None:
    found = unit(code) if isinstance(code, str) else None
    if found is None or found.dimensions != asked.dimensions:
        return None
    low, high = (_exact(end, found) for end in held)
    return (_out_of_base(low, asked), _out_of_base(high, asked))


def _exact(end: Bound, found: Unit | None) -> Bound:
    if isinstance(end, float):
        return end
    exact = Fraction(end)
    return in_base(exact, found) if found else exact


def _out_of_base(end: Bound, asked: Unit) -> Bound:
    return (end - asked.zero) / asked.factor if isinstance(end, Fraction) else end


def _unit_bearer(leaf: Leaf, value: Any) -> Mapping[str, Any]:
    if leaf.type == "Range":
        held: Mapping[str, Any] = value.get("low") or value.get("high") or {}
        return held
    return value if isinstance(value, dict) else {}


def _in_unit(value: Mapping[str, Any], system: str, code: str) -> bool:
    if system:
        return value.get("system") == system and value.get("code") == code
    return code in (value.get("code"), value.get("unit"), value.get("currency"))
