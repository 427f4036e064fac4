"""How date and number parameters compare: both sides are ranges."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir.json_reader import MAX_DIGITS, MAX_EXPONENT
from dmp.fhir.search_parameters import Leaf
from dmp.fhir.search_values import Match, unescape

# What a resource holds, ends included; infinite where it is open.
Bound = Decimal | Fraction | int | float
Range = tuple[Bound, Bound]
_Compare = Callable[[Range, Range], bool]
_EVER = (float("-inf"), float("inf"))
_WIDE = Context(prec=2 * MAX_DIGITS)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[0-9+.-])")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})"
    r"(?::([0-9]{2})(\.[0-9]+)?)?(Z|[+ -][0-9]{2}:[0-9]{2})?)?)?)?"
)


def _within(asked: Range, held: Range) -> bool:
    return asked[0] <= held[0] and held[1] < asked[1]


# What was asked for ends before its second figure; what is held includes both.
_DATES: Mapping[str, _Compare] = {
    "eq": _within,
    "ne": lambda asked, held: not _within(asked, held),
    "gt": lambda asked, held: held[1] >= asked[1],
    "lt": lambda asked, held: held[0] < asked[0],
    "ge": lambda asked, held: held[1] >= asked[1] or _within(asked, held),
    "le": lambda asked, held: held[0] < asked[0] or _within(asked, held),
    "sa": lambda asked, held: held[0] >= asked[1],
    "eb": lambda asked, held: held[1] < asked[0],
    "ap": lambda asked, held: held[0] < asked[1] and held[1] >= asked[0],
}
# Here what was asked for is one number, but for eq and ne, which look at its precision.
_NUMBERS: Mapping[str, Callable[[Any, Range, Range], bool]] = {
    "eq": lambda _, span, held: _within(span, held),
    "ne": lambda _, span, held: not _within(span, held),
    "gt": lambda asked, _, held: held[1] > asked,
    "lt": lambda asked, _, held: held[0] < asked,
    "ge": lambda asked, _, held: held[1] >= asked,
    "le": lambda asked, _, held: held[0] <= asked,
    "sa": lambda asked, _, held: held[0] > asked,
    "eb": lambda asked, _, held: held[1] < asked,
    "ap": lambda asked, _, held: (
        held[0] <= asked + abs(asked) / 10 and held[1] >= asked - abs(asked) / 10
    ),
}


def prefixed(text: str) -> tuple[str, str]:
    """A value's prefix (`eq` when it has none) and the rest."""
    found = _PREFIX.match(text)
    return (found[1], text[2:]) if found else ("eq", text)


