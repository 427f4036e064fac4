"""UCUM codes brought to base units, so that equal quantities are found whatever their unit.

The table is generated from the official ucum-essence (infra/definitions/units.py). Codes are case
sensitive; annotations mean nothing. Arbitrary units and scales that are not linear (pH, dB) are
dimensions of their own: they equal only themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from dmp.fhir.definitions import table

UCUM = "http://unitsofmeasure.org"
LENGTH_MAX = 80
_EXPONENT_MAX = 32
_TOKEN = re.compile(
    r"(?P<note>\{[^{}]*\})|(?P<mark>[./()])"
    r"|(?P<number>[0-9]{1,9}(?![0-9*^]))"
    r"|(?P<atom>(?:10[*^]|(?:[^\[\]{}./()0-9+\-]|\[[^\[\]]*\])+))(?P<power>[+-]?[0-9]{1,2})?"
)


@dataclass(frozen=True, slots=True)
class Unit:
    """One of it is `factor` base units; on scales with another zero, `zero` is added after."""

    factor: Fraction
    dimensions: tuple[tuple[str, int], ...] = ()
    zero: Fraction = Fraction(0)

    def times(self, other: Unit, power: int = 1) -> Unit:
        """The product with a power of the other. ValueError for a scale with another zero."""
        if self.zero or other.zero:
            raise ValueError("a temperature scale stands alone")
        held = dict(self.dimensions)
        for name, exponent in other.dimensions:
            held[name] = held.get(name, 0) + exponent * power
        kept = tuple(sorted((name, exponent) for name, exponent in held.items() if exponent))
        return Unit(self.factor * other.factor**power, kept)


ONE = Unit(Fraction(1))
Lookup = Callable[[str], Unit | None]


@cache
def unit(code: str) -> Unit | None:
    """The unit of a UCUM code; None when it is none."""
    return parsed(code, _atom)


def in_base(value: Fraction, held: Unit) -> Fraction:
    """The value in base units."""
    return value * held.factor + held.zero


def parsed(code: str, atom: Lookup) -> Unit | None:
    """The unit that the code spells out of atoms; None when it does not follow UCUM's grammar."""
    if not code or len(code) > LENGTH_MAX:
        return None
    tokens = []
    at = 0
    while at < len(code):
        found = _TOKEN.match(code, at)
        if found is None:
            return None
        tokens.append(found)
        at = found.end()
    try:
        made, rest = _term(tokens, atom)
    except ValueError:
        return None
    return made if not rest else None


_Tokens = list[re.Match[str]]


def _term(tokens: _Tokens, atom: Lookup) -> tuple[Unit, _Tokens]:
    """`/`? component (`.` or `/` component)*, left to right."""
    made, power = None, 1
    if tokens and tokens[0]["mark"] == "/":
        made, power, tokens = ONE, -1, tokens[1:]
    while True:
        one, tokens = _component(tokens, atom)
        made = one if made is None else made.times(one, power)
        if not tokens or tokens[0]["mark"] not in (".", "/"):
            return made, tokens
        power, tokens = (1 if tokens[0]["mark"] == "." else -1), tokens[1:]


def _component(tokens: _Tokens, atom: Lookup) -> tuple[Unit, _Tokens]:
    if not tokens:
        raise ValueError("a unit is missing")
    first, rest = tokens[0], tokens[1:]
    if first["note"]:
        return ONE, rest
    if first["mark"] == "(":
        made, rest = _term(rest, atom)
        if not rest or rest[0]["mark"] != ")":
            raise ValueError("a bracket is open")
        rest = rest[1:]
    elif first["number"]:
        if not int(first["number"]):
            raise ValueError("no unit is nothing")
        made = Unit(Fraction(int(first["number"])))
    elif first["atom"]:
        made = _raised(first, atom)
    else:
        raise ValueError("a unit is missing")
    return made, rest[1:] if rest and rest[0]["note"] else rest


def _raised(token: re.Match[str], atom: Lookup) -> Unit:
    made = atom(token["atom"])
    power = int(token["power"] or 1)
    if made is None or abs(power) > _EXPONENT_MAX:
        raise ValueError("no such unit")
    return made if token["power"] is None else ONE.times(made, power)


def _atom(name: str) -> Unit | None:
    """A unit of the table, or a metric one with a prefix."""
    rows: Mapping[str, list[object]] = table("ucum.json.gz")["units"]
    if name in rows:
        return _unit(rows[name])
    for length in (2, 1):
        prefix: str | None = table("ucum.json.gz")["prefixes"].get(name[:length])
        row = rows.get(name[length:])
        if prefix is not None and row is not None and row[2]:
            held = _unit(row)
            return Unit(held.factor * Fraction(prefix), held.dimensions, held.zero)
    return None


def _unit(row: list[object]) -> Unit:
    factor, dimensions, _, *zero = row
    assert isinstance(dimensions, dict)
    shift = Fraction(str(zero[0])) if zero else Fraction(0)
    return Unit(Fraction(str(factor)), tuple(sorted(dimensions.items())), shift)
