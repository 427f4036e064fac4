"""Records over DynamoDB: commits in parts, batches complete, conflicts sorted, races named."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import EndpointConnectionError

from dmp.adapters.compression import compress
from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.commits import PART_BYTES_MAX, OpenDoor, ring_of
from dmp.adapters.dynamodb.journal_items import opened_leaf
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_id, resource_id
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.domain.record import Version
from dmp.domain.refusals import TooLarge, Unavailable
from dmp.use_cases.ports import Access, Door, Once, Pointer, Race, Raced, Write
from tests.aws_calls import counted, disturbed, failing, forget
from tests.stack import stack as deployed
from tests.world import World

NOW = 1_900_000_000


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with deployed() as made:
        yield World(made)


class Desk:
    """One record and its adapter."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.patient: Caller = world.open_record()
        self.id = self.patient.patient or ""
        self.records = DynamoRecords(world.vault, *world.tables.values())
        self._serial = 0

    def door(self) -> OpenDoor:
        door = self.records.enter(self.id, self.patient)
        assert isinstance(door, OpenDoor)
        return door

    def entry(self) -> Entry:
        self._serial += 1
        name = commit_id(NOW * 1000, self._serial)
        who = {"kind": "patient", "patient": self.id}
        at = "2026-11-22T10:00:00.000Z"
        return Entry(f"{self.id}.{name}", at, "create", "permit", "r", who, "TREAT", "00", "q")

    def write(self, *bodies: bytes, **changes: Any) -> Write:
        self._serial += 1
        commit = commit_id(NOW * 1000, self._serial)
        versions = [
            Version("Binary", f"{self.id}.{commit}.{i:04}", 1, "", commit, "", "", body)
            for i, body in enumerate(bodies or (b"{}",))
        ]
        return replace(Write(self.id, commit, versions, self.entry(), 1), **changes)

    def rows(self, prefix: str = "") -> list[Mapping[str, Any]]:
        return list(self.records.items(self.id, prefix or "!", f"{prefix}~"))


@pytest.fixture
def desk(world: World) -> Iterator[Desk]:
    made = Desk(world)
    yield made
    forget(made.id)  # moto copies the whole table for each transaction


def noise(size: int) -> bytes:
    """Nothing compresses it."""
    return random.Random(size).randbytes(size)  # noqa: S311  # not a secret


@pytest.mark.parametrize(
    ("size", "parts"),
    [(100, 1), (PART_BYTES_MAX - 1000, 1), (PART_BYTES_MAX + 1, 2), (8 * PART_BYTES_MAX - 3000, 8)],
)
def test_a_commit_is_cut_over_as_many_items_as_it_needs(desk: Desk, size: int, parts: int) -> None:
    write = desk.write(noise(size))
    desk.records.commit(desk.door(), write)

    rows = desk.rows("K#" + write.commit)
    assert len(rows) == parts
    assert rows[0]["n"] == parts
    assert all(len(row["b"]) <= PART_BYTES_MAX for row in rows)
    assert desk.records.versions(desk.door(), [write.commit]) == {
        write.commit: tuple(write.versions)
    }
    assert (
        desk.records.state(desk.door()).current["Binary", write.versions[0].id]
        == (write.versions[0])
    )


def test_nine_parts_are_refused_before_anything_is_written(desk: Desk) -> None:
    write = desk.write(noise(8 * PART_BYTES_MAX + 1))
    before = desk.rows()

    with counted() as calls, pytest.raises(TooLarge):
        desk.records.commit(desk.door(), write)

    assert calls == ["BatchGetItem"]
    assert desk.rows() == before


def test_a_commit_that_lost_a_part_is_refused_rather_than_cut_short(desk: Desk) -> None:
    write = desk.write(noise(PART_BYTES_MAX + 1))
    desk.records.commit(desk.door(), write)
    key = {"pk": {"S": desk.id}, "sk": {"S": f"K#{write.commit}#1"}}
    dynamodb().delete_item(TableName=desk.records.records, Key=key)

    with pytest.raises(Unavailable):
        desk.records.versions(desk.door(), [write.commit])
    with pytest.raises(Unavailable):
        desk.records.state(desk.door())


def test_a_batch_of_more_than_a_hundred_keys_is_complete(desk: Desk) -> None:
    table = desk.records.registry
    for i in range(101):
        desk.world.put_row(f"directory#x{i}", reference={"S": "Location/x"})
    batch = Batch(dynamodb())
    for i in [*range(105), 3, 3]:
        batch.want(table, pk=f"directory#x{i}")

    with counted() as calls:
        found = batch.fetch()

    assert {row["pk"] for row in found[table]} == {f"directory#x{i}" for i in range(101)}
    assert len(found[table]) == 101
    assert calls == ["BatchGetItem"] * 2


