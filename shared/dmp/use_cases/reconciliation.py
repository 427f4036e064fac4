"""The ledger of promise 4: what was owed to patients is what they were told, to the last notice.

owed = sent + told in a digest + suppressed by their own preference + undeliverable + waiting.
An access whose notice is not there, or a message in doubt once nothing is on its way, is a fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal, Protocol

from dmp.domain.identifiers import commit_millis
from dmp.domain.notices import DIGEST, digest_name

Outcome = Literal[
    "sent", "in a digest", "suppressed", "undeliverable", "waiting", "in doubt", "missing"
]
OUTCOMES: tuple[Outcome, ...] = (
    "sent", "in a digest", "suppressed", "undeliverable", "waiting", "in doubt", "missing",
)  # fmt: skip
_ENTRY = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A journal entry that owes a notice (`state` empty), or a notice with its state.

    `until`: the end of a sender's lease, in epoch seconds; `day`: of the digest that has it.
    """

    patient: str
    entry: str
    state: str = ""
    until: int = 0
    day: str = ""


class LedgerRows(Protocol):
    """Both sides of the ledger."""

    def rows(self) -> Iterator[Row]:
        """Every row; those of one patient follow each other."""


@dataclass(slots=True)
class Ledger:
    """`owed` notices, of them `accesses` that a journal entry calls for; what became of all."""

    owed: int = 0
    accesses: int = 0
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether every notice has an outcome and none is missing."""
        return self.owed == self.outcomes.total() and not self.outcomes["missing"]

    @property
    def at_rest(self) -> bool:
        """Whether nothing is on its way any more, and nothing in doubt."""
        return not self.outcomes["waiting"] and not self.outcomes["in doubt"]


def reconciled(source: LedgerRows, since_ms: int, until_ms: int, now: int) -> Ledger:
    """The ledger of what was owed from `since_ms` until before `until_ms`."""
    ledger = Ledger()
    for patient, rows in groupby(source.rows(), key=lambda row: row.patient):
        _add(ledger, patient, list(rows), (since_ms, until_ms, now))
    return ledger


def _add(ledger: Ledger, patient: str, rows: Iterable[Row], times: tuple[int, int, int]) -> None:
    since, until, now = times
    notices = {row.entry: row for row in rows if row.state}
    calling = {row.entry for row in rows if not row.state}
    for entry in sorted({*notices, *calling}):
        if entry.startswith(DIGEST) or len(entry) != _ENTRY:
            continue  # a digest is how others are told
        if not since <= commit_millis(entry) < until:
            continue
        outcome = _outcome(notices, entry, now)
        ledger.owed += 1
        ledger.accesses += entry in calling
        ledger.outcomes[outcome] += 1
        if outcome in ("missing", "in doubt"):
            ledger.faults.append(f"{patient}.{entry} {outcome}")


def _outcome(notices: dict[str, Row], entry: str, now: int) -> Outcome:
    row = notices.get(entry)
    if row is None:
        return "missing"
    if row.state == "digest":
        told = _outcome(notices, digest_name(row.day), now)
        return "in a digest" if told == "sent" else told
    if row.state == "claimed" and row.until <= now:
        return "in doubt"
    if row.state == "sent":
        return "sent"
    if row.state == "suppressed":
        return "suppressed"
    return "undeliverable" if row.state == "undeliverable" else "waiting"
