"""The words of the journal's table, in a person's language: the gettext catalogue `journal`."""

from __future__ import annotations

import gettext
from collections.abc import Sequence
from pathlib import Path

LOCALES = Path(__file__).resolve().parent.parent / "locales"


def _(text: str) -> str:
    """Mark for extraction."""
    return text


HEADINGS = {
    "time": _("Time (UTC)"),
    "action": _("Action"),
    "outcome": _("Outcome"),
    "rule": _("Rule"),
    "practitioner": _("Practitioner"),
    "inpe": _("INPE"),
    "role": _("Role"),
    "organization": _("Organisation"),
    "purpose": _("Purpose"),
    "what": _("What"),
    "id": _("Entry"),
}


class TableHeadings:
    """Implements the port `Headings`."""

    def __init__(self, locales: Path = LOCALES) -> None:
        self._locales = locales

    def of(self, language: str, columns: Sequence[str]) -> list[str]:
        """The heading of each column; LookupError for one that is not known."""
        translate = gettext.translation("journal", self._locales, [language]).gettext
        return [translate(HEADINGS[column]) for column in columns]
