"""The parameters of `Patient/$everything`: which resources, of which types and times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dmp.domain.instants import in_utc
from dmp.domain.record import Version
from dmp.domain.refusals import BadParameter
from dmp.fhir import compartment

COUNT_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Everything:
    """`since` an instant of the server's time; `start` and `end` bound the clinical date.

    What bears no clinical date is kept whatever the bounds, as the operation's definition has it.
    """

    count: int | None = None
    types: frozenset[str] = frozenset()
    since: str = ""
    start: str = ""
    end: str = ""

    def takes(self, version: Version) -> bool:
        """Whether the resource is asked for."""
        if self.types and version.type not in self.types:
            return False
        if version.at < self.since:
            return False
        if not version.date or not (self.start or self.end):
            return True
        first, after = in_utc(version.date), in_utc(version.date, end=True)
        begun = first >= self.start or after > self.start
        return begun and first < (self.end or "~")


def everything_of(parameters: Sequence[tuple[str, str]]) -> Everything:
    """The operation's parameters; 400 naming one that is unknown, repeated or of a wrong form."""
    given: dict[str, str] = {}
    for name, value in parameters:
        if name not in _READERS or (name in given and name != "_type"):
            raise BadParameter(f"$everything takes {', '.join(_READERS)}, each once", name)
        given[name] = f"{given[name]},{value}" if name in given else value
    read = {name: _READERS[name](name, value) for name, value in given.items()}
    return Everything(**{name.removeprefix("_"): value for name, value in _named(read)})  # type: ignore[arg-type]  # each reader gives its field's type


def _named(read: dict[str, object]) -> list[tuple[str, object]]:
    return [("types" if name == "_type" else name, value) for name, value in read.items()]


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or not 0 < int(value) <= COUNT_MAX:
        raise BadParameter("a whole number from 1", name)
    return int(value)


def _types(name: str, value: str) -> frozenset[str]:
    types = frozenset(filter(None, value.split(",")))
    if not types or not types <= compartment.served():
        raise BadParameter("resource types that are served, separated by commas", name)
    return types


def _first(name: str, value: str) -> str:
    try:
        return in_utc(value)
    except ValueError:
        raise BadParameter("a date or an instant", name) from None


def _last(name: str, value: str) -> str:
    try:
        return in_utc(value, end=True)
    except ValueError:
        raise BadParameter("a date or an instant", name) from None


_READERS: dict[str, Callable[[str, str], object]] = {
    "_count": _number,
    "_type": _types,
    "_since": _first,
    "start": _first,
    "end": _last,
}
