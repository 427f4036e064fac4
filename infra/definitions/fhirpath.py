"""FHIRPath read into nested lists: the subset that R4's invariants use, choices spelled out.

A node is `[operation, argument…]`. `[".", source, names]` takes elements by their JSON names,
`["this"]` is what the expression is about, `["resource"]` the resource around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Node = list[Any]
_TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^'\\]|\\.)*')|(?P<number>\d+(?:\.\d+)?)|(?P<quoted>`[^`]+`)"
    r"|(?P<name>[%$]?[A-Za-z_][A-Za-z0-9_]*)|(?P<sign><=|>=|!=|[().,=<>|+&-]))"
)
_LEVELS = (
    ("implies",), ("or", "xor"), ("and",), ("in", "contains"), ("=", "!="), ("<=", ">=", "<", ">"),
    ("|",), ("is", "as"), ("+", "-", "&"),
)  # fmt: skip
_CONSTANTS: Mapping[str, Node] = {
    "%ucum": ["literal", "http://unitsofmeasure.org"],
    "%resource": ["resource"],
    "%rootResource": ["resource"],
    "$this": ["this"],
    "true": ["literal", True],
    "false": ["literal", False],
}
# What the functions used need nothing but their source and arguments for.
_PLAIN = frozenset(
    {"all", "children", "combine", "contains", "count", "descendants", "distinct", "empty",
     "exists", "first", "hasValue", "iif", "intersect", "isDistinct", "matches", "not",
     "replaceMatches", "select", "startsWith", "substring", "tail", "toInteger", "toString",
     "where"}
)  # fmt: skip
_KEEPING = frozenset({"all", "first", "tail", "where", "distinct", "this", "|", "combine"})
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


class UnsupportedError(Exception):
    """The expression is outside the subset."""


class Reader:
    """Reads one expression about values of the type `owner`."""

    def __init__(self, text: str, owner: str, types: Mapping[str, Any]) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._types = types
        self._owner = frozenset({owner})

    def read(self) -> Node:
        """The whole expression."""
        node, _ = self._binary(0, self._owner)
        if self._at != len(self._tokens):
            raise UnsupportedError(self._peek())
        return node

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, sign: str) -> None:
        if self._next()[1] != sign:
            raise UnsupportedError(f"{sign} is missing")

    def _binary(self, level: int, focus: frozenset[str]) -> tuple[Node, frozenset[str]]:
        if level == len(_LEVELS):
            return self._path(focus)
        node, kinds = self._binary(level + 1, focus)
        while self._peek() in _LEVELS[level]:
            sign = self._next()[1]
            if sign in ("is", "as"):
                node = ["is" if sign == "is" else "as", node, self._next()[1]]
                continue
            right, others = self._binary(level + 1, focus)
            node, kinds = [sign, node, right], kinds | others if sign == "|" else frozenset()
        return node, kinds

    def _path(self, focus: frozenset[str]) -> tuple[Node, frozenset[str]]:
        node, kinds = self._term(focus)
        while self._peek() == ".":
            self._next()
            node, kinds = self._step(node, kinds)
        return node, kinds

    def _term(self, focus: frozenset[str]) -> tuple[Node, frozenset[str]]:
        kind, text = self._next()
        if kind == "sign" and text == "(":
            node, kinds = self._binary(0, focus)
            self._expect(")")
            return node, kinds
        if kind == "string":
            return ["literal", text], frozenset()
        if kind == "number":
            return ["literal", int(text)], frozenset()
        if text in _CONSTANTS:
            known = focus if text == "$this" else frozenset[str]()
            if text in ("%resource", "%rootResource"):
                known = frozenset(k.partition(".")[0] for k in self._owner)
            return list(_CONSTANTS[text]), known
        if text[0] in "%$" or kind == "sign":
            raise UnsupportedError(text)
        if focus & {text}:
            return ["this"], focus
        self._at -= 1
        return self._step(["this"], focus)

    def _step(self, source: Node, kinds: frozenset[str]) -> tuple[Node, frozenset[str]]:
        name = self._next()[1].strip("`")
        if self._peek() != "(":
            names, found = self._named(name, kinds)
            return [".", source, names], found
        self._next()
        return self._call(name, source, kinds)

    def _call(self, name: str, source: Node, kinds: frozenset[str]) -> tuple[Node, frozenset[str]]:
        if name in ("is", "as", "ofType"):
            argument = self._next()[1]
            self._expect(")")
            return ["is" if name == "is" else "as", source, argument], frozenset({argument})
        inner = kinds if name in ("all", "select", "where", "exists") else self._owner
        arguments = []
        found = frozenset[str]()
        while self._peek() != ")":
            argument_node, found = self._binary(0, inner)
            arguments.append(argument_node)
            if self._peek() == ",":
                self._next()
        self._next()
        if name == "trace":
            return source, kinds
        if name not in _PLAIN:
            raise UnsupportedError(f"{name}()")
        if name == "exists" and arguments:
            return ["exists", ["where", source, *arguments]], frozenset()
        known = kinds if name in _KEEPING else found if name == "select" else frozenset[str]()
        return [name, source, *arguments], known

    def _named(self, name: str, kinds: frozenset[str]) -> tuple[list[str], frozenset[str]]:
        """JSON names of an element of any of the types, and the types that it may have."""
        names: dict[str, None] = {}
        found = set()
        for kind in kinds:
            for key, element in self._types.get(kind, {"elements": {}})["elements"].items():
                if key == name or element.get("c") == name:
                    names[key] = None
                    found.add(element["t"])
        return list(names) or [name], frozenset(found)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise UnsupportedError(text[at:])
        at = match.end()
        kind = match.lastgroup or ""
        value = match[kind]
        tokens.append((kind, _unescaped(value[1:-1]) if kind == "string" else value))
    return tokens


def _unescaped(text: str) -> str:
    replaced: Callable[[re.Match[str]], str] = lambda m: _ESCAPES.get(m[1], m[1])  # noqa: E731
    return re.sub(r"\\(.)", replaced, text)
