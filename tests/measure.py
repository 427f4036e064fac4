"""AWS calls counted and DynamoDB units computed, at the client's own boundary.

Units are computed from item sizes by DynamoDB's published rules, because emulators report wrong
ones: a write costs 1 unit a kB (2 in a transaction, checks included), a consistent read 1 unit
for 4 kB, item by item in a batch, all together in a query.
"""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

_EVENTS = ("before-call.dynamodb", "before-call.kms")


@dataclass
class Meter:
    """What was called since the last `reset`; attach once to each client.

    `cpu_s` are the seconds that counting itself took.
    """

    calls: Counter[str] = field(default_factory=Counter)
    write_units: int = 0
    read_units: int = 0
    stored: int = 0
    cpu_s: float = 0
    _sizes: dict[str, int] = field(default_factory=dict)

    def attach(self, *clients: Any) -> Meter:
        """Listen to the clients' calls."""
        for client in clients:
            service = client.meta.service_model.service_name
            client.meta.events.register_first(f"before-call.{service}", self._before)
            client.meta.events.register_last(f"after-call.{service}", self._after)
        return self

    def reset(self) -> None:
        """Begin again."""
        self.calls.clear()
        self.write_units = self.read_units = self.stored = 0
        self.cpu_s = 0

    def count(self, service: str) -> int:
        """Calls to one service."""
        return sum(n for name, n in self.calls.items() if name.startswith(service + "."))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is counted; what is written is known all the same."""
        kept = self.calls.copy(), self.write_units, self.read_units, self.stored
        yield
        self.calls, self.write_units, self.read_units, self.stored = kept

    def _before(self, model: Any, params: Mapping[str, Any], **_: object) -> None:
        began = time.process_time()
        service = model.service_model.service_name
        self.calls[f"{service}.{model.name}"] += 1
        if service == "dynamodb":
            self._writes(model.name, json.loads(params["body"]))
        self.cpu_s += time.process_time() - began

    def _after(self, model: Any, parsed: Mapping[str, Any], **_: object) -> None:
        began = time.process_time()
        if model.service_model.service_name == "dynamodb":
            self._reads(model.name, parsed)
        self.cpu_s += time.process_time() - began

    def _writes(self, operation: str, body: Mapping[str, Any]) -> None:
        if operation == "PutItem":
            self.write_units += self._put(body)
        elif operation in ("UpdateItem", "DeleteItem"):
            self.write_units += self._touched(body)
        elif operation == "TransactWriteItems":
            for entry in body["TransactItems"]:
                ((action, inner),) = entry.items()
                units = self._put(inner) if action == "Put" else self._touched(inner)
                self.write_units += 2 * units

    def _put(self, body: Mapping[str, Any]) -> int:
        item = body["Item"]
        size = sum(len(name.encode()) + size_of(value) for name, value in item.items())
        self._sizes[_key_of(item)] = size
        self.stored += size
        return max(1, math.ceil(size / 1024))

    def _touched(self, body: Mapping[str, Any]) -> int:
        return max(1, math.ceil(self._sizes.get(_key_of(body["Key"]), 0) / 1024))

    def _reads(self, operation: str, parsed: Mapping[str, Any]) -> None:
        if operation == "GetItem":
            self.read_units += _read(_item_size(parsed.get("Item", {})))
        elif operation == "BatchGetItem":
            for items in parsed.get("Responses", {}).values():
                self.read_units += sum(_read(_item_size(item)) for item in items)
        elif operation == "Query":
            self.read_units += _read(sum(_item_size(item) for item in parsed.get("Items", ())))


def _read(size: int) -> int:
    return max(1, math.ceil(size / 4096))


def _key_of(item: Mapping[str, Any]) -> str:
    return json.dumps([item.get("pk"), item.get("sk")])


def _item_size(item: Mapping[str, Any]) -> int:
    return sum(len(name.encode()) + size_of(value) for name, value in item.items())


def size_of(value: Mapping[str, Any]) -> int:
    """Bytes of an attribute's value, as DynamoDB counts them."""
    ((kind, content),) = value.items()
    if kind == "B":
        return len(content) if isinstance(content, bytes) else len(content) * 3 // 4
    if kind == "N":
        return len(content) // 2 + 2
    if kind == "S":
        return len(content.encode())
    if kind == "L":
        return 3 + sum(1 + size_of(one) for one in content)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + size_of(one) for name, one in content.items())
    return 1
