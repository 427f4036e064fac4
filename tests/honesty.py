"""What moto 5.2.5 answers wrongly, corrected, so that a test cannot pass for moto's reason.

`ClientRequestToken` is remembered, a transaction over 4 MB is refused, a key that is disabled or
pending deletion opens nothing, and a key is found by its ARN to be disabled. `assert_rollback`
proves that a cancelled transaction leaves nothing.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.exceptions import DynamodbException, MockValidationException
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler
from moto.kms.models import KmsBackend

TRANSACTION_BYTES_MAX = 4 * 1024 * 1024
_KEY_OPERATIONS = ("encrypt", "decrypt", "generate_data_key", "generate_mac", "verify_mac", "sign")
_named: set[tuple[str, str]] = set()
_tokens: dict[tuple[str, str], tuple[str, Any]] = {}


class _KmsError(JsonRESTError):
    code = 400


def _attribute_size(value: dict[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content if isinstance(content, bytes) else base64.b64decode(content))
        case "N":
            return len(content) // 2 + 2
        case "M":
            return 3 + sum(len(k.encode()) + 1 + _attribute_size(v) for k, v in content.items())
        case "L":
            return 3 + sum(1 + _attribute_size(v) for v in content)
        case "SS" | "NS" | "BS":
            return sum(len(v) for v in content)
    return 1


def item_size(item: dict[str, Any]) -> int:
    """Bytes of an item in DynamoDB JSON (numbers approximately)."""
    return sum(len(name.encode()) + _attribute_size(value) for name, value in item.items())


def _honest_transaction(original: Callable[[DynamoHandler], Any]) -> Callable[[DynamoHandler], Any]:
    def transact_write_items(self: DynamoHandler) -> Any:
        items = self.body["TransactItems"]
        size = sum(item_size(op.get("Item", {})) for item in items for op in item.values())
        if size > TRANSACTION_BYTES_MAX:
            raise MockValidationException(
                "Transaction request exceeds the 4MB transaction size limit"
            )
        token = self.body.get("ClientRequestToken")
        if not token:
            return _briefly(original, self, items)
        slot = (str(id(self.dynamodb_backend)), token)
        digest = hashlib.sha256(
            json.dumps(items, sort_keys=True, default=repr).encode()
        ).hexdigest()
        if slot not in _tokens:
            answer = _briefly(original, self, items)
            _tokens[slot] = (digest, answer)
        elif _tokens[slot][0] != digest:
            raise DynamodbException("IdempotentParameterMismatchException", "other parameters")
        return _tokens[slot][1]

    return transact_write_items


def _briefly(
    original: Callable[[DynamoHandler], Any], handler: DynamoHandler, items: list[dict[str, Any]]
) -> Any:
    """Run a transaction whose backup copies the items it names: moto copies whole tables."""
    for item in items:
        for operation in item.values():
            key = operation.get("Key") or operation.get("Item", {})
            _named.add((key.get("pk", {}).get("S", ""), key.get("sk", {}).get("S", "")))
    try:
        return original(handler)
    finally:
        _named.clear()


def _table_copy(table: Table, memo: dict[int, Any]) -> Table:
    """A table as it is now: a transaction changes in place only the items that it names."""
    made = copy.copy(table)
    memo[id(table)] = made

    def kept(pk: DynamoType, sk: str, item: Item) -> Item:
        if _named and (pk.value, sk) not in _named:
            return item
        return copy.deepcopy(item, memo)

    made.items = defaultdict(dict)
    for pk, held in table.items.items():
        if isinstance(held, dict):
            made.items[pk] = {sk: kept(pk, sk.value, item) for sk, item in held.items()}
        else:
            made.items[pk] = kept(pk, "", held)
    if table.stream_shard is not None:
        made.stream_shard = copy.copy(table.stream_shard)
        made.stream_shard.table = made
        made.stream_shard.items = list(table.stream_shard.items)
    return made


def _honest_key(original: Callable[..., Any], name: str) -> Callable[..., Any]:
    def guarded(self: KmsBackend, *args: Any, **named: Any) -> Any:
        answer = original(self, *args, **named)
        key_id = named.get("key_id") or (answer[1] if name == "decrypt" else args[0])
        key = self.keys[self.any_id_to_key_id(key_id)]
        if key.key_state == "Disabled":
            raise _KmsError("DisabledException", f"{key.arn} is disabled.")
        if key.key_state != "Enabled":
            raise _KmsError("KMSInvalidStateException", f"{key.arn} is pending deletion.")
        return answer

    return guarded


def _by_any_id(original: Callable[..., Any]) -> Callable[..., Any]:
    def found(self: KmsBackend, key_id: str, *args: Any, **named: Any) -> Any:
        return original(self, self.any_id_to_key_id(key_id), *args, **named)

    return found


def install() -> None:
    """Correct moto for this process, once."""
    if getattr(DynamoHandler, "_dmp_honest", False):
        return
    DynamoHandler._dmp_honest = True  # type: ignore[attr-defined]
    DynamoHandler.transact_write_items = _honest_transaction(  # type: ignore[method-assign]
        DynamoHandler.transact_write_items
    )
    Table.__deepcopy__ = _table_copy
    for name in _KEY_OPERATIONS:
        setattr(KmsBackend, name, _honest_key(getattr(KmsBackend, name), name))
    for name in ("disable_key", "enable_key", "schedule_key_deletion", "cancel_key_deletion"):
        setattr(KmsBackend, name, _by_any_id(getattr(KmsBackend, name)))


def forget_tokens() -> None:
    """A new account remembers no token."""
    _tokens.clear()


def assert_rollback(dynamodb: Any, table: str) -> None:
    """A cancelled transaction leaves nothing: a patched moto once kept the first half."""
    put = {"TableName": table, "Item": {"pk": {"S": "rollback-probe"}}}
    check = {
        "TableName": table,
        "Key": {"pk": {"S": "rollback-check"}},
        "ConditionExpression": "attribute_exists(pk)",
    }
    try:
        dynamodb.transact_write_items(TransactItems=[{"Put": put}, {"ConditionCheck": check}])
    except ClientError as error:
        assert error.response["Error"]["Code"] == "TransactionCanceledException"  # noqa: PT017
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"pk": {"S": "rollback-probe"}})
