"""The log's head and its leaves' indexes, in `registry`: `log#head` and `leaf#<id>`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.domain.log import Log, log_of
from dmp.use_cases.sealing import Head, Leaf

HEAD = "log#head"


class HeadItem(Model):
    """log#head: the log's edge, how often it moved, and the newest signed note."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    b = BinaryAttribute(legacy_encoding=False)
    n = NumberAttribute()
    r = NumberAttribute()
    note = UnicodeAttribute()


class LeafItem(Model):
    """leaf#<patient>.<entry>: the leaf's index and hash."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    n = NumberAttribute()
    h = BinaryAttribute(legacy_encoding=False)


class DynamoLogRows:
    """Implements the port `LogRows`."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        self._connection = bind(HeadItem, registry)
        bind(LeafItem, registry)

    def head(self) -> Head:
        """One consistent GetItem."""
        batch = Batch(dynamodb())
        batch.want(self._registry, pk=HEAD)
        items = batch.fetch()[self._registry]
        if not items:
            return Head(Log(), "", 0)
        item = items[0]
        return Head(log_of(item["b"]), item.get("note", ""), item["r"])

    def leaves(self, ids: Sequence[str]) -> Mapping[str, tuple[int, bytes]]:
        """One BatchGetItem for each hundred."""
        batch = Batch(dynamodb())
        for name in ids:
            batch.want(self._registry, pk=f"leaf#{name}")
        rows = batch.fetch()[self._registry] if ids else []
        return {row["pk"].removeprefix("leaf#"): (row["n"], row["h"]) for row in rows}

    def append(self, head: Head, fresh: Sequence[Leaf], log: Log) -> bool:
        """The head and up to 99 leaves."""

        def send() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                for index, leaf in enumerate(fresh, head.log.size):
                    row = LeafItem(f"leaf#{leaf.id}", n=index, h=leaf.hash)
                    transaction.save(row, condition=LeafItem.pk.does_not_exist())
                transaction.save(_item(head, log, head.note), condition=_unmoved(head))

        try:
            retrying(send)
        except ConditionsFailed:
            return False
        return True

    def sign(self, head: Head, note: str) -> bool:
        """One conditional PutItem."""
        item = _item(head, head.log, note)
        try:
            available(lambda: item.save(condition=_unmoved(head)))
        except ConditionsFailed:
            return False
        return True


def _item(head: Head, log: Log, note: str) -> HeadItem:
    return HeadItem(HEAD, b=log.to_bytes(), n=log.size, r=head.revision + 1, note=note)


def _unmoved(head: Head) -> Condition:
    return HeadItem.r == head.revision if head.revision else HeadItem.pk.does_not_exist()
