"""Reading the directory's lines: every fault is named, and one is enough to take nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import ROLES, Book, Listed, key_of
from dmp.domain.identifiers import is_inpe, is_patient_id

Row = Mapping[str, Any]
NAME_BYTES_MAX = 200  # names travel in access tokens, whose size is bounded
_DIRECTORY_ID = re.compile(r"[A-Za-z0-9\-]{1,64}\Z")
_DAY, _NAME = (
    "a day as 2026-11-22",
    f"text of at most {NAME_BYTES_MAX} bytes, no space around, no < or >",
)
_YES_NO = "true or false"
_INPE = "an INPE number, nine digits"
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "organizations": ("inpe", "name"),
    "practitioners": ("inpe", "family", "given"),
    "roles": ("practitioner", "organization", "role", "starts"),
}
OPTIONAL: Mapping[str, tuple[str, ...]] = {
    "organizations": ("id", "active", "ends"),
    "practitioners": ("name", "id", "active", "ends"),
    "roles": ("ends", "active"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, or one entry of a bundle: a row of `kind`, and where it stands."""

    place: str
    kind: str
    row: Row


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong where: the column, and what is accepted there. The value is not repeated."""

    place: str
    column: str
    accepted: str

    def __str__(self) -> str:
        return f"{self.place}, {self.column}: {self.accepted}"


class NotTaken(Exception):
    """Lines with faults; all of them are named."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(f"faults: {len(faults)}")
        self.faults = faults


def book_of(lines: Sequence[Line], before: Book) -> Book:
    """The directory once the lines stand in it; NotTaken unless every one of them is sound.

    A line replaces the entry of its number whole, save that an id once given stays.
    """
    faults = [fault for line in lines for fault in _form(line)]
    faults += _repeated(lines)
    if faults:
        raise NotTaken(faults)
    placed = [(line, _entry(line, before)) for line in lines]
    after = {**before.entries, **{key_of(entry): entry for _, entry in placed}}
    faults = [f for line, entry in placed for f in _bonds(line, entry, before, after)]
    faults += _ids(placed, after)
    if faults:
        raise NotTaken(faults)
    return before.with_entries(entry for _, entry in placed)


def _form(line: Line) -> Iterator[Fault]:
    """Faults of one line by itself."""
    row = line.row
    for column in (*REQUIRED[line.kind], *OPTIONAL[line.kind]):
        passes, accepted = _RULES[column]
        if column in row and not passes(row[column]):
            yield Fault(line.place, column, accepted)
        if column not in row and column in REQUIRED[line.kind]:
            yield Fault(line.place, column, f"missing: {accepted}")
    starts, ends = row.get("starts"), row.get("ends")
    if _is_day(starts) and _is_day(ends) and str(ends) < str(starts):
        yield Fault(line.place, "ends", "a day that is not before starts")
    if line.kind == "practitioners" and "name" not in row and not is_name(_full(row)):
        yield Fault(line.place, "name", f"names so long need one: {_NAME}")


def _full(row: Row) -> str:
    """What a practitioner is called when the line does not say; short where it is not known."""
    given = row.get("given")
    names = [*(given if isinstance(given, list) else []), row.get("family")]
    return " ".join(name for name in names if isinstance(name, str)) or "-"


def _key(line: Line) -> tuple[str, ...]:
    names = ("practitioner", "organization") if line.kind == "roles" else ("inpe",)
    return (line.kind, *(str(line.row.get(name)) for name in names))


def _repeated(lines: Sequence[Line]) -> Iterator[Fault]:
    """Of two lines about the same, the second would silently take the first one's place."""
    seen: dict[tuple[str, ...], str] = {}
    for line in lines:
        first = seen.setdefault(_key(line), line.place)
        if first != line.place:
            column = "practitioner" if line.kind == "roles" else "inpe"
            yield Fault(line.place, column, f"one line for each; {first} is about the same")


def _bonds(line: Line, entry: Listed, before: Book, after: Mapping[str, Listed]) -> Iterator[Fault]:
    """Faults of a line among the others and what is there already."""
    if isinstance(entry, Role):
        for column, number in (
            ("practitioner", entry.practitioner), ("organization", entry.organization),
        ):  # fmt: skip
            if f"{column}#{number}" not in after:
                yield Fault(line.place, column, f"{_INPE}, of a {column} in the directory or here")
        return
    known = before.entries.get(key_of(entry))
    if known is not None and not isinstance(known, Role) and known.id != entry.id:
        yield Fault(line.place, "id", "the id that the number was given first; or leave it out")


def _ids(placed: Sequence[tuple[Line, Listed]], after: Mapping[str, Listed]) -> Iterator[Fault]:
    """Two of one type under one id."""
    owners: dict[tuple[type, str], set[str]] = {}
    for key, entry in after.items():
        if not isinstance(entry, Role):
            owners.setdefault((type(entry), entry.id), set()).add(key)
    for line, entry in placed:
        if not isinstance(entry, Role) and len(owners[type(entry), entry.id]) > 1:
            yield Fault(line.place, "id", "an id that nobody else has")


def _entry(line: Line, before: Book) -> Listed:
    row, active, ends = line.row, line.row.get("active", True), line.row.get("ends")
    if line.kind == "organizations":
        known = before.organization(row["inpe"])
        name = known.id if known else row["inpe"]
        return Organization(row["inpe"], row.get("id", name), row["name"], active, ends)
    if line.kind == "practitioners":
        person = before.practitioner(row["inpe"])
        full = row.get("name", _full(row))
        own = row.get("id", person.id if person else row["inpe"])
        given = tuple(row["given"])
        return Practitioner(row["inpe"], own, row["family"], given, full, active, ends)
    return Role(
        practitioner=row["practitioner"],
        organization=row["organization"],
        code=row["role"],
        starts=row["starts"],
        practitioner_id="",
        organization_id="",
        practitioner_name="",
        organization_name="",
        ends=ends,
        active=active,
    )


def _is_id(value: Any) -> bool:
    """No id of the directory is one that a record could give."""
    sound = isinstance(value, str) and _DIRECTORY_ID.match(value) is not None
    return sound and not is_patient_id(value)


def _is_inpe(value: Any) -> bool:
    return isinstance(value, str) and is_inpe(value)


def is_name(value: Any) -> bool:
    """Whether people may be called so: printable, short enough for a token."""
    return (
        isinstance(value, str)
        and bool(value)
        and value.strip() == value
        and value.isprintable()
        and not {"<", ">"}.intersection(value)
        and len(value.encode(errors="replace")) <= NAME_BYTES_MAX
    )


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_name, value))


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "inpe": (_is_inpe, _INPE),
    "practitioner": (_is_inpe, _INPE),
    "organization": (_is_inpe, _INPE),
    "id": (_is_id, "1 to 64 letters, digits and -, not like a patient's id"),
    "name": (is_name, _NAME),
    "family": (is_name, _NAME),
    "given": (_are_names, f"one name or more, each {_NAME}"),
    "role": (lambda value: isinstance(value, str) and value in ROLES, f"one of {', '.join(ROLES)}"),
    "starts": (_is_day, _DAY),
    "ends": (_is_day, _DAY),
    "active": (lambda value: isinstance(value, bool), _YES_NO),
}
