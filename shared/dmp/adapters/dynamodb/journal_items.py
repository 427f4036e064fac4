"""The items of a record that tell of an act: its journal entry, and the notice owed for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pynamodb.expressions.condition import Condition

from dmp.adapters.compression import compress, decompress
from dmp.adapters.dynamodb.tables import RecordItem
from dmp.adapters.envelope import Ring, Unopenable
from dmp.domain.journal import NOTICE_SIDE, Entry, entry_of, leaf_hash
from dmp.domain.notices import Notice


def journal_item(ring: Ring, entry: Entry, *, owes: bool = False) -> RecordItem:
    """The J# item of an entry, its leaf hash in clear; `owes` when a notice goes with it."""
    leaf = entry.canonical()
    sealed = ring.seal("journal", entry.entry, compress(leaf))
    name = f"J#{entry.entry}"
    return RecordItem(entry.patient, name, b=sealed, leaf=leaf_hash(leaf), owes=owes or None)


def notice_side_item(ring: Ring, entry: Entry, *, owes: bool = False) -> RecordItem:
    """The same, written with the notice key alone."""
    leaf = entry.canonical()
    return RecordItem(
        entry.patient,
        f"J#{entry.entry}",
        b=ring.seal("notice-journal", entry.entry, compress(leaf)),
        leaf=leaf_hash(leaf),
        by="notice",
        owes=owes or None,
    )


def written_once(item: RecordItem) -> Condition:
    """Nothing stands there, or this very entry: the SDK sends again what was not answered."""
    unmoved: Condition = RecordItem.pk.does_not_exist() | (RecordItem.leaf == item.leaf)
    return unmoved


def opened_leaf(ring: Ring, item: Mapping[str, Any]) -> bytes:
    """The leaf of a J# item; Unopenable when its key is not one that such an entry is sealed by."""
    entry = item["sk"].removeprefix("J#")
    if item.get("by") is None:
        return _unpacked(ring.open("journal", entry, item["b"]))
    leaf = _unpacked(ring.open("notice-journal", entry, item["b"]))
    if entry_of(leaf).action not in NOTICE_SIDE:
        raise Unopenable("an act that the notice side does not journal")
    return leaf


def _unpacked(message: bytes) -> bytes:
    """Compressed since it was sealed; the first entries were not, and begin as JSON does."""
    return message if message.startswith(b"{") else decompress(message)


def notice_item(ring: Ring, entry: Entry, notice: Notice) -> RecordItem:
    """The N# item of a notice owed for an entry."""
    return owed_item(ring, entry.patient, entry.entry, notice)


def owed_item(ring: Ring, patient: str, name: str, notice: Notice) -> RecordItem:
    """The N# item of that name; its `due` is what the sweep finds it by."""
    return RecordItem(
        patient,
        f"N#{name}",
        b=ring.seal("notice", name, notice.to_bytes()),
        state="owed",
        ref=notice.reference,
        due=notice.due,
        due_shard=notice.shard,
    )
