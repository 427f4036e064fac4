"""The register of persons: the region's table, keyed by the MAC of each identifier."""

from __future__ import annotations

from typing import Any

from dmp.adapters.dynamodb.batch import deserialize
from dmp.adapters.dynamodb.conflicts import available
from dmp.adapters.macs import Macs
from dmp.adapters.phones import mobile
from dmp.domain.person import Person


class PopulationTable:
    """Implements the port `Population`; an item stands under every identifier of its person."""

    def __init__(self, client: Any, table: str, macs: Macs) -> None:
        self._client = client
        self._table = table
        self._macs = macs

    def find(self, system: str, value: str) -> Person | None:
        """One GenerateMac and one consistent GetItem.

        A phone that takes no SMS counts as none: the person is then seen to by a registrar.
        """
        key = {"pk": {"S": self._macs.identifier(system, value)}}
        answered = available(
            lambda: self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        )
        if "Item" not in answered:
            return None
        item = deserialize(answered["Item"])
        given = item["given"]
        return Person(
            family=item["family"],
            given=tuple(given if isinstance(given, list) else given.split()),
            birth_date=item["birth_date"],
            phone=mobile(item.get("phone") or ""),
            identifiers=tuple(_pair(text) for text in item["identifiers"]),
            language=item.get("language") or "ar",
            died=bool(item.get("died")),
        )


def _pair(text: str) -> tuple[str, str]:
    system, _, value = text.partition("|")
    return system, value
