"""The port `DirectoryLoads`: a load is staged beside what holds, and one transaction turns it over.

`directory`           load (the one in force), open (the one that is not finished)
`load#<id>`           state staging|committed|abandoned, base, by, at, beat, chunks: never deleted
`snapshot#<id>#<n>`   the whole directory as of the load, for those who search it
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from dmp.adapters.dynamodb.batch import Batch, deserialize, serialize
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.directory_rows import COMMITTED, Row, entry_of, held_of, rows_of
from dmp.domain.directory_book import Book, Listed, key_of
from dmp.domain.refusals import Unavailable
from dmp.use_cases.directory_loads import LoadUnderWay

POINTER = "directory"
STAGING, ABANDONED = "staging", "abandoned"
ROWS_AT_ONCE = 99  # of a transaction's hundred items: the load's own row is the other one
CHUNK_BYTES = 350_000
LEASE_S = 60  # a load that has not moved for so long is taken for dead
_ROUNDS_MAX = 5
_NAMES = {"#state": "state", "#load": "load", "#next": "next", "#open": "open"}


class DirectoryBooks:
    """Reads: the whole directory as of a load."""

    def __init__(self, registry: str) -> None:
        self._registry = registry

    def current(self) -> str:
        """The load in force, empty before the first: one consistent GetItem."""
        return str(self._row(POINTER).get("load", ""))

    def book(self, load: str) -> Book | None:
        """Two calls; None when the snapshot is not, or no longer, whole."""
        if not load:
            return Book()
        count = self._row(f"load#{load}").get("chunks")
        if count is None:
            return None
        batch = Batch(dynamodb())
        for n in range(int(count)):
            batch.want(self._registry, pk=f"snapshot#{load}#{n:04}")
        chunks = sorted(batch.fetch()[self._registry], key=lambda row: str(row["pk"]))
        if len(chunks) != count:
            return None
        rows = json.loads(zlib.decompress(b"".join(chunk["b"] for chunk in chunks)))
        return Book({row["pk"]: entry_of(row) for row in rows})

    def _row(self, key: str) -> Row:
        answered = available(
            lambda: dynamodb().get_item(
                TableName=self._registry, Key={"pk": {"S": key}}, ConsistentRead=True
            )
        )
        return deserialize(answered.get("Item", {}))


class DynamoLoads(DirectoryBooks):
    """Implements the port `DirectoryLoads`."""

    def recover(self, now: int) -> None:
        """Finish what an earlier load left; LoadUnderWay while another one moves."""
        load = self._row(POINTER).get("open")
        if load is None:
            return
        row = self._row(f"load#{load}")
        if row["state"] == STAGING:
            if now - row["beat"] < LEASE_S:
                raise LoadUnderWay(f"a load of {row['by']} is under way")
            self._abandon(load, int(row["beat"]))
        self._settle(load)

    def begin(self, load: str, base: str, by: str, now: int) -> None:
        """One transaction; LoadUnderWay when another began, or ended, since `base` was read."""
        unmoved = "#load = :base" if base else "attribute_not_exists(#load)"
        row = {"pk": f"load#{load}", "state": STAGING, "base": base, "by": by, "at": now}
        put = {"Put": {
            "TableName": self._registry,
            "Item": serialize({**row, "beat": now}),
            "ConditionExpression": "attribute_not_exists(pk)",
        }}  # fmt: skip
        values = {":id": load, **({":base": base} if base else {})}
        opened = self._update(
            POINTER, "SET #open = :id", f"attribute_not_exists(#open) AND {unmoved}", values
        )
        self._take([put, opened])

    def keep(self, load: str, book: Book) -> None:
        """The snapshot, before any row is staged: one PutItem a chunk."""
        rows = [{"pk": key_of(entry), **rows_of(entry)[key_of(entry)]} for entry in book]
        packed = zlib.compress(json.dumps(rows, ensure_ascii=False).encode())
        chunks = [packed[i : i + CHUNK_BYTES] for i in range(0, len(packed), CHUNK_BYTES)]
        for n, chunk in enumerate(chunks):
            item = serialize({"pk": f"snapshot#{load}#{n:04}", "b": chunk})
            available(lambda: dynamodb().put_item(TableName=self._registry, Item=item))  # noqa: B023
        self._take([
            self._update(
                f"load#{load}", "SET chunks = :n", "#state = :staging",
                {":n": len(chunks), ":staging": STAGING},
            )
        ])  # fmt: skip

    def stage(self, load: str, entries: Sequence[Listed], now: int) -> None:
        """At most 49 entries: their rows to come, in one transaction, and a sign of life."""
        rows = {key: row for entry in entries for key, row in rows_of(entry).items()}
        beat = self._update(
            f"load#{load}", "SET beat = :now", "#state = :staging",
            {":now": now, ":staging": STAGING},
        )  # fmt: skip
        self._take([
            beat,
            *(
                self._update(
                    key, "SET #load = :id, #next = :next",
                    "attribute_not_exists(#load) OR #load = :id", {":id": load, ":next": row},
                )
                for key, row in rows.items()
            ),
        ])  # fmt: skip

    def commit(self, load: str) -> None:
        """The one transaction by which everybody reads the load."""
        self._take([
            self._update(
                f"load#{load}", "SET #state = :committed", "#state = :staging",
                {":committed": COMMITTED, ":staging": STAGING},
            ),
            self._update(POINTER, "SET #load = :id", "#open = :id", {":id": load}),
        ])  # fmt: skip

    def finish(self, load: str) -> None:
        """Close it, as never written unless it was committed."""
        row = self._row(f"load#{load}")
        if row and row["state"] == STAGING:
            self._abandon(load, int(row["beat"]))
        if row:
            self._settle(load)

    def _settle(self, load: str) -> None:
        """Make the staged rows plain again, as the load's state says, and close it."""
        row = self._row(f"load#{load}")
        committed, base = row["state"] == COMMITTED, str(row["base"])
        after, before = self.book(load), self.book(base)
        if after is not None and before is not None:
            entries = after.differences(before).entries
            keys = [key for entry in entries for key in rows_of(entry)]
            for first in range(0, len(keys), ROWS_AT_ONCE):
                self._plain(load, keys[first : first + ROWS_AT_ONCE], committed=committed)
        try:
            self._transact([self._update(POINTER, "REMOVE #open", "#open = :id", {":id": load})])
        except ConditionsFailed:
            return  # somebody else has closed it
        older = str(self._row(f"load#{base}").get("base", "")) if committed and base else ""
        self._forget(older if committed else load)

    def _plain(self, load: str, keys: Sequence[str], *, committed: bool) -> None:
        for _ in range(_ROUNDS_MAX):
            batch = Batch(dynamodb())
            for key in keys:
                batch.want(self._registry, pk=key)
            mine = [row for row in batch.fetch()[self._registry] if row.get("load") == load]
            if not mine:
                return
            try:
                self._transact([self._settled(row, load, committed=committed) for row in mine])
            except ConditionsFailed:
                continue  # somebody else settles as well: look again
            return
        raise Unavailable("dynamodb")

    def _settled(self, row: Row, load: str, *, committed: bool) -> dict[str, Any]:
        condition = {
            "TableName": self._registry,
            "ConditionExpression": "#load = :id",
            "ExpressionAttributeNames": {"#load": "load"},
            "ExpressionAttributeValues": serialize({":id": load}),
        }
        held = held_of(row, committed=committed)
        if held is None:
            return {"Delete": {"Key": serialize({"pk": row["pk"]}), **condition}}
        return {"Put": {"Item": serialize(held), **condition}}

    def _abandon(self, load: str, beat: int) -> None:
        """Unless it moved since: then it lives, or was committed."""
        end = self._update(
            f"load#{load}", "SET #state = :abandoned", "#state = :staging AND beat = :beat",
            {":abandoned": ABANDONED, ":staging": STAGING, ":beat": beat},
        )  # fmt: skip
        self._take([end])

    def _forget(self, load: str) -> None:
        """Delete a snapshot that nobody reads any more."""
        count = int(self._row(f"load#{load}").get("chunks", 0)) if load else 0
        for n in range(count):
            key = serialize({"pk": f"snapshot#{load}#{n:04}"})
            available(lambda: dynamodb().delete_item(TableName=self._registry, Key=key))  # noqa: B023

    def _take(self, items: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._transact(items)
        except ConditionsFailed:
            raise LoadUnderWay("another load took over; nothing of this one was taken") from None

    def _transact(self, items: Sequence[Mapping[str, Any]]) -> None:
        retrying(lambda: dynamodb().transact_write_items(TransactItems=list(items)))

    def _update(
        self, key: str, change: str, condition: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        used = {n: v for n, v in _NAMES.items() if n in f"{change} {condition}"}
        return {"Update": {
            "TableName": self._registry,
            "Key": serialize({"pk": key}),
            "UpdateExpression": change,
            "ConditionExpression": condition,
            **({"ExpressionAttributeNames": used} if used else {}),
            "ExpressionAttributeValues": serialize(values),
        }}  # fmt: skip
