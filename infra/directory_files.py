"""Files of the directory as operators have them: CSV as Excel writes it, and FHIR bundles.

A CSV file is UTF-8 with a header; its columns tell what it lists (the order is free, cells are
parted by `,` or by French Excel's `;`):

organizations   inpe, name                               and perhaps id, active, ends
practitioners   inpe, family, given                      and perhaps name, id, active, ends
roles           practitioner, organization, role, starts  and perhaps ends, active

Several given names are parted by `|`. Days are 2026-11-22 or 22/11/2026; `active` is true, false,
oui, non, vrai or faux. An empty cell of a column that may be left out says nothing.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from dmp.domain.directory import Organization, Practitioner
from dmp.domain.directory_book import Listed
from dmp.domain.refusals import Refusal
from dmp.fhir import json_reader
from dmp.fhir.directory import KINDS, rows_of
from dmp.use_cases.directory import OPTIONAL, REQUIRED, Fault, Line, NotTaken

_FRENCH_DAY = re.compile(r"(\d\d)/(\d\d)/(\d{4})\Z")
_TRUTH = {"true": True, "oui": True, "vrai": True, "false": False, "non": False, "faux": False}
_LAYOUTS = "; ".join(
    f"{kind}: {', '.join(REQUIRED[kind])} (and {', '.join(OPTIONAL[kind])})" for kind in REQUIRED
)
CSV_COLUMNS: Mapping[str, tuple[str, ...]] = {k: (*REQUIRED[k], *OPTIONAL[k]) for k in REQUIRED}


def read(paths: Sequence[Path]) -> list[Line]:
    """Every line of every file; NotTaken naming each fault of form in them."""
    lines: list[Line] = []
    faults: list[Fault] = []
    for path in paths:
        try:
            lines += _read(path)
        except NotTaken as refused:
            faults += refused.faults
    if faults:
        raise NotTaken(faults)
    return lines


def _read(path: Path) -> list[Line]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path.name, "file", f"one that can be read ({error.strerror})") from None
    if path.suffix.lower() == ".json":
        return list(_bundle(path.name, content))
    if path.suffix.lower() == ".csv":
        return _table(path.name, content)
    raise _refused(path.name, "file", "named .csv or .json")


def _bundle(name: str, content: bytes) -> Iterator[Line]:
    try:
        bundle = json_reader.read_object(content)
    except Refusal as refusal:
        raise _refused(name, "file", f"strict JSON: {refusal}") from None
    if bundle.get("resourceType") != "Bundle" or not isinstance(bundle.get("entry"), list):
        raise _refused(name, "resourceType", "a Bundle with entries")
    rows = list(rows_of(bundle))
    accepted = f"one of {', '.join(KINDS)}"
    others = [place for place, kind, _ in rows if not kind]
    if others:
        raise NotTaken([Fault(f"{name}, entry {p}", "resourceType", accepted) for p in others])
    for place, kind, row in rows:
        yield Line(f"{name}, entry {place}", kind, row)


def _table(name: str, content: bytes) -> list[Line]:
    text = _decoded(name, content)
    first = text.partition("\n")[0]
    separator = ";" if first.count(";") > first.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    faults: list[Fault] = []
    lines: list[Line] = []
    begins = 1
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        kind = _kind(name, header)
        begins = reader.line_num + 1
        for cells in reader:
            place, begins = f"{name}, line {begins}", reader.line_num + 1
            if len(cells) > len(header):
                faults.append(Fault(place, "line", f"{len(header)} cells, as the header has"))
            elif any(map(str.strip, cells)):
                lines.append(Line(place, kind, dict(_cells(kind, header, cells))))
    except csv.Error as error:
        faults.append(Fault(f"{name}, line {begins}", "line", f"CSV ({error})"))
    if faults:
        raise NotTaken(faults)
    return lines


def _decoded(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        told = 'UTF-8; in Excel, save as "CSV UTF-8"'
        raise _refused(f"{name}, line {line}", "line", told) from None


def _kind(name: str, header: Sequence[str]) -> str:
    """What a file with this header lists."""
    for kind, columns in CSV_COLUMNS.items():
        if set(REQUIRED[kind]) <= set(header) <= set(columns) and len(set(header)) == len(header):
            return kind
    raise _refused(f"{name}, line 1", "header", _LAYOUTS)


def _cells(kind: str, header: Sequence[str], cells: Sequence[str]) -> Iterator[tuple[str, Any]]:
    for column, cell in zip(header, cells, strict=False):
        text = cell.strip()
        if text or column in REQUIRED[kind]:
            yield column, _value(column, text)


def _value(column: str, text: str) -> Any:
    """A cell as the rules of `dmp.use_cases.directory` take it; what it is not stays text."""
    if column == "active":
        return _TRUTH.get(text.lower(), text)
    if column == "given":
        return [part.strip() for part in text.split("|")]
    if column in ("starts", "ends") and (day := _FRENCH_DAY.match(text)):
        return f"{day[3]}-{day[2]}-{day[1]}"
    return text


def _refused(place: str, column: str, accepted: str) -> NotTaken:
    return NotTaken([Fault(place, column, accepted)])


def written(kind: str, entries: Sequence[Listed]) -> str:
    """Entries of one kind as a CSV file with every column."""
    into = io.StringIO(newline="")
    table = csv.DictWriter(into, CSV_COLUMNS[kind])
    table.writeheader()
    table.writerows(_cells_of(entry) for entry in entries)
    return into.getvalue()


def _cells_of(entry: Listed) -> dict[str, str]:
    ends, active = entry.ends or "", str(entry.active).lower()
    if isinstance(entry, Organization):
        own = {"inpe": entry.inpe, "id": entry.id, "name": entry.name}
    elif isinstance(entry, Practitioner):
        own = {
            "inpe": entry.inpe, "id": entry.id, "name": entry.name, "family": entry.family,
            "given": "|".join(entry.given),
        }  # fmt: skip
    else:
        own = {
            "practitioner": entry.practitioner, "organization": entry.organization,
            "role": entry.code, "starts": entry.starts,
        }  # fmt: skip
    return {**own, "ends": ends, "active": active}
