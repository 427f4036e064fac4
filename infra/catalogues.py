"""`python -m infra.catalogues`: brings the pages' catalogues to what templates and code say.

Each `locales/<language>/LC_MESSAGES/pages.po` gets the new texts, untranslated, and loses the old
ones; then `pages.mo` is compiled. A text is what `t("…")`, `plain("…")` and `_("…")` are given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

from infra.build import ROOT

PAGES = ROOT / "shared" / "dmp" / "pages"
EDGE = ROOT / "shared" / "dmp" / "edge"
LOCALES = ROOT / "shared" / "dmp" / "locales"
LANGUAGES = ("ar", "en", "fr", "zgh")
_MARKS = ("t", "plain", "_")


def sources() -> dict[str, str]:
    """Every text of the pages, with the file that has it first."""
    found: dict[str, str] = {}
    for path in sorted(PAGES.glob("*.html")):
        for text in _in_template(path):
            found.setdefault(text, path.name)
    for path in sorted(EDGE.glob("*.py")):
        for text in _in_module(path):
            found.setdefault(text, path.name)
    return found


def _in_template(path: Path) -> Iterator[str]:
    parsed = Environment(autoescape=True).parse(path.read_text("utf-8"))
    for call in parsed.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in _MARKS and call.args:
            argument = call.args[0]
            if isinstance(argument, nodes.Const):
                yield str(argument.value)


def _in_module(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            argument = node.args[0]
            if node.func.id in _MARKS and isinstance(argument, ast.Constant):
                yield str(argument.value)


def catalogue(language: str) -> Catalog:
    """The catalogue as it stands; empty for a new language."""
    path = _file(language, "po")
    if not path.exists():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def _empty(language: str) -> Catalog:
    """Without the day of the run, so that the same texts give the same file."""
    begun = datetime(2026, 11, 22, tzinfo=UTC)
    return Catalog(
        locale=language, header_comment=f"# DMP, the pages: {language}", project="DMP",
        version="1", msgid_bugs_address="dmp@example.org", creation_date=begun,
        revision_date=begun, last_translator="DMP", language_team="DMP", fuzzy=False,
    )  # fmt: skip


def _file(language: str, kind: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / f"pages.{kind}"


def update(language: str) -> list[str]:
    """Write both files of a language; the texts that it has no translation of."""
    known, fresh = catalogue(language), _empty(language)
    missing = []
    for text, where in sources().items():
        message = known.get(text)
        translated = str(message.string) if message else ""
        string = translated or (text if language == "en" else "")
        flags = ["python-brace-format"] if "{" in text else []
        fresh.add(text, string, auto_comments=[where], flags=flags)
        if not string:
            missing.append(text)
    with _file(language, "po").open("wb") as file:
        write_po(file, fresh, width=100)
    with _file(language, "mo").open("wb") as file:
        write_mo(file, fresh)
    return missing


def main() -> None:
    """Update every language and tell what is untranslated."""
    for language in LANGUAGES:
        for text in update(language):
            print(f"{language}: {text}")


if __name__ == "__main__":
    main()
