"""Rows of the directory: what an entry is written as, and what a row means while a load is staged.

A load writes what a row shall be beside what it is: `next` holds the attributes to come and `load`
the load's id. Which of them holds tells one row, `load#<id>`: `next` once its `state` is committed.
A row without `load` is what it is, so that readers pay one more call only while a load goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.domain.directory import Organization, Practitioner, Role
from dmp.domain.directory_book import Listed, key_of
from dmp.domain.identifiers import INPE

Row = Mapping[str, Any]
COMMITTED = "committed"


def settled(registry: str, rows: Iterable[Row]) -> list[Row]:
    """The rows as they hold now: no call, or one BatchGetItem when a load has touched some.

    Rows are read before the load's own row: whoever saw one row of a committed load sees them all.
    """
    every = list(rows)
    loads = {str(row["load"]) for row in every if "load" in row}
    if not loads:
        return every
    batch = Batch(dynamodb())
    for load in loads:
        batch.want(registry, pk=f"load#{load}")
    states = {row["pk"]: row["state"] for row in batch.fetch()[registry]}
    committed = {load for load in loads if states.get(f"load#{load}") == COMMITTED}
    held = (held_of(row, committed=row.get("load") in committed) for row in every)
    return [row for row in held if row is not None]


def held_of(row: Row, *, committed: bool) -> Row | None:
    """What a row is once its load is committed or is not; None for one that was only to come."""
    if "load" not in row:
        return row
    if committed:
        return {"pk": row["pk"], **row["next"]}
    base = {name: value for name, value in row.items() if name not in ("load", "next")}
    return base if len(base) > 1 else None


def rows_of(entry: Listed) -> dict[str, dict[str, Any]]:
    """The rows of an entry by key: its own, and what a reference by its number resolves to."""
    rows = {key_of(entry): _attributes(entry)}
    if not isinstance(entry, Role):
        kind = type(entry).__name__
        key = f"directory#{kind}#{INPE}|{entry.inpe}"
        rows[key] = {"reference": f"{kind}/{entry.id}"}
    return rows


def _attributes(entry: Listed) -> dict[str, Any]:
    last = {"ends": entry.ends} if entry.ends is not None else {}
    match entry:
        case Organization():
            return {"active": entry.active, "id": entry.id, "name": entry.name, **last}
        case Practitioner():
            names = {"family": entry.family, "given": list(entry.given), "name": entry.name}
            return {"active": entry.active, "id": entry.id, **names, **last}
        case Role():
            return {
                "active": entry.active,
                "role": entry.code,
                "starts": entry.starts,
                "practitioner": entry.practitioner_id,
                "name": entry.practitioner_name,
                "organization": entry.organization_id,
                "organization_name": entry.organization_name,
                **last,
            }


def entry_of(row: Row) -> Listed:
    """The inverse of an entry's own row."""
    kind, _, number = str(row["pk"]).partition("#")
    if kind == "organization":
        return Organization(number, row["id"], row["name"], row["active"], row.get("ends"))
    if kind == "practitioner":
        given: Sequence[str] = row["given"]
        return Practitioner(
            number,
            row["id"],
            row["family"],
            tuple(given),
            row["name"],
            row["active"],
            row.get("ends"),
        )
    practitioner, _, organization = number.partition("#")
    return Role(
        practitioner=practitioner,
        organization=organization,
        code=row["role"],
        starts=row["starts"],
        practitioner_id=row["practitioner"],
        organization_id=row["organization"],
        practitioner_name=row["name"],
        organization_name=row["organization_name"],
        ends=row.get("ends"),
        active=row["active"],
    )
