"""Faults found while checking a value: where they are is told on the way back up.

Paths cost nothing while nothing is wrong, since each level adds its own part to what it gets back.
"""

from __future__ import annotations

import re
from decimal import Decimal

from dmp.domain.refusals import Issue

MAX_ISSUES = 100
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class Fault:
    """One fault; `parts` is its path, innermost first."""

    __slots__ = ("code", "parts", "text")

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        self.text = text
        self.parts: list[str | int] = []

    def issue(self, root: str) -> Issue:
        """As an issue below `root`; names that no element can have are not repeated."""
        path = [root]
        for part in reversed(self.parts):
            if isinstance(part, int):
                path.append(f"[{part}]")
            else:
                path.append("." + (part if _NAME.fullmatch(part) else "(name)"))
        return Issue(self.text, "".join(path), self.code)

    def settled(self, code: str, text: str) -> Fault:
        """Another fault at the same place."""
        fault = Fault(code, text)
        fault.parts = self.parts
        return fault


class Null(Fault):
    """A null in an array of primitives: no fault when its sibling carries an extension."""

    __slots__ = ()


class Pending(Fault):
    """No fault yet: what only an outer level can settle."""

    __slots__ = ()


class Link(Pending):
    """A reference whose target's type only the resource or Bundle around can tell."""

    __slots__ = ("reference", "targets")

    def __init__(self, reference: str, targets: tuple[str, ...]) -> None:
        super().__init__("invalid", "")
        self.reference = reference
        self.targets = targets

    def wrong(self, text: str) -> Fault:
        """The fault it turns out to be, at the same place."""
        return self.settled("invalid", text)


class Mention(Pending):
    """A uri that names a fragment, and so perhaps a contained resource."""

    __slots__ = ("reference",)

    def __init__(self, reference: str) -> None:
        super().__init__("invalid", "")
        self.reference = reference


class Named(Pending):
    """An element's id, which no other element of the resource may have."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__("invalid", "")
        self.name = name


Faults = list[Fault]


def prefixed(faults: Faults, part: str | int) -> Faults:
    """The same faults, seen from one level further out."""
    for fault in faults:
        fault.parts.append(part)
    return faults


def wrong_target(targets: tuple[str, ...]) -> str:
    """Text for a reference to another type than the element allows."""
    return f"the reference's target must be of type {listed(targets)}"


def listed(names: tuple[str, ...] | list[str]) -> str:
    """`a, b or c`."""
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


def kind_of(value: object) -> str:
    """What a value is in JSON, never the value itself."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, int | float | Decimal):
        return "a number"
    return "an array" if isinstance(value, list) else "an object"


def expected(value: object, what: str) -> Fault:
    """A fault of JSON kind: `a number was found, a string is expected`."""
    return Fault("structure", f"{kind_of(value)} was found, {what} is expected")
