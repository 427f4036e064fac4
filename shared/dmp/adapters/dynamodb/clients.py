"""The port `ClientRows`: `client#<id>`, who holds a prefix, and what was done to an app.

`prefix#<prefix>` and `client#<id>` are never deleted, so that neither is given twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from dmp.adapters.dynamodb.batch import deserialize, serialize
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.domain.directory import Client
from dmp.use_cases.clients import Act, Registered
from dmp.use_cases.directory import Fault, NotTaken

_LISTS = ("organizations", "redirect_uris")


class DynamoClients:
    """Implements the port `ClientRows` over the registry."""

    def __init__(self, registry: str) -> None:
        self._registry = registry

    def find(self, client_id: str) -> Registered | None:
        """One consistent GetItem."""
        row = self._row(f"client#{client_id}")
        if not row:
            return None
        texts = {name: row.get(name, "") for name in ("name", "prefix", "jwks", "scopes")}
        client = Client(
            id=client_id,
            active=row["active"] is True,
            organizations=tuple(row["organizations"]),
            jwks_uri=row.get("jwks_uri", ""),
            redirect_uris=tuple(row.get("redirect_uris", ())),
            **texts,
        )
        return Registered(client, int(row.get("version", 0)), row.get("removed", False))

    def acts(self, client_id: str) -> Sequence[Act]:
        """One consistent GetItem."""
        return [Act(**act) for act in self._row(f"acts#{client_id}").get("acts", ())]

    def write(self, new: Registered, seen: Registered | None, act: Act) -> None:
        """One TransactWriteItems: the registration, its prefix, the act."""
        client = new.client
        unmoved: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if seen is not None:
            unmoved = {
                "ConditionExpression": "version = :seen"
                if seen.version
                else "attribute_exists(pk) AND attribute_not_exists(version)",
                **({"ExpressionAttributeValues": serialize({":seen": seen.version})}
                   if seen.version else {}),
            }  # fmt: skip
        prefix = {"pk": f"prefix#{client.prefix}", "client": client.id}
        items = [
            {"Put": {"TableName": self._registry, "Item": serialize(_row_of(new)), **unmoved}},
            {"Put": {
                "TableName": self._registry,
                "Item": serialize(prefix),
                "ConditionExpression": "attribute_not_exists(pk) OR client = :id",
                "ExpressionAttributeValues": serialize({":id": client.id}),
            }},
            {"Update": {
                "TableName": self._registry,
                "Key": serialize({"pk": f"acts#{client.id}"}),
                "UpdateExpression": "SET acts = list_append(if_not_exists(acts, :none), :act)",
                "ExpressionAttributeValues": serialize({":none": [], ":act": [asdict(act)]}),
            }},
        ]  # fmt: skip
        try:
            retrying(lambda: dynamodb().transact_write_items(TransactItems=items))
        except ConditionsFailed as failed:
            taken = 1 in failed.failed
            column = "prefix" if taken else "client_id"
            accepted = "one that no app has or had" if taken else "one that nobody else changes now"
            raise NotTaken([Fault(f"client {client.id}", column, accepted)]) from None

    def _row(self, key: str) -> Mapping[str, Any]:
        asked = {"TableName": self._registry, "Key": serialize({"pk": key})}
        answered = available(lambda: dynamodb().get_item(**asked, ConsistentRead=True))
        return deserialize(answered.get("Item", {}))


def _row_of(new: Registered) -> dict[str, Any]:
    """What readers of a client find; what is empty is left out."""
    members = {name: value for name, value in asdict(new.client).items() if name != "id"}
    lists = {name: list(members.pop(name)) for name in _LISTS}
    texts = {name: value for name, value in members.items() if value != ""}
    kept = {"pk": f"client#{new.client.id}", "version": new.version, **texts, **lists}
    return {**kept, "removed": True} if new.removed else kept
