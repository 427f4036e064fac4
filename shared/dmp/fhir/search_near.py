"""`Location?near=`: places within a distance on the globe."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir.search_parameters import Leaf
from dmp.fhir.search_values import Match
from dmp.fhir.units import unit

EARTH_M = 6_371_008.8  # the mean radius
DISTANCE_M = 10_000.0  # where none is given
_METRE = (("m", 1),)


def near(text: str, name: str) -> Match:
    """`latitude|longitude|distance|units`: UCUM units, km without; 10 km without a distance."""
    parts = text.split("|")
    if not 2 <= len(parts) <= 4:
        raise BadParameter("latitude|longitude|distance|units is expected", name)
    at = _degrees(parts[0], 90, name), _degrees(parts[1], 180, name)
    distance, code = [*parts[2:], "", ""][:2]
    within = _metres(distance, code, name)

    def match(_: Leaf, value: Any) -> bool:
        held = (value.get("latitude"), value.get("longitude")) if isinstance(value, dict) else ()
        numbers = [float(x) for x in held if isinstance(x, int | float | Decimal)]
        return len(numbers) == 2 and _apart(at, (numbers[0], numbers[1])) <= within

    return match


def _degrees(text: str, most: int, name: str) -> float:
    try:
        degrees = float(text)
    except ValueError:
        degrees = math.nan
    if not abs(degrees) <= most:
        raise BadParameter("degrees are decimal numbers", name)
    return degrees


def _metres(distance: str, code: str, name: str) -> float:
    if not distance:
        return DISTANCE_M
    found = unit(code or "km")
    try:
        amount = float(distance)
    except ValueError:
        amount = math.nan
    if found is None or found.dimensions != _METRE or not 0 <= amount < math.inf:
        raise BadParameter("a distance is a decimal number in a UCUM unit of length", name)
    return amount * float(found.factor)


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Metres along the great circle, by the haversine formula."""
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, place)) for place in (one, other))
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(half)))
