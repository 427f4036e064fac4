"""`Observation/$lastn`: the newest observations of each code, by R4's definition of the operation.

Codes are one when they share a coding, directly or through others; a code without any is told by
its text alone. Of equal times all are kept. What has no time is older than all that has one, the
last written first, and never equal to another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir.definitions import Json
from dmp.fhir.search_parameters import parameter, parameters_of
from dmp.fhir.search_ranges import Range, period_of

MAX = "max"
MAX_DIGITS = 9
_NEVER = float("-inf")
_Name = tuple[Any, ...]


def most_of(parameters: Iterable[tuple[str, str]]) -> int:
    """How many of each code: `max`, 1 by default. 400 unless what they are chosen by is given."""
    given = list(parameters)
    wanted = [value for name, value in given if name == MAX]
    if len(wanted) > 1:
        raise BadParameter("may be given once", MAX)
    (text,) = wanted or ["1"]
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and int(text)):
        raise BadParameter("a whole number from 1", MAX)
    names = {name.partition(":")[0].partition(".")[0] for name, _ in given}
    if "_sort" in names:
        raise BadParameter("$lastn has an order of its own: newest first", "_sort")
    if not names & chosen_by():
        raise BadParameter("$lastn takes category, or a parameter with a code", "category")
    return int(text)


def chosen_by() -> frozenset[str]:
    """The parameters of which one at least must be given: category, and those of a code."""
    coded = {name for name in parameters_of("Observation") if "code" in name.split("-")}
    return frozenset({"category", *coded})


def newest(observations: Sequence[Json], most: int) -> list[int]:
    """Which of the observations, given in the order written: the newest `most` of each code."""
    groups: dict[int, list[int]] = {}
    names = [_names(one, i) for i, one in enumerate(observations)]
    for i, group in enumerate(_groups(names)):
        groups.setdefault(group, []).append(i)
    kept: list[int] = []
    for members in groups.values():
        aged = [(recency(observations[i]), i) for i in members]
        aged.sort(reverse=True)
        last = aged[most - 1][0] if len(aged) > most else None
        tied = [i for when, i in aged[most:] if when == last and when != (_NEVER, _NEVER)]
        kept += [i for _, i in aged[:most]] + tied
    return sorted(kept)


def recency(observation: Json) -> Range:
    """What orders observations: when it ended, then when it began, as `date` is searched by."""
    date = parameter("Observation", "date")
    found = [period_of(leaf, value) for leaf, value in date.find(observation)] if date else []
    spans = [span for span in found if span]
    if not spans:
        return _NEVER, _NEVER
    return max((last, first) for first, last in spans)


def _names(observation: Json, place: int) -> list[_Name]:
    """What its code is called; one that says nothing is like no other."""
    code: Mapping[str, Any] = observation.get("code", {})
    names: list[_Name] = [
        ("coding", coding.get("system"), coding["code"])
        for coding in code.get("coding", ())
        if "code" in coding
    ]
    if not names and "text" in code:
        names = [("text", code["text"])]
    return names or [("alone", place)]


def _groups(named: Sequence[Sequence[_Name]]) -> list[int]:
    """A group for each, the same for all that names connect."""
    leader = list(range(len(named)))
    first: dict[_Name, int] = {}

    def root(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, names in enumerate(named):
        for name in names:
            leader[root(i)] = root(first.setdefault(name, i))
    return [root(i) for i in range(len(named))]
