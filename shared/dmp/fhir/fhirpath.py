"""The invariants' FHIRPath as plain functions, made from what infra/definitions/fhirpath.py read.

A function takes the value that the expression is about and the resource around it. Truth has three
values: None is FHIRPath's empty. Elements that have an extension only are there, as objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dmp.fhir.fhirpath_values import below, children, distinct, integer, is_a, joined, ordered

Json = dict[str, Any]
Node = list[Any]
Items = Callable[[Any, Json], list[Any]]
Truth = Callable[[Any, Json], bool | None]


def judge(node: Node) -> Truth:
    """The expression as a question."""
    made = _JUDGES.get(node[0])
    if made is not None:
        return made(node)
    found = items(node)

    def truth(value: Any, resource: Json) -> bool | None:
        """A single boolean is itself, any other single value is true."""
        got = found(value, resource)
        return None if not got else got[0] is not False

    return truth


def items(node: Node) -> Items:
    """The expression as a collection."""
    made = _COLLECTIONS.get(node[0])
    if made is not None:
        return made(node)
    truth = judge(node)

    def collection(value: Any, resource: Json) -> list[Any]:
        got = truth(value, resource)
        return [] if got is None else [got]

    return collection


def _take(node: Node) -> Items:
    source, names = node[1], node[2]
    if source == ["this"] and len(names) == 1:
        (name,) = names
        return lambda value, _: children(value, name)
    inner = items(source)
    return lambda value, resource: [
        child for item in inner(value, resource) for name in names for child in children(item, name)
    ]


def _where(node: Node) -> Items:
    source, test = items(node[1]), judge(node[2])
    return lambda v, r: [item for item in source(v, r) if test(item, r) is True]


def _select(node: Node) -> Items:
    source, each = items(node[1]), items(node[2])
    return lambda v, r: [found for item in source(v, r) for found in each(item, r)]


def _of(function: Callable[[list[Any]], list[Any]]) -> Callable[[Node], Items]:
    def make(node: Node) -> Items:
        source = items(node[1])
        return lambda v, r: function(source(v, r))

    return make


def _both(function: Callable[[list[Any], list[Any]], list[Any]]) -> Callable[[Node], Items]:
    def make(node: Node) -> Items:
        left, right = items(node[1]), items(node[2])
        return lambda v, r: function(left(v, r), right(v, r))

    return make


def _iif(node: Node) -> Items:
    test, then = judge(node[2]), items(node[3])
    other = items(node[4]) if len(node) > 4 else lambda _v, _r: []
    return lambda v, r: then(v, r) if test(v, r) else other(v, r)


def _as(node: Node) -> Items:
    source = items(node[1])
    return lambda v, r: [item for item in source(v, r) if is_a(item, node[2])]


def _replaced(node: Node) -> Items:
    source, pattern, new = items(node[1]), re.compile(node[2][1]), node[3][1]
    return lambda v, r: [pattern.sub(new, item) for item in source(v, r) if isinstance(item, str)]


_COLLECTIONS: dict[str, Callable[[Node], Items]] = {
    "this": lambda _: lambda value, _r: [value],
    "resource": lambda _: lambda _v, resource: [resource],
    "literal": lambda node: lambda _v, _r: [node[1]],
    ".": _take,
    "where": _where,
    "select": _select,
    "iif": _iif,
    "as": _as,
    "replaceMatches": _replaced,
    "first": _of(lambda found: found[:1]),
    "tail": _of(lambda found: found[1:]),
    "count": _of(lambda found: [len(found)]),
    "distinct": _of(distinct),
    "toInteger": _of(integer),
    "toString": _of(lambda found: [str(x) for x in found[:1]]),
    "children": _of(lambda found: [x for f in found for name in f for x in children(f, name)]),
    "descendants": _of(lambda found: [x for f in found for x in below(f)]),
    "combine": _both(lambda left, right: left + right),
    "|": _both(lambda left, right: distinct(left + right)),
    "intersect": _both(lambda left, right: distinct([x for x in left if x in right])),
    "+": _both(lambda left, right: [left[0] + right[0]] if left and right else []),
    "&": _both(joined),
}


def _exists(node: Node) -> Truth:
    names = _own_names(node[1])
    if names is None:
        found = items(node[1])
        return lambda v, r: bool(found(v, r))
    if len(names) == 2:
        one, other = sorted(names)
        return lambda v, _: v.__class__ is dict and (one in v or other in v)
    return lambda v, _: v.__class__ is dict and not names.isdisjoint(v)


def _own_names(node: Node) -> frozenset[str] | None:
    """For a single step from an object itself, the JSON names that show it is there."""
    if node[0] != "." or node[1] != ["this"]:
        return None
    return frozenset(name for own in node[2] for name in (own, "_" + own))


def _not(truth: Truth) -> Truth:
    def inverse(value: Any, resource: Json) -> bool | None:
        got = truth(value, resource)
        return None if got is None else not got

    return inverse


def _or(left: Truth, right: Truth) -> Truth:
    def either(value: Any, resource: Json) -> bool | None:
        one = left(value, resource)
        if one:
            return True
        other = right(value, resource)
        return True if other else None if one is None or other is None else False

    return either


def _xor(left: Truth, right: Truth) -> Truth:
    def one_only(value: Any, resource: Json) -> bool | None:
        one, other = left(value, resource), right(value, resource)
        return None if one is None or other is None else one != other

    return one_only


def _pair(make: Callable[[Truth, Truth], Truth]) -> Callable[[Node], Truth]:
    return lambda node: make(judge(node[1]), judge(node[2]))


def _compared(node: Node) -> Truth:
    left, right, sign = items(node[1]), items(node[2]), node[0]

    def compare(value: Any, resource: Json) -> bool | None:
        ours, theirs = left(value, resource), right(value, resource)
        if not ours or not theirs:
            return None
        if sign in ("=", "!="):
            return bool(ours == theirs) is (sign == "=")
        return ordered(sign, ours[0], theirs[0])

    return compare


def _is(node: Node) -> Truth:
    source = items(node[1])

    def truth(value: Any, resource: Json) -> bool | None:
        got = source(value, resource)
        return is_a(got[0], node[2]) if got else None

    return truth


def _text(test: Callable[[str, str], bool]) -> Callable[[Node], Truth]:
    """A test on a text, false without one (as HL7's own validator has it)."""

    def make(node: Node) -> Truth:
        source, argument = items(node[1]), items(node[2])

        def truth(value: Any, resource: Json) -> bool | None:
            texts = source(value, resource)
            wanted = argument(value, resource)
            return (
                bool(texts and wanted) and isinstance(texts[0], str) and test(texts[0], wanted[0])
            )

        return truth

    return make


def _in(node: Node) -> Truth:
    left, right = items(node[1]), items(node[2])

    def truth(value: Any, resource: Json) -> bool | None:
        ours = left(value, resource)
        return any(x in right(value, resource) for x in ours) if ours else None

    return truth


def _all(node: Node) -> Truth:
    source, test = items(node[1]), judge(node[2])
    return lambda v, r: all(test(item, r) is True for item in source(v, r))


def _is_distinct(node: Node) -> Truth:
    source = items(node[1])

    def truth(value: Any, resource: Json) -> bool | None:
        got = source(value, resource)
        return len(got) == len(set(map(repr, got)))

    return truth


def _has_value(node: Node) -> Truth:
    source = items(node[1])
    return lambda v, r: len(got := source(v, r)) == 1 and not isinstance(got[0], dict)


_JUDGES: dict[str, Callable[[Node], Truth]] = {
    "exists": _exists,
    "empty": lambda node: _not(_exists(node)),
    "not": lambda node: _not(judge(node[1])),
    "or": _pair(_or),
    "and": _pair(lambda left, right: _not(_or(_not(left), _not(right)))),
    "implies": _pair(lambda left, right: _or(_not(left), right)),
    "xor": _pair(_xor),
    "is": _is,
    "in": _in,
    "all": _all,
    "isDistinct": _is_distinct,
    "hasValue": _has_value,
    "startsWith": _text(str.startswith),
    "contains": _text(lambda text, part: part in text),
    "matches": _text(lambda text, pattern: re.fullmatch(pattern, text) is not None),
    **dict.fromkeys(("=", "!=", "<", ">", "<=", ">="), _compared),
}
