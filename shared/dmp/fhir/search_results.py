"""The parameters that shape an answer rather than choose what is in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dmp.domain.refusals import BadParameter
from dmp.fhir.faults import listed
from dmp.fhir.search_includes import INCLUDES, INCLUDES_MAX, Include, include
from dmp.fhir.search_parameters import Parameter, parameter
from dmp.fhir.subsets import element_names

SUMMARIES = ("true", "text", "data", "count", "false")
TOTALS = ("none", "estimate", "accurate")
RESULTS = ("_sort", "_count", "_total", "_summary", "_elements", *INCLUDES)
SORTED = ("token", "string", "reference", "date", "number", "quantity", "uri")
SORTS_MAX = 10


@dataclass(slots=True)
class Results:
    """What a query says of its answer; `count` 0 asks for the total alone."""

    sort: tuple[tuple[Parameter, bool], ...] = ()
    count: int | None = None
    total: str | None = None
    summary: str | None = None
    elements: tuple[str, ...] = ()
    includes: list[Include] = field(default_factory=list)
    _given: set[str] = field(default_factory=set)

    def take(self, resource_type: str, name: str, value: str) -> bool:
        """Take the parameter in; False when it is none of these. BadParameter for a bad value."""
        code = name.partition(":")[0]
        if code in INCLUDES:
            if len(self.includes) == INCLUDES_MAX:
                raise BadParameter(f"at most {INCLUDES_MAX} includes", name)
            self.includes.append(include(resource_type, name, value))
            return True
        if name not in RESULTS:
            return False
        if name in self._given:
            raise BadParameter("may be given once", name)
        self._given.add(name)
        if name == "_sort":
            self.sort = _sort(resource_type, value)
        elif name == "_count":
            self.count = _count(value)
        elif name == "_elements":
            self.elements = element_names(resource_type, value)
        else:
            setattr(self, name[1:], _one_of(name, value))
        return True

    def settle(self) -> None:
        """BadParameter for what cannot be asked for together (R4, search, section 3.1.1.5.8)."""
        if self.summary == "text" and self.includes:
            raise BadParameter("_summary=text takes no _include or _revinclude", "_summary")
        if self.elements and self.summary in ("true", "text", "data"):
            raise BadParameter("either _summary or _elements", "_elements")


_ACCEPTED: Mapping[str, tuple[str, ...]] = {"_total": TOTALS, "_summary": SUMMARIES}


def _one_of(name: str, value: str) -> str:
    if value not in _ACCEPTED[name]:
        raise BadParameter(f"must be {listed(_ACCEPTED[name])}", name)
    return value


def _count(value: str) -> int:
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise BadParameter("a whole number is expected", "_count")
    return int(value)


def _sort(resource_type: str, value: str) -> tuple[tuple[Parameter, bool], ...]:
    made = []
    for part in value.split(","):
        found = parameter(resource_type, part.removeprefix("-"))
        if found is None or found.type not in SORTED:
            raise BadParameter(f"{resource_type} cannot be sorted by that", "_sort")
        made.append((found, part.startswith("-")))
    if len(made) > SORTS_MAX:
        raise BadParameter(f"at most {SORTS_MAX} keys", "_sort")
    return tuple(made)
