"""Sensitivity labels proposed from published codes, beside those that the sender gave.

HL7 v3 ActCode's information-sensitivity codes, by the table `sensitivity.csv`: a row names a code
system, a code, whether it means that code alone or all that begin with it, and a label. Operators
extend it with rows of their own in `sensitivity-local.csv` beside it, read when it is there. A
label only ever restricts: none is taken off, and what no row names is left as it is.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from dmp.domain.labels import SENSITIVE

COLUMNS = ("system", "code", "match", "label", "source")
_TABLES = ("sensitivity.csv", "sensitivity-local.csv")


def proposed(resource: Mapping[str, Any]) -> frozenset[str]:
    """The labels of every coding in the resource, contained resources included."""
    exact, prefixes = table()
    found: set[str] = set()
    for system, code in _codings(resource):
        found |= exact.get((system, code), frozenset())
        for prefix, label in prefixes.get(system, ()):
            if code.startswith(prefix):
                found.add(label)
    return frozenset(found)


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    if value.__class__ is dict:
        system, code = value.get("system"), value.get("code")
        if system.__class__ is str and code.__class__ is str:
            yield system, code
        for key, inner in value.items():
            if key != "meta":
                yield from _codings(inner)
    elif value.__class__ is list:
        for inner in value:
            yield from _codings(inner)


Exact = Mapping[tuple[str, str], frozenset[str]]
Prefixes = Mapping[str, tuple[tuple[str, str], ...]]


@cache
def table() -> tuple[Exact, Prefixes]:
    """Labels of single codes, and of codes by how they begin, by code system."""
    exact: dict[tuple[str, str], frozenset[str]] = {}
    prefixes: dict[str, tuple[tuple[str, str], ...]] = {}
    for name in _TABLES:
        path = files(__package__).joinpath(name)
        for system, code, match, label in (
            rows_of(path.read_text("utf-8")) if path.is_file() else ()
        ):
            if match == "prefix":
                prefixes[system] = (*prefixes.get(system, ()), (code, label))
            else:
                exact[system, code] = exact.get((system, code), frozenset()) | {label}
    return exact, prefixes


def rows_of(text: str) -> Iterator[tuple[str, str, str, str]]:
    """The rows of a table; ValueError names the first line that is not one, so none is lost."""
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise ValueError(f"the columns are {', '.join(COLUMNS)}")
    for row in reader:
        known = row["match"] in ("exact", "prefix") and row["label"] in SENSITIVE
        if not (known and row["system"] and row["code"] and row["source"] and None not in row):
            raise ValueError(f"line {reader.line_num} is no row of the table")
        yield row["system"], row["code"], row["match"], row["label"]
