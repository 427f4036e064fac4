"""DynamoDB's condition, key and update expressions, as much of them as the project writes."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from typing import Any

_TOKEN = re.compile(r"\s*(<>|<=|>=|[()=<>,+-]|[#:]?[A-Za-z0-9_.]+)")
Item = Mapping[str, Any]


def holds(text: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]) -> bool:
    """Whether a condition or key condition is true of an item (`{}` for an absent one)."""
    reader = _Reader(text, names, values)
    found = reader.either(item)
    assert reader.done(), text
    return found


def updated(
    text: str, item: Item, names: Mapping[str, str], values: Mapping[str, Any]
) -> dict[str, Any]:
    """The item after SET, REMOVE, ADD and DELETE clauses."""
    made = copy.deepcopy(dict(item))
    reader = _Reader(text, names, values)
    while not reader.done():
        clause = reader.take().upper()
        while True:
            reader.clause(clause, item, made)
            if reader.peek() != ",":
                break
            reader.take()
    return made


class _Reader:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, names: Mapping[str, str], values: Mapping[str, Any]) -> None:
        self._tokens = _TOKEN.findall(text)
        self._names = names
        self._values = values
        self._at = 0

    def done(self) -> bool:
        """Whether every token is read."""
        return self._at == len(self._tokens)

    def peek(self) -> str:
        """The next token, empty at the end."""
        return "" if self.done() else str(self._tokens[self._at])

    def take(self, *expected: str) -> str:
        """The next token, which must be one of those expected."""
        token = self.peek()
        assert token
        assert not expected or token.upper() in expected, (token, expected)
        self._at += 1
        return token

    def either(self, item: Item) -> bool:
        """OR binds least."""
        found = self._both(item)
        while self.peek().upper() == "OR":
            self.take()
            found = self._both(item) or found
        return found

    def _both(self, item: Item) -> bool:
        found = self._one(item)
        while self.peek().upper() == "AND":
            self.take()
            found = self._one(item) and found
        return found

    def _one(self, item: Item) -> bool:
        token = self.peek()
        if token.upper() == "NOT":
            self.take()
            return not self._one(item)
        if token == "(":
            self.take()
            found = self.either(item)
            self.take(")")
            return found
        if token in ("attribute_exists", "attribute_not_exists", "begins_with"):
            return self._function(item)
        return self._comparison(item)

    def _function(self, item: Item) -> bool:
        name = self.take()
        self.take("(")
        value = self.operand(item)
        if name == "begins_with":
            self.take(",")
            prefix = self.operand(item)
            self.take(")")
            return bool(value and prefix and value["S"].startswith(prefix["S"]))
        self.take(")")
        return (value is not None) == (name == "attribute_exists")

    def _comparison(self, item: Item) -> bool:
        left = _plain(self.operand(item))
        sign = self.take("=", "<>", "<", "<=", ">", ">=", "BETWEEN").upper()
        right = _plain(self.operand(item))
        if sign == "BETWEEN":
            self.take("AND")
            last = _plain(self.operand(item))
            return left is not None and right <= left <= last
        if left is None or right is None:
            return sign == "<>" and left is not right
        return {
            "=": left == right, "<>": left != right, "<": left < right, "<=": left <= right,
            ">": left > right, ">=": left >= right,
        }[sign]  # fmt: skip

    def operand(self, item: Item) -> Any:
        """A value, an attribute, or None for an absent one."""
        token = self.take()
        if token.startswith(":"):
            return self._values[token]
        if token == "if_not_exists":
            self.take("(")
            held = self.operand(item)
            self.take(",")
            fallback = self.operand(item)
            self.take(")")
            return held if held is not None else fallback
        return item.get(self._names.get(token, token))

    def clause(self, clause: str, item: Item, made: dict[str, Any]) -> None:
        """One action of SET, REMOVE or ADD."""
        token = self.take()
        name = self._names.get(token, token)
        if clause == "REMOVE":
            made.pop(name, None)
            return
        if clause == "ADD":
            made[name] = _sum(made.get(name, {"N": "0"}), self.operand(item))
            return
        self.take("=")
        value = self.operand(item)
        if self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = _sum(value, self.operand(item), sign)
        made[name] = value


def _sum(one: Any, other: Any, sign: int = 1) -> dict[str, str]:
    return {"N": str(int(one["N"]) + sign * int(other["N"]))}


def _plain(typed: Any) -> Any:
    if typed is None:
        return None
    ((kind, value),) = typed.items()
    return int(value) if kind == "N" else value
