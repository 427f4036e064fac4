"""What one search may look at: the resources that its caller may see, each parsed at most once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from dmp.domain.record import Version
from dmp.fhir import json_reader
from dmp.fhir.definitions import Json
from dmp.fhir.search_values import relative

T = TypeVar("T")
Key = tuple[str, str]


class View:
    """A record as one caller sees it.

    Nothing else is ever asked: what is not in it has no part in matches, chains, includes or
    order. `joinable` tells what chains and `_has` may look into, `includable` what may be added to
    an answer (None: all); matches themselves are the caller's own choice.
    """

    def __init__(
        self,
        versions: Iterable[Version] = (),
        base: str = "",
        joinable: Callable[[Version], bool] | None = None,
        includable: Callable[[Version], bool] | None = None,
    ) -> None:
        self._base = base
        self._joinable = joinable
        self._includable = includable
        self._by_type: dict[str, list[Version]] = {}
        self._by_name: dict[str, Version] = {}
        for version in versions:
            self._by_type.setdefault(version.type, []).append(version)
            self._by_name[f"{version.type}/{version.id}"] = version
        self._parsed: dict[Key, Json] = {}
        self._remembered: dict[Any, Any] = {}

    def of_type(self, resource_type: str) -> list[Version]:
        """In the order in which they were first written."""
        return self._by_type.get(resource_type, [])

    def joinable(self, version: Version) -> bool:
        """Whether chains and `_has` may look into the resource."""
        return self._joinable is None or self._joinable(version)

    def includable(self, version: Version) -> bool:
        """Whether the resource may be added to an answer."""
        return self._includable is None or self._includable(version)

    def resource(self, version: Version) -> Json:
        """The version's content."""
        key = (version.type, version.id)
        found = self._parsed.get(key)
        if found is None:
            found = self._parsed[key] = json_reader.reread(version.body)
        return found

    def name_of(self, value: Any) -> str | None:
        """`Type/id` that a reference in a resource names, whoever holds it."""
        literal = value.get("reference") if isinstance(value, dict) else value
        if not isinstance(literal, str) or literal[:1] == "#":
            return None
        return relative(literal, self._base)

    def target(self, value: Any) -> Version | None:
        """What a reference leads to, if it is in view."""
        name = self.name_of(value)
        return None if name is None else self._by_name.get(name)

    def remember(self, key: Any, make: Callable[[], T]) -> T:
        """What was made for the key before, or is made now."""
        if key not in self._remembered:
            self._remembered[key] = make()
        made: T = self._remembered[key]
        return made


def contained(value: Any, owner: Mapping[str, Any]) -> Json | None:
    """What a reference of the form `#id` leads to within its own resource."""
    literal = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(literal, str) or literal[:1] != "#":
        return None
    inside: Iterable[Json] = owner.get("contained", ())
    return next((one for one in inside if one.get("id") == literal[1:]), None)
