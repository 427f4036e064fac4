"""A journal as its patient reads it: entries grouped into accesses, and which of them are wanted.

An access is one person, place and purpose for one hour from its first entry. What was refused
stands by itself: it opened nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dmp.domain.choices import kind_of
from dmp.domain.decision import BREAK_GLASS
from dmp.domain.journal import Entry
from dmp.domain.notices import reference_of

HOUR_MS = 3_600_000
WRITES = frozenset({"create", "update", "delete", "transaction", "consent", "activation"})
Only = Literal["", "break-glass", "refused"]
ONLY: tuple[Only, ...] = ("", "break-glass", "refused")


@dataclass(frozen=True, slots=True)
class Use:
    """One access: its entries, newest first."""

    entries: tuple[Entry, ...]

    @property
    def opening(self) -> Entry:
        """The entry that opened it; notices bear its reference."""
        return self.entries[-1]

    @property
    def who(self) -> dict[str, str]:
        """Who asked, as the directory named them then."""
        return self.entries[0].who

    @property
    def own(self) -> bool:
        """Whether it was the patient."""
        return self.who["kind"] == "patient"

    @property
    def refused(self) -> bool:
        """Whether nothing was given."""
        return self.opening.outcome != "permit"

    @property
    def emergency(self) -> bool:
        """Whether the glass was broken, or somebody tried to."""
        return self.opening.purpose == BREAK_GLASS

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that decided, each once, in the order of their first use."""
        return tuple(dict.fromkeys(entry.rule for entry in reversed(self.entries)))

    def kinds(self, *, written: bool) -> tuple[str, ...]:
        """The kinds of data that were written, or seen: of what the entries name, no content."""
        chosen = [entry for entry in self.entries if (entry.action in WRITES) == written]
        return tuple(sorted({kind_of(name) for entry in chosen for name in types_of(entry)}))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accesses a reader wants: from and until an instant, whose, which, by reference."""

    since: str = ""
    until: str = ""
    who: str = ""
    only: Only = ""
    reference: str = ""

    def takes(self, use: Use) -> bool:
        """Whether the access is one of them."""
        return (
            (not self.since or use.entries[0].at >= self.since)
            and (not self.until or use.opening.at < self.until)
            and (self.only != "refused" or use.refused)
            and (self.only != "break-glass" or use.emergency)
            and all(word in _names(use) for word in folded(self.who).split())
            and (not self.reference or self._refers(use))
        )

    def _refers(self, use: Use) -> bool:
        return any(reference_of(entry.entry) == self.reference for entry in use.entries)


def types_of(entry: Entry) -> set[str]:
    """The types of resources that the entry names; of a search that found none, what it asked."""
    named = {name.partition("/")[0] for name in entry.what}
    if not named and entry.action in ("read", "vread", "search", "history"):
        named = {entry.query.partition("?")[0].partition("/")[0]}
    return {name for name in named if name.isalpha()}


def grouped(entries: Iterable[Entry]) -> list[Use]:
    """The accesses of entries in any order; the one opened last comes first."""
    done: list[list[Entry]] = []
    live: dict[tuple[str, ...], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.entry):
        key = _key(entry)
        group = live.get(key)
        if group is None or millis(entry) >= millis(group[0]) + HOUR_MS:
            group = live[key] = []
            done.append(group)
        group.append(entry)
    return [Use(tuple(reversed(group))) for group in reversed(done)]


def use_of(entry: Entry, around: Sequence[Entry]) -> Use:
    """The access that an entry belongs to, among the entries around it."""
    every = {one.id: one for one in (*around, entry)}
    return next(use for use in grouped(every.values()) if entry in use.entries)


def millis(entry: Entry) -> int:
    """When, in milliseconds since 1970."""
    return millis_of(entry.at)


def millis_of(at: str) -> int:
    """An instant in milliseconds since 1970."""
    return round(datetime.fromisoformat(at).timestamp() * 1000)


def folded(text: str) -> str:
    """Text without case and accents, to be compared."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


def _key(entry: Entry) -> tuple[str, ...]:
    who = entry.who
    person = who.get("inpe") or who.get("patient") or who.get("name", "")
    refused = "" if entry.outcome == "permit" else "refused"
    return who["kind"], person, who.get("organization", ""), entry.purpose, refused


def _names(use: Use) -> str:
    members = ("name", "organization_name", "inpe", "organization", "role")
    return folded(" ".join(use.who.get(member, "") for member in members))
