"""The port `Records` over DynamoDB: reads. Writes are in `commits`; both are one adapter."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pynamodb.connection import Connection

from dmp.adapters.compression import compress, decompress
from dmp.adapters.dynamodb.batch import Batch, deserialize
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.commits import Commits, OpenDoor, ring_of
from dmp.adapters.dynamodb.conflicts import available
from dmp.adapters.dynamodb.directory_rows import settled
from dmp.adapters.dynamodb.journal_items import opened_leaf
from dmp.adapters.dynamodb.tables import CONTACT, GUARD, HEAD, STANDING, RecordItem
from dmp.adapters.envelope import PatientKeys, Ring, Vault
from dmp.domain.caller import Caller
from dmp.domain.consent import standing_of
from dmp.domain.contact import Contact
from dmp.domain.identifiers import ResourceId
from dmp.domain.journal import Entry, entry_of
from dmp.domain.record import State, Version, decode
from dmp.domain.refusals import Unavailable
from dmp.use_cases.ports import Door, Pointer, Span

Row = Mapping[str, Any]


class DynamoRecords(Commits):
    """Implements the port `Records`; the tables' names and the vault come in."""

    def __init__(self, vault: Vault, records: str, keys: str, registry: str) -> None:
        connection: Connection = bind(RecordItem, records)
        super().__init__(connection)
        self.vault = vault
        self.records, self.keys, self.registry = records, keys, registry

    def enter(
        self,
        patient: str,
        caller: Caller,
        wanted: Sequence[tuple[str, ResourceId]] = (),
        access: str = "",
    ) -> Door | Mapping[str, Mapping[str, object]]:
        """One BatchGetItem over three tables, consistent; one more while a load is staged."""
        batch = Batch(dynamodb())
        keys = _door_keys(wanted, access)
        for sk in keys:
            batch.want(self.records, pk=patient, sk=sk)
        batch.want(self.keys, pk=patient)
        for key in caller.registry_keys():
            batch.want(self.registry, pk=key)
        found = batch.fetch()
        rows = {row["pk"]: row for row in settled(self.registry, found[self.registry])}
        items = {item["sk"]: item for item in found[self.records]}
        if GUARD not in items:
            return rows
        ring = self.vault.record_ring(patient, keys_of(found[self.keys]))
        # a commit that is not there is not looked for again: absent takes as long as hidden
        opened: dict[str, Sequence[Version]] = {sk[2:]: () for sk in keys if sk.startswith("K#")}
        opened |= self._open_commits(ring, [i for sk, i in items.items() if sk.startswith("K#")])
        return self._door(patient, ring, items, rows, opened, f"A#{access}")

    def _door(
        self,
        patient: str,
        ring: Ring,
        items: Mapping[str, Row],
        rows: Mapping[str, Row],
        commits: Mapping[str, Sequence[Version]],
        open_: str,
    ) -> Door:
        sealed = items.get(STANDING)
        if sealed is None:
            raise Unavailable("standing")
        return OpenDoor(
            patient=patient,
            active=items[GUARD].get("st") == "active",
            standing=ring.parsed(STANDING, sealed["b"], standing_of),
            rows=rows,
            access_until=int(items.get(open_, {}).get("until", 0)),
            upto=str(items.get(HEAD, {}).get("upto", "")),
            pointers={(p.type, p.id): p for p in map(pointer_of, items.values()) if p},
            commits=commits,
            ring=ring,
            segments=int(items.get(HEAD, {}).get("n", 0)),
        )

    def persons(self, identifiers: Sequence[str]) -> Mapping[str, str]:
        """One BatchGetItem, consistent."""
        batch = Batch(dynamodb())
        for identifier in identifiers:
            batch.want(self.registry, pk=f"identifier#{identifier}")
        found = batch.fetch()[self.registry]
        return {row["pk"].partition("#")[2]: str(row["patient"]) for row in found}

    def versions(self, door: Door, commits: Sequence[str]) -> Mapping[str, Sequence[Version]]:
        """One more BatchGetItem; none when the door holds them all."""
        held = {c: door.commits[c] for c in commits if c in door.commits}
        missing = [c for c in dict.fromkeys(commits) if c not in held]
        if missing:
            batch = Batch(dynamodb())
            for commit in missing:
                batch.want(self.records, pk=door.patient, sk=f"K#{commit}")
            held |= self._open_commits(ring_of(door), batch.fetch()[self.records])
        return held

    def _open_commits(self, ring: Ring, items: Sequence[Row]) -> dict[str, Sequence[Version]]:
        opened: dict[str, Sequence[Version]] = {}
        for item in items:
            commit = item["sk"][2:]
            sealed = item["b"]
            if item["n"] > 1:
                sealed += self._parts(item["pk"], commit, int(item["n"]))
            opened[commit] = ring.parsed(commit, sealed, _versions)
        return opened

    def _parts(self, patient: str, commit: str, count: int) -> bytes:
        batch = Batch(dynamodb())
        for part in range(1, count):
            batch.want(self.records, pk=patient, sk=f"K#{commit}#{part}")
        parts = {item["sk"]: item["b"] for item in batch.fetch()[self.records]}
        if len(parts) != count - 1:
            raise Unavailable("a commit without all its parts")
        return b"".join(parts[name] for name in sorted(parts))

    def state(self, door: Door, until: str = "", also: Container[str] | None = None) -> State:
        """One Query a MB, from the first commit after the last segment to the last segment.

        A segment that reaches beyond `until` may have folded away what was current then: the
        commits themselves are read instead.
        """
        ring, state = ring_of(door), State()
        upto = door.upto if not until or door.upto <= until else ""
        last = "KS#~" if upto == door.upto else f"K#{until}#~" if also is None else "K#~"
        parts: dict[str, bytes] = {}
        for item in self.items(door.patient, f"K#{upto}#~" if upto else "K#", last):
            place = place_of(item["sk"])
            if "b" in item:
                parts[place] = parts.get(place, b"") + item["b"]
        for place, sealed in parts.items():
            state.fold(ring.parsed(place, sealed, _versions), until, also)
        return state

    def log(self, door: Door) -> list[Version]:
        """One Query a MB, over the commits themselves."""
        ring = ring_of(door)
        parts: dict[str, bytes] = {}
        for item in self.items(door.patient, "K#", "K#~"):
            place = place_of(item["sk"])
            parts[place] = parts.get(place, b"") + item["b"]
        return [
            version
            for place, sealed in parts.items()
            for version in ring.parsed(place, sealed, _versions)
        ]

    def items(self, patient: str, first: str, last: str, **options: object) -> Iterator[Row]:
        """The items of a range of sort keys, page after page, consistently read.

        `Limit` is a page's: who wants no more stops asking. A page may end before it, at 1 MB.
        """
        query: dict[str, Any] = {
            "TableName": self.records,
            "KeyConditionExpression": "pk = :p AND sk BETWEEN :a AND :z",
            "ExpressionAttributeValues": {
                ":p": {"S": patient}, ":a": {"S": first}, ":z": {"S": last},
            },
            "ConsistentRead": True,
            **options,
        }  # fmt: skip
        while True:
            page = available(lambda: dynamodb().query(**query))
            for item in page["Items"]:
                yield deserialize(item)
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def swaps(self, door: Door, keys: Sequence[str]) -> Mapping[str, str]:
        """One BatchGetItem."""
        ring = ring_of(door)
        names = {f"I#{ring.token(key)}": key for key in keys}
        batch = Batch(dynamodb())
        for name in names:
            batch.want(self.records, pk=door.patient, sk=name)
        found = {item["sk"]: item["entry"] for item in batch.fetch()[self.records]}
        return {key: found.get(name, "") for name, key in names.items()}

    def policy(self, patient: str) -> int | None:
        """One consistent GetItem of GUARD."""
        key = {"pk": {"S": patient}, "sk": {"S": GUARD}}
        answered = available(
            lambda: dynamodb().get_item(TableName=self.records, Key=key, ConsistentRead=True)
        )
        item = deserialize(answered.get("Item", {}))
        return int(item["pv"]) if item.get("st") == "active" else None

    def contact(self, door: Door) -> tuple[Contact, bytes]:
        """One consistent Query of CONTACT, opened with the record's own notice key."""
        for item in self.items(door.patient, CONTACT, CONTACT):
            sealed = item["b"]
            return Contact.from_bytes(ring_of(door).open("notice", CONTACT, sealed)), sealed
        raise Unavailable("contact")

    def entries(self, door: Door, before: str, limit: int) -> list[Entry]:
        """Journal entries, newest first, older than the entry id `before` (empty: the newest)."""
        last = f"J#{before}" if before else "J#~"
        page = self.items(door.patient, "J#", last, ScanIndexForward=False, Limit=limit + 1)
        ring = ring_of(door)
        older = islice((item for item in page if item["sk"] != last), limit)
        return [entry_of(opened_leaf(ring, item)) for item in older]

    def written(self, door: Door, span: Span) -> Iterator[Entry]:
        """Journal entries of a span, each opened as it is asked for; one Query a MB."""
        ring = ring_of(door)
        first, last = f"J#{span.after}", f"J#{span.before or '~'}"
        options = {"ScanIndexForward": span.forward, "Limit": span.page}
        for item in self.items(door.patient, first, last, **options):
            if item["sk"] not in (first, last):
                yield entry_of(opened_leaf(ring, item))

    def leaf(self, door: Door, entry: str) -> bytes | None:
        """The exact bytes of one journal leaf, or None."""
        for item in self.items(door.patient, f"J#{entry}", f"J#{entry}"):
            return opened_leaf(ring_of(door), item)
        return None

    def seal_page(self, door: Door, plaintext: bytes) -> bytes:
        """A paging token that only this record's keys open."""
        return ring_of(door).seal("record", "PAGE", compress(plaintext))

    def open_page(self, door: Door, token: bytes) -> bytes:
        """The inverse of `seal_page`."""
        return decompress(ring_of(door).open("record", "PAGE", token))


def _versions(message: bytes) -> tuple[Version, ...]:
    return tuple(decode(decompress(message)))


def place_of(sk: str) -> str:
    """Where the message of a K# or KS# item was sealed for; its further parts name it too."""
    return sk[2:18] if sk.startswith("K#") else sk[:9]


def pointer_of(item: Row) -> Pointer | None:
    """A U# item as a Pointer; None for any other item."""
    mark, _, rest = item["sk"].partition("#")
    if mark != "U":
        return None
    kind, _, name = rest.partition("#")
    return Pointer(kind, name, int(item["v"]), tuple(item["cs"]), bool(item.get("own")))


def _door_keys(wanted: Sequence[tuple[str, ResourceId]], access: str) -> list[str]:
    keys = [GUARD, STANDING, HEAD, *([f"A#{access}"] if access else [])]
    for kind, name in wanted:
        keys.append(f"U#{kind}#{name.text}")
        if name.commit:
            keys.append(f"K#{name.commit}")
    return list(dict.fromkeys(keys))


def keys_of(items: Sequence[Row]) -> PatientKeys | None:
    """A patient's row of the keys table, or None when it is gone."""
    if not items:
        return None
    return PatientKeys(int(items[0]["kv"]), items[0]["rec"], items[0]["ntc"])
