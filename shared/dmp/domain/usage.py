"""Who used a record: the entries of others put together by access, for a list that a person reads.

An access is one practitioner, organisation and purpose, for one hour from its first query.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from dmp.domain.identifiers import commit_millis
from dmp.domain.journal import Entry

ACCESS_MS = 3_600_000


@dataclass(slots=True)
class Usage:
    """One access: from its first entry to its last; `kinds` are the actions, `rules` what decided.

    Of `count` entries, `refused` were not let through.
    """

    first: Entry
    last: str
    kinds: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)
    count: int = 0
    refused: int = 0

    def add(self, entry: Entry) -> None:
        """One more entry of the same access."""
        self.last = entry.at
        self.kinds.add(entry.action)
        self.rules.add(entry.rule)
        self.count += 1
        self.refused += entry.outcome != "permit"

    @property
    def ends_ms(self) -> int:
        """When it is over: an hour after it began."""
        return commit_millis(self.first.entry) + ACCESS_MS


def accesses(entries: Iterable[Entry]) -> list[Usage]:
    """The accesses of everybody but the patient, newest first; `entries` come oldest first."""
    found: list[Usage] = []
    open_: dict[tuple[str, ...], Usage] = {}
    for entry in entries:
        who = entry.who
        if who["kind"] == "patient" and who.get("patient") == entry.patient:
            continue
        names = ("kind", "patient", "inpe", "organization")
        key = (*(who.get(name, "") for name in names), entry.purpose)
        usage = open_.get(key)
        if usage is None or commit_millis(entry.entry) >= usage.ends_ms:
            usage = open_[key] = Usage(entry, entry.at)
            found.append(usage)
        usage.add(entry)
    return found[::-1]
