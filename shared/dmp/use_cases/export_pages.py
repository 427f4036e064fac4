"""One page of an exported journal: a collection Bundle, or a table that any spreadsheet opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Protocol

from dmp.domain.journal import Entry
from dmp.fhir import bundle
from dmp.fhir.audit_event import audit_event
from dmp.use_cases.listings import PAGE_BYTES_MAX

ENTRIES_MAX = 5000
FORMATS = ("fhir", "csv")
MEDIA_TYPES = {"fhir": "application/fhir+json", "csv": "text/csv; charset=utf-8"}
COLUMNS = (
    "time", "action", "outcome", "rule", "practitioner", "inpe", "role", "organization", "purpose",
    "what", "id",
)  # fmt: skip
_TYPE = "AuditEvent"
_FORMULA = "=+-@\t\r"


class Headings(Protocol):
    """Words of a table in a person's language."""

    def of(self, language: str, columns: Sequence[str]) -> Sequence[str]:
        """The heading of each column."""


class ExportPage:
    """Entries of one page of an export, as many as fit."""

    def __init__(self, form: str, base: str) -> None:
        self.more = False
        self.last = ""
        self.first_at = ""
        self.last_at = ""
        self._form = form
        self._base = base
        self._room = PAGE_BYTES_MAX
        self._events: list[tuple[str, bytes]] = []
        self._rows: list[Sequence[str]] = []

    @property
    def count(self) -> int:
        """How many entries are on it."""
        return len(self._events) or len(self._rows)

    @property
    def size(self) -> int:
        """How many bytes they take, about."""
        return PAGE_BYTES_MAX - self._room

    def fill(self, entries: Iterable[Entry]) -> None:
        """Put entries on it, as many as fit."""
        for entry in entries:
            if not self._take(entry):
                return

    def _take(self, entry: Entry) -> bool:
        """Put the entry on it; False when it does not fit here any more."""
        if self._form == "csv":
            row = [_cell(value) for value in _row(entry)]
            size = sum(len(cell.encode()) + 4 for cell in row)
        else:
            event = audit_event(entry)
            size = len(event) + 2 * len(self._base) + 200
        if self.count == ENTRIES_MAX or (self.count and size > self._room):
            self.more = True
            return False
        if self._form == "csv":
            self._rows.append(row)
        else:
            self._events.append((f"{self._base}/{_TYPE}/{entry.id}", event))
        self._room -= size
        self.last = entry.entry
        self.first_at = self.first_at or entry.at
        self.last_at = entry.at
        return True

    def body(self, following: str, headings: Headings, language: str, now: str) -> bytes:
        """The page whole."""
        if self._form == "csv":
            written = io.StringIO()
            table = csv.writer(written)
            table.writerow([_cell(word) for word in headings.of(language, COLUMNS)])
            table.writerows(self._rows)
            return b"\xef\xbb\xbf" + written.getvalue().encode()
        links = [("next", following)] if following else []
        return bundle.collection(self._events, links=links, last_updated=now)


def _row(entry: Entry) -> Sequence[str]:
    who = entry.who
    return (
        entry.at, entry.action, entry.outcome, entry.rule, who.get("name", ""),
        who.get("inpe", ""), who.get("role", ""), who.get("organization_name", ""), entry.purpose,
        " ".join(entry.what), entry.id,
    )  # fmt: skip


def _cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in _FORMULA and text else text
