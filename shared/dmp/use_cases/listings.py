"""What one page of a listing shows: matches and what goes along with them, as much as fits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

from dmp.domain.record import Version

PAGE = "_page"
PAGE_BYTES_MAX = 3 * 1024 * 1024
_AROUND = 200  # bytes of an entry besides its resource
Total = Literal["accurate", "none", "only"]
Key = tuple[str, str]


def key_of(version: Version) -> Key:
    """What names a resource within its record."""
    return version.type, version.id


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed: its path under the base and parameters, so many a page, with its total."""

    path: str
    parameters: Sequence[tuple[str, str]]
    count: int | None
    total: Total

    def url(self, base: str, token: str | None) -> str:
        """Its address, that of its first page without a token."""
        rest = [(name, value) for name, value in self.parameters if name != PAGE]
        query = urlencode([*rest, *([(PAGE, token)] if token else [])])
        return f"{base}/{self.path}" + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True)
class Found:
    """What a listing found.

    `order` holds every match and, on a later page, the resource that it goes on after, which need
    not match any more; `total` are the matches. `seen` is all that the caller may see, deletions
    included. `along` gives the companions of a match, without those that are there already, `body`
    a resource as it is shown; `outcome` tells of what was not understood.
    """

    order: Sequence[Version]
    total: int
    seen: Sequence[Version]
    along: Callable[[Version, Collection[Key]], Sequence[Version]] = lambda *_: ()
    body: Callable[[Version], bytes] = lambda version: version.body
    outcome: bytes | None = None


@dataclass(slots=True)
class Shown:
    """One page: it ends after the match `last`, of whose companions `along` are shown (0: all)."""

    found: Found
    matches: list[tuple[Version, bytes]] = field(default_factory=list)
    companions: list[tuple[Version, bytes]] = field(default_factory=list)
    last: Key | None = None
    along: int = 0
    more: bool = False
    _room: int = PAGE_BYTES_MAX
    _held: set[Key] = field(default_factory=set)

    def fill(self, after: Key | None, along: int, count: int | None) -> Shown:
        """The page that goes on after a match, or in the midst of its companions."""
        order = self.found.order
        at = next((i for i, v in enumerate(order, 1) if key_of(v) == after), 0) if after else 0
        rest = order[at:] if count is None else order[at : at + count]
        self._held = {key_of(v) for v in rest}
        self.last = after
        if along and at:
            self._part(order[at - 1], along)
        for version in rest:
            if self.along or not self._whole(version):
                break
        shown_all = len(self.matches) == len(order) - at
        self.more = bool(self.along) or not shown_all
        return self

    def _whole(self, version: Version) -> bool:
        """Show a match with all its companions; False when they do not fit here any more."""
        body = self.found.body(version)
        beside = self._sized(self.found.along(version, self._held))
        own = len(body) + _AROUND
        fits = own + _size(beside) <= self._room
        if not fits and (self.matches or self.companions):
            return False
        self.matches.append((version, body))
        self.last = key_of(version)
        self._room -= own
        if not fits:
            self._part(version, 0)
        elif beside:
            self._take(beside)
        return True

    def _part(self, version: Version, start: int) -> None:
        """As many of a match's companions as fit, from one on; counted without any left out."""
        every = self.found.along(version, ())
        taken = start
        for one in self._sized(every[start:]):
            if _size([one]) > self._room and taken > start:
                self.along = taken
                return
            self._take([one])
            taken += 1

    def _sized(self, versions: Sequence[Version]) -> list[tuple[Version, bytes]]:
        return [(version, self.found.body(version)) for version in versions]

    def _take(self, beside: Sequence[tuple[Version, bytes]]) -> None:
        self.companions += beside
        self._held |= {key_of(version) for version, _ in beside}
        self._room -= _size(beside)


def _size(entries: Sequence[tuple[Version, bytes]]) -> int:
    return sum(len(body) + _AROUND for _, body in entries)
