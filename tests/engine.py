"""DynamoDB in memory for races: every documented conflict, and a switch at every call.

Stands in for the low-level client. A transaction first claims its items, lets others run, then
commits: whoever touches a claimed item meanwhile is told of the conflict, as AWS tells it
(TransactionCanceledException with TransactionConflict; TransactionConflictException for a single
write; consistent reads see the state before).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from tests.expressions import holds, updated

Key = tuple[str, str, str]
_SNAKE = re.compile(r"(?<!^)(?=[A-Z])")
BATCH_MAX = 100
TRANSACTION_MAX = 100


class Engine:
    """Tables whose key is pk, or pk and sk. `switch` is called before every call takes effect.

    `log` tells, in order, which thread read or changed which items; a transaction when it commits.
    """

    def __init__(self, switch: Callable[[str], None] = lambda _: None) -> None:
        self.items: dict[Key, dict[str, Any]] = {}
        self.switch = switch
        self._claimed: set[Key] = set()
        self.calls: list[str] = []
        self.log: list[tuple[int, str, frozenset[Key]]] = []
        service = SimpleNamespace(service_name="dynamodb")
        self.meta = SimpleNamespace(region_name="eu-west-1", service_model=service)
        self._request_signer = SimpleNamespace(_credentials=True)  # what PynamoDB looks at

    def __getattr__(self, name: str) -> Callable[..., Any]:
        operation = "".join(part.capitalize() for part in name.split("_"))
        if operation not in _OPERATIONS:
            raise AttributeError(name)
        return lambda **kwargs: self._make_api_call(operation, kwargs)

    def _make_api_call(self, operation: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        self.switch(operation)
        self.calls.append(operation)
        answered: dict[str, Any] = _OPERATIONS[operation](self, kwargs)
        return _copied(answered)

    def _note(self, what: str, *keys: Key) -> None:
        self.log.append((threading.get_ident(), what, frozenset(keys)))

    def get_item_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """GetItem."""
        key = _key(kwargs["TableName"], kwargs["Key"])
        self._note("read", key)
        item = self.items.get(key)
        return {"Item": item} if item else {}

    def batch_get_item_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """BatchGetItem."""
        found: dict[str, list[Any]] = {}
        assert sum(len(asked["Keys"]) for asked in kwargs["RequestItems"].values()) <= BATCH_MAX
        for table, asked in kwargs["RequestItems"].items():
            keys = [_key(table, key) for key in asked["Keys"]]
            self._note("batch", *keys)
            found[table] = [self.items[key] for key in keys if key in self.items]
        return {"Responses": found, "UnprocessedKeys": {}}

    def query_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Query of one partition, by an expression over pk and sk."""
        table, names = kwargs["TableName"], kwargs.get("ExpressionAttributeNames", {})
        values, expression = kwargs["ExpressionAttributeValues"], kwargs["KeyConditionExpression"]
        rows = [
            item
            for key, item in sorted(self.items.items())
            if key[0] == table and holds(expression, item, names, values)
        ]
        self._note("query", *(_target({"TableName": table, "Item": row}) for row in rows))
        if kwargs.get("ScanIndexForward") is False:
            rows.reverse()
        rows = rows[: kwargs.get("Limit", len(rows))]
        return {"Items": rows, "Count": len(rows), "ScannedCount": len(rows)}

    def put_item_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """PutItem."""
        return self._single("PutItem", kwargs)

    def update_item_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """UpdateItem."""
        return self._single("UpdateItem", kwargs)

    def delete_item_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """DeleteItem."""
        return self._single("DeleteItem", kwargs)

    def transact_write_items_(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Claim, let others run, commit: or nothing, with a reason for each item."""
        entries = [next(iter(entry.items())) for entry in kwargs["TransactItems"]]
        keys = [_target(body) for _, body in entries]
        assert len(set(keys)) == len(keys) <= TRANSACTION_MAX
        conflicts = ["TransactionConflict" if k in self._claimed else "None" for k in keys]
        if self._claimed.intersection(keys):
            raise _cancelled(conflicts)
        self._claimed.update(keys)
        try:
            self.switch("commit")
            sound = [self._allowed(body) for _, body in entries]
            if not all(sound):
                raise _cancelled(["None" if ok else "ConditionalCheckFailed" for ok in sound])
            self._note("change", *keys)
            for action, body in entries:
                self._apply(action, body)
        finally:
            self._claimed.difference_update(keys)
        return {}

    def _single(self, operation: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        if _target(kwargs) in self._claimed:
            raise _error("TransactionConflictException", operation)
        if not self._allowed(kwargs):
            raise _error("ConditionalCheckFailedException", operation)
        self._note("change", _target(kwargs))
        self._apply(operation.removesuffix("Item"), kwargs)
        told = kwargs.get("ReturnValues") == "ALL_NEW"
        return {"Attributes": self.items[_target(kwargs)]} if told else {}

    def _allowed(self, body: Mapping[str, Any]) -> bool:
        condition = body.get("ConditionExpression")
        if condition is None:
            return True
        names = body.get("ExpressionAttributeNames", {})
        values = body.get("ExpressionAttributeValues", {})
        return holds(condition, self.items.get(_target(body), {}), names, values)

    def _apply(self, action: str, body: Mapping[str, Any]) -> None:
        key = _target(body)
        if action == "Put":
            self.items[key] = _copied(dict(body["Item"]))
        elif action == "Delete":
            self.items.pop(key, None)
        elif action == "Update":
            before = self.items.get(key) or dict(body["Key"])
            names = body.get("ExpressionAttributeNames", {})
            values = body.get("ExpressionAttributeValues", {})
            self.items[key] = updated(body["UpdateExpression"], before, names, values)


_OPERATIONS: dict[str, Callable[[Engine, Mapping[str, Any]], dict[str, Any]]] = {
    "GetItem": Engine.get_item_,
    "BatchGetItem": Engine.batch_get_item_,
    "Query": Engine.query_,
    "PutItem": Engine.put_item_,
    "UpdateItem": Engine.update_item_,
    "DeleteItem": Engine.delete_item_,
    "TransactWriteItems": Engine.transact_write_items_,
}


def _key(table: str, key: Mapping[str, Any]) -> Key:
    return table, key["pk"]["S"], key.get("sk", {}).get("S", "")


def _copied(value: Any) -> Any:
    """Containers anew, leaves as they are: what is answered and what is kept are not shared."""
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    return [_copied(member) for member in value] if isinstance(value, list) else value


def _target(body: Mapping[str, Any]) -> Key:
    return _key(body["TableName"], body.get("Key") or body["Item"])


def _error(code: str, operation: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, operation)


def _cancelled(codes: list[str]) -> ClientError:
    error = {"Code": "TransactionCanceledException", "Message": "cancelled"}
    reasons = [{"Code": code} for code in codes]
    response: Any = {"Error": error, "CancellationReasons": reasons}
    return ClientError(response, "TransactWriteItems")
