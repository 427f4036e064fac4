"""SMART v2 scopes: what a client is given of what it asks and what it is registered for."""

from __future__ import annotations

import re
from collections.abc import Iterable

LENGTH_MAX = 1500  # of what is granted: a token must fit what KMS signs at once
_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?)\Z")


def granted(asked: str, registered: str) -> tuple[str, ...]:
    """The intersection, pair by pair, sorted; scopes of another form grant nothing.

    `user/*.rs` asked by a client registered for `user/Observation.cruds` gives
    `user/Observation.rs`: a scope is narrowed, never widened and never moved to another context.
    """
    pairs = {
        narrowed
        for one in _parsed(asked)
        for other in _parsed(registered)
        if (narrowed := _narrowed(one, other))
    }
    return tuple(sorted(pairs - {p for p in pairs if _implied(p, pairs)}))


def _parsed(text: str) -> Iterable[tuple[str, str, str]]:
    for word in text.split():
        match = _SCOPE.match(word)
        if match and match[3]:
            yield match[1], match[2], match[3]


def _narrowed(one: tuple[str, str, str], other: tuple[str, str, str]) -> str | None:
    if one[0] != other[0] or not (one[1] == other[1] or "*" in (one[1], other[1])):
        return None
    letters = "".join(letter for letter in one[2] if letter in other[2])
    kind = other[1] if one[1] == "*" else one[1]
    return f"{one[0]}/{kind}.{letters}" if letters else None


def _implied(scope: str, others: Iterable[str]) -> bool:
    """Whether another scope of the same context gives all of it already."""
    ((context, kind, letters),) = _parsed(scope)
    return any(
        other != scope and c == context and k in (kind, "*") and set(letters) <= set(had)
        for other in others
        for c, k, had in _parsed(other)
    )
