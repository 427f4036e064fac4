"""BatchGetItem over several tables: consistent, and complete before it is believed."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from dmp.adapters.dynamodb.conflicts import available
from dmp.domain.refusals import Unavailable

KEYS_MAX = 100
ROUNDS_MAX = 6


class Batch:
    """Keys to fetch, then their items by table. A key that is absent has no item."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._keys: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def want(self, table: str, **key: str) -> None:
        """Ask for one item, once however often it is wanted."""
        typed = {name: {"S": value} for name, value in key.items()}
        if typed not in self._keys[table]:
            self._keys[table].append(typed)

    def fetch(self) -> Mapping[str, list[dict[str, Any]]]:
        """Every item found. Unprocessed keys are fetched again, never taken for absence."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        wanted = [(table, key) for table, keys in self._keys.items() for key in keys]
        while wanted:
            chunk, wanted = wanted[:KEYS_MAX], wanted[KEYS_MAX:]
            self._fetch(chunk, found)
        return found

    def _fetch(
        self, chunk: list[tuple[str, dict[str, Any]]], found: dict[str, list[dict[str, Any]]]
    ) -> None:
        request: dict[str, Any] = {}
        for table, key in chunk:
            request.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
        for round_ in range(ROUNDS_MAX):
            asked = request
            answered = available(lambda: self._client.batch_get_item(RequestItems=asked))  # noqa: B023
            for table, items in answered["Responses"].items():
                found[table].extend(deserialize(item) for item in items)
            request = answered.get("UnprocessedKeys") or {}
            if not request:
                return
            time.sleep(random.uniform(0, 0.02 * 2**round_))  # noqa: S311  # jitter, not a secret
        raise Unavailable("dynamodb")


def deserialize(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """DynamoDB's typed values as Python's: S, N as int, B as bytes, BOOL, L, M."""
    return {name: _value(value) for name, value in item.items()}


def serialize(item: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The inverse of `deserialize`."""
    return {name: _typed(value) for name, value in item.items()}


def _typed(value: Any) -> dict[str, Any]:
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case Mapping():
            return {"M": serialize(value)}
        case _:
            return {"L": [_typed(one) for one in value]}


def _value(typed: Mapping[str, Any]) -> Any:
    ((kind, value),) = typed.items()
    if kind == "N":
        return int(value)
    if kind == "L":
        return [_value(v) for v in value]
    if kind == "M":
        return deserialize(value)
    if kind == "B":
        return bytes(value)
    return None if kind == "NULL" else value