def date(text: str, name: str, now: datetime | None) -> Match:
    """A date with a prefix; `ap` widens by a tenth of the time between it and `now`."""
    prefix, rest = prefixed(unescape(text))
    asked = moments(rest)
    if asked is None:
        told = "a date is YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm[:ss][zone], with a prefix"
        raise BadParameter(told, name)
    low, last = asked
    high = last + 1
    if prefix == "ap" and now is not None:
        gap = abs((now - _EPOCH) // _TICK - low) // 10
        low, high = low - gap, high + gap
    compare = _DATES[prefix]

    def match(leaf: Leaf, value: Any) -> bool:
        held = period_of(leaf, value)
        return held is not None and compare((low, high), held)

    return match


def period_of(leaf: Leaf, value: Any) -> Range | None:
    """The span of a date, instant, Period or Timing, in microseconds since 1970."""
    if isinstance(value, str):
        return moments(value)
    if not isinstance(value, dict):
        return None
    if leaf.type == "Timing":
        spans = [moments(event) for event in value.get("event", ()) if isinstance(event, str)]
        bounds = value.get("repeat", {}).get("boundsPeriod")
        held = [span for span in spans if span] + ([_bounds(bounds)] if bounds else [])
        return (min(s[0] for s in held), max(s[1] for s in held)) if held else None
    return _bounds(value) if leaf.type == "Period" else None


def _bounds(period: Mapping[str, Any]) -> Range:
    start, end = (moments(period.get(name) or "") for name in ("start", "end"))
    return (start[0] if start else _EVER[0], end[1] if end else _EVER[1])


def moments(text: str) -> tuple[int, int] | None:
    """First and last microsecond of a date or time as precise as it is written; UTC by default."""
    parts = _DATE.fullmatch(text)
    if parts is None:
        return None
    year, month, day, hour, minute, second = (int(p) if p else None for p in parts.groups()[:6])
    try:
        start = datetime(
            year or 0,
            month or 1,
            day or 1,
            hour or 0,
            minute or 0,
            min(second or 0, 59),
            tzinfo=UTC,
        )
    except ValueError:
        return None
    first = (start - _EPOCH) // _TICK + _offset(parts[8])
    if parts[7]:
        digits = parts[7][1:7]
        return first + int(digits.ljust(6, "0")), first + int(digits.ljust(6, "9"))
    return first, first + _length(start, month, day, hour, second) - 1


def _offset(zone: str | None) -> int:
    """Microseconds to add to reach UTC. A `+` that a query decoded to a space counts as `+`."""
    if zone is None or zone == "Z":
        return 0
    minutes = int(zone[1:3]) * 60 + int(zone[4:6])
    return (minutes if zone[0] == "-" else -minutes) * 60_000_000


def _length(
    start: datetime, month: int | None, day: int | None, hour: int | None, second: int | None
) -> int:
    if second is not None:
        return 1_000_000
    if hour is not None:
        return 60_000_000
    if day is not None:
        days = 1
    elif month is not None:
        days = (start.replace(day=28) + timedelta(days=4)).replace(day=1).toordinal()
        days -= start.toordinal()
    else:
        days = 366 if _is_leap(start.year) else 365
    return days * 86_400_000_000


def _is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def number(text: str, name: str) -> Match:
    """A number with a prefix; without one, to the precision it is written with."""
    compare = number_test(unescape(text), name)

    def match(leaf: Leaf, value: Any) -> bool:
        held = interval_of(leaf, value)
        return held is not None and compare(held)

    return match


def number_test(text: str, name: str) -> Callable[[Range], bool]:
    """What a prefixed number asks of a span; spans may hold decimals or exact fractions."""
    prefix, rest = prefixed(text)
    if not _NUMBER.fullmatch(rest) or len(rest) > MAX_DIGITS:
        raise BadParameter("a decimal number is expected, with a prefix", name)
    asked = Decimal(rest)
    exponent = asked.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
        raise BadParameter("the number's exponent is out of range", name)
    compare, span = _NUMBERS[prefix], _precision(asked)
    exact = Fraction(asked), (Fraction(span[0]), Fraction(span[1]))

    def test(held: Range) -> bool:
        if isinstance(held[0], Fraction) or isinstance(held[1], Fraction):
            return compare(*exact, held)
        return compare(asked, span, held)

    return test


def _precision(asked: Decimal) -> tuple[Decimal, Decimal]:
    """From half a unit of the last digit below to half a unit above."""
    half = Decimal((0, (5,), int(asked.as_tuple().exponent) - 1))
    return _WIDE.subtract(asked, half), _WIDE.add(asked, half)


def interval_of(leaf: Leaf, value: Any) -> Range | None:
    """The span of a number, Quantity or Range; open where a comparator or a Range is."""
    if leaf.type == "Range":
        low, high = (_exact(value.get(end, {}).get("value")) for end in ("low", "high"))
        if low is None and high is None:
            return None
        return (_EVER[0] if low is None else low, _EVER[1] if high is None else high)
    held = _exact(value.get("value") if isinstance(value, dict) else value)
    if held is None:
        return None
    comparator = value.get("comparator", "") if isinstance(value, dict) else ""
    return (
        _EVER[0] if comparator[:1] == "<" else held,
        _EVER[1] if comparator[:1] == ">" else held,
    )


def _exact(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return value if isinstance(value, Decimal) else Decimal(str(value))