def _stingy(monkeypatch: pytest.MonkeyPatch, rounds: int) -> list[int]:
    """A client that leaves all but the first key unprocessed, so many times."""
    monkeypatch.setattr("dmp.adapters.dynamodb.batch.time.sleep", lambda _: None)
    real, asked = dynamodb().batch_get_item, []

    def batch_get_item(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        asked.append(sum(len(table["Keys"]) for table in RequestItems.values()))
        if len(asked) > rounds:
            answered: dict[str, Any] = real(RequestItems=RequestItems)
            return answered
        (table, wanted), *others = RequestItems.items()
        answered = real(RequestItems={table: {**wanted, "Keys": wanted["Keys"][:1]}})
        left = {table: {**wanted, "Keys": wanted["Keys"][1:]}} if wanted["Keys"][1:] else {}
        return {**answered, "UnprocessedKeys": {**left, **dict(others)}}

    monkeypatch.setattr(dynamodb(), "batch_get_item", batch_get_item)
    return asked


def test_unprocessed_keys_are_fetched_again_and_never_absent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = _stingy(monkeypatch, rounds=3)

    door = desk.door()

    assert asked == [6, 5, 4, 3]
    assert door.active
    assert door.standing.owner == desk.id
    assert door.rows[f"session#s-{desk.id}"]["active"] is True


def test_keys_unprocessed_for_ever_make_it_unavailable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def batch_get_item(RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    monkeypatch.setattr("dmp.adapters.dynamodb.batch.time.sleep", lambda _: None)
    monkeypatch.setattr(dynamodb(), "batch_get_item", batch_get_item)
    with pytest.raises(Unavailable):
        desk.door()


CONFLICT = [{"Code": "TransactionConflict"}, {"Code": "None"}, {"Code": "None"}]


def test_a_conflict_is_tried_again(desk: Desk) -> None:
    write = desk.write()
    door = desk.door()

    code = "TransactionCanceledException"
    conflicts = failing("TransactWriteItems", code, times=2, CancellationReasons=CONFLICT)
    with conflicts, counted() as calls:
        desk.records.commit(door, write)

    assert calls == ["TransactWriteItems"] * 3
    assert len(desk.rows("K#" + write.commit)) == 1


def test_conflicts_without_end_make_it_unavailable(desk: Desk) -> None:
    write, door, before = desk.write(), desk.door(), desk.rows()

    code = "TransactionCanceledException"
    conflicts = failing("TransactWriteItems", code, CancellationReasons=CONFLICT)
    with conflicts, counted() as calls, pytest.raises(Unavailable):
        desk.records.commit(door, write)

    assert 2 <= len(calls) <= 5
    assert desk.rows() == before


@pytest.mark.parametrize(
    "code", ["ValidationException", "AccessDeniedException", "ResourceNotFoundException"]
)
def test_other_failures_are_unavailable_at_once(desk: Desk, code: str) -> None:
    door = desk.door()

    with failing("TransactWriteItems", code), counted() as calls, pytest.raises(Unavailable):
        desk.records.commit(door, desk.write())
    assert len(calls) == 1
    with failing("PutItem", code), pytest.raises(Unavailable):
        desk.records.journal(door, desk.entry())
    with failing("GetItem", code), pytest.raises(Unavailable):
        desk.records.policy(desk.id)
    with failing("Query", code), pytest.raises(Unavailable):
        desk.records.state(door)
    with failing("BatchGetItem", code), pytest.raises(Unavailable):
        desk.door()


def test_a_connection_that_breaks_is_unavailable(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(operation: str, request: Any) -> AWSResponse | None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.test")

    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    door, write = desk.door(), desk.write()
    with disturbed("dynamodb", by=broken), pytest.raises(Unavailable):
        desk.records.commit(door, write)
    with disturbed("dynamodb", by=broken), pytest.raises(Unavailable):
        desk.records.policy(desk.id)


def access(until: int = NOW + 3600) -> Access:
    return Access("a" * 32, until)


def once(key: str = "key|app|x", until: int = NOW + 86_400) -> Once:
    return Once(key, "digest", b"answer", until)


def arranged(race: Race, first: Write) -> dict[str, Any]:
    """A second write that loses over exactly this item."""
    ways: dict[Race, dict[str, Any]] = {
        "policy": {"policy": 2},
        "pointer": {"pointers": first.pointers},
        "access": {"access": access(NOW + 3700)},
        "once": {"once": once()},
        "id": {"commit": first.commit},
    }
    return ways[race]


@pytest.mark.parametrize("race", ["policy", "pointer", "access", "once", "id"])
def test_a_lost_race_names_what_was_lost_and_leaves_nothing(desk: Desk, race: Race) -> None:
    first = desk.write(access=access(), once=once())
    pointer = Pointer("Binary", first.versions[0].id, 1, (first.commit,), own=True)
    first = replace(first, pointers=[pointer])
    desk.records.commit(desk.door(), first)
    before = desk.rows()

    with pytest.raises(Raced) as raced:
        desk.records.commit(desk.door(), replace(desk.write(), **arranged(race, first)))

    assert raced.value.races == {race}
    assert desk.rows() == before


def test_a_lost_race_names_everything_that_was_lost(desk: Desk) -> None:
    first = desk.write(access=access(), once=once())
    desk.records.commit(desk.door(), first)
    standing = replace(desk.door().standing, version=9)
    notice = Notice("access", "", "x", NOW)

    with pytest.raises(Raced) as raced:
        desk.records.commit(
            desk.door(),
            desk.write(access=access(), once=once(), policy=8, standing=standing, notice=notice),
        )

    assert raced.value.races == {"policy", "access", "once"}


@pytest.mark.parametrize(("version", "race"), [(1, True), (2, False), (3, True)])
def test_a_pointer_moves_by_one_or_not_at_all(desk: Desk, version: int, race: bool) -> None:
    first = desk.write()
    name = first.versions[0].id
    own = Pointer("Binary", name, 1, (first.commit,), own=True)
    desk.records.commit(desk.door(), replace(first, pointers=[own]))
    commits = (first.commit, "x" * 16, "y" * 16)[:version]
    moved = desk.write(pointers=[replace(own, version=version, commits=commits)])

    if race:
        with pytest.raises(Raced):
            desk.records.commit(desk.door(), moved)
        return
    desk.records.commit(desk.door(), moved)
    parsed = resource_id(name)
    assert parsed
    door = desk.records.enter(desk.id, desk.patient, [("Binary", parsed)])
    assert isinstance(door, Door)
    assert door.pointers[own.type, name] == replace(own, version=2, commits=commits)


def test_an_access_that_is_over_may_be_opened_again_before_it_is_cleaned_up(desk: Desk) -> None:
    notice = Notice("access", "", "x", NOW)
    desk.records.open_access(desk.door(), desk.entry(), access(), notice)

    with pytest.raises(Raced) as raced:
        desk.records.open_access(desk.door(), desk.entry(), access(NOW + 7199), notice)
    assert raced.value.races == {"access"}
    desk.records.open_access(desk.door(), desk.entry(), access(NOW + 7200), notice)

    assert len(desk.rows("N#")) == 1 + 2


def test_a_guard_that_is_over_may_be_used_again_before_it_is_cleaned_up(desk: Desk) -> None:
    desk.records.commit(desk.door(), desk.write(once=once()))

    with pytest.raises(Raced):
        desk.records.commit(desk.door(), desk.write(once=once(until=NOW + 2 * 86_400 - 1)))
    desk.records.commit(desk.door(), desk.write(once=once(until=NOW + 2 * 86_400)))

    assert desk.records.used(desk.door(), "key|app|x", NOW) == ("digest", b"answer")
    assert desk.records.used(desk.door(), "key|app|x", NOW + 2 * 86_400) is None
    assert desk.records.used(desk.door(), "key|app|y", NOW) is None


def test_a_journal_entry_is_never_written_over(desk: Desk) -> None:
    entry = desk.entry()
    desk.records.journal(desk.door(), entry)

    with pytest.raises(Raced):
        desk.records.journal(desk.door(), replace(entry, rule="another"))

    assert desk.records.entries(desk.door(), "", 5)[0] == entry


def test_nothing_of_a_resource_stands_in_clear(desk: Desk) -> None:
    secret = b'{"resourceType":"Condition","code":{"text":"canary-7f3a"}}'
    desk.records.commit(desk.door(), desk.write(secret, once=once()))

    assert "canary" not in repr(desk.rows())
    assert "Condition" not in repr(desk.rows())


def test_entries_sealed_before_they_were_compressed_are_read(desk: Desk) -> None:
    """Journals outlive formats: an entry's leaf is its exact bytes, however it was sealed."""
    ring = ring_of(desk.door())
    leaf = b'{"action":"read","id":"x"}'
    for name, sealed in (("a" * 16, leaf), ("b" * 16, compress(leaf))):
        item = {"sk": f"J#{name}", "b": ring.seal("journal", name, sealed)}
        assert opened_leaf(ring, item) == leaf
