"""The constraints of R4's definitions, by type: what is compiled from their FHIRPath."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from dmp.fhir.definitions import table
from dmp.fhir.fhirpath import Truth, judge

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Invariant:
    """One constraint. An object with none of the names in `about` keeps it whatever else it has."""

    key: str
    severity: str
    text: str
    test: Truth
    about: frozenset[str]

    def broken(self, value: Json) -> bool:
        """Whether a sound object does not keep it."""
        about = self.about
        if about and value.keys().isdisjoint(about):
            return False
        return self.test(value, value) is not True


@cache
def invariants_of(name: str) -> tuple[Invariant, ...]:
    """The constraints on values of a type or nested element, warnings among them."""
    return tuple(_made(*row) for row in table("r4-invariants.json.gz")["invariants"].get(name, ()))


def _made(key: str, severity: str, text: str, node: list[Any]) -> Invariant:
    test = judge(node)
    return Invariant(key, severity, f"{text.rstrip('. ')} ({key})", test, _about(node, test))


def _about(node: list[Any], test: Truth) -> frozenset[str]:
    """Names of which one must be there for the test to fail; empty when it can fail without any."""
    if narrow := _narrow(node):
        return narrow
    if test({}, {}) is not True or "descendants" in repr(node):
        return frozenset()
    return frozenset(_mentioned(node))


def _narrow(node: list[Any]) -> frozenset[str]:
    """The same from the expression's form: `a.empty() or …`, `a.exists() implies …`."""
    operation = node[0]
    if operation in ("empty", "all", "matches"):
        return _steps(node[1])
    if operation == "implies" and node[1][0] == "exists":
        return _steps(node[1][1])
    if operation in ("or", "and"):
        one, other = _narrow(node[1]), _narrow(node[2])
        if operation == "and":
            return one | other if one and other else frozenset()
        return min((x for x in (one, other) if x), key=len, default=frozenset())
    return frozenset()


def _steps(node: list[Any]) -> frozenset[str]:
    """The names by which a path begins."""
    while node[0] in (".", "where", "first") and node[1] != ["this"]:
        node = node[1]
    if node[0] != "." or node[1] != ["this"]:
        return frozenset()
    return frozenset(name for own in node[2] for name in (own, "_" + own))


def _mentioned(node: list[Any]) -> Iterator[str]:
    for part in node:
        if isinstance(part, list):
            yield from _mentioned(part)
    if node and node[0] == ".":
        yield from (name for own in node[2] for name in (own, "_" + own))
