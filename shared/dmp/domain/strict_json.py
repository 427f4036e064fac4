"""Frozen dataclasses as JSON and back: nothing unknown is taken in, nothing is guessed.

Members are str, int, bool, Literals, tuples and other such dataclasses. One marked LATER is not
written while it has its default, so that an older reader still understands what uses nothing new,
and may be missing; every other must be there.
"""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cache
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")
LATER = {"later": True}


def written(one: object) -> bytes:
    """The dataclass as JSON."""
    return json.dumps(_lean(one), separators=(",", ":")).encode()


def read(kind: type[T], plaintext: bytes) -> T:
    """The inverse of `written`; ValueError for what `kind` does not say."""
    made = _value(kind, json.loads(plaintext))
    assert isinstance(made, kind)
    return made


def _lean(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_lean(one) for one in value]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    members = ((f, getattr(value, f.name)) for f in fields(value))
    return {f.name: _lean(own) for f, own in members if not f.metadata or own != f.default}


@cache
def _members(kind: type) -> dict[str, tuple[Any, bool]]:
    """Each member's type, and whether it must be there."""
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], not f.metadata) for f in fields(kind)}


def _value(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin is Literal:
        if value.__class__ is str and value in get_args(kind):
            return value
    elif origin is tuple:
        return _tuple(get_args(kind), value)
    elif hasattr(kind, "__dataclass_fields__"):
        return _dataclass(kind, value)
    elif value.__class__ is kind:
        return value
    raise ValueError("a member of another kind")


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if value.__class__ is not list:
        raise ValueError("a list is expected")
    if kinds[-1] is ...:
        return tuple(_value(kinds[0], one) for one in value)
    return tuple(_value(kind, one) for kind, one in zip(kinds, value, strict=True))


def _dataclass(kind: type, value: Any) -> Any:
    members = _members(kind)
    if value.__class__ is not dict or not members.keys() >= value.keys():
        raise ValueError("a member that is not known")
    if any(needed and name not in value for name, (_, needed) in members.items()):
        raise ValueError("a member is missing")
    return kind(**{name: _value(members[name][0], one) for name, one in value.items()})
