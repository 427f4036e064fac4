"""SMART v2 scopes: what a client is given of what it asks and what it is registered for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

LENGTH_MAX = 1500  # of what is granted: a token must fit what KMS signs at once
_SCOPE = re.compile(
    r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(c?r?u?d?s?)(?:\?([\x21\x23-\x5b\x5d-\x7e]+))?\Z"
)
_KEPT = "/:|,$@!*()~."  # written as they are; what separates scopes, pairs and escapes is not
Restriction = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """One scope of resources: `restriction` are search criteria, all of which must hold."""

    context: str
    type: str
    letters: str
    restriction: Restriction = ()

    def __str__(self) -> str:
        """As it stands in a token: criteria sorted, so that one scope has one spelling."""
        pairs = "&".join(f"{_spelt(n)}={_spelt(v)}" for n, v in self.restriction)
        mark = "?" if pairs else ""
        return f"{self.context}/{self.type}.{self.letters}{mark}{pairs}"

    def covers(self, contexts: Sequence[str], resource_type: str, letter: str) -> bool:
        """Whether it is about the interaction on the type at all, whatever its restriction."""
        about = self.context in contexts and self.type in ("*", resource_type)
        return about and letter in self.letters


def granted(asked: str, registered: str) -> tuple[str, ...]:
    """The intersection, pair by pair, sorted; scopes of another form grant nothing.

    `user/*.rs` asked by a client registered for `user/Observation.cruds` gives
    `user/Observation.rs`: a scope is narrowed, never widened and never moved to another context.
    Restrictions of both sides hold together.
    """
    pairs = {
        narrowed
        for one in parsed(asked.split())
        for other in parsed(registered.split())
        if (narrowed := _narrowed(one, other))
    }
    return tuple(sorted(str(p) for p in pairs if not any(_implies(o, p) for o in pairs - {p})))


def parsed(words: Iterable[str]) -> list[Scope]:
    """The scopes of resources among the words; those of another form are left out."""
    return [scope for word in words if (scope := scope_of(word))]


def scope_of(word: str) -> Scope | None:
    """The scope a word says; None when it is not one of resources, to the letter."""
    match = _SCOPE.match(word)
    if match is None or not match[3]:
        return None
    try:
        pairs = parse_qsl(match[4] or "", keep_blank_values=True, strict_parsing=bool(match[4]))
    except ValueError:
        return None
    return Scope(match[1], match[2], match[3], tuple(sorted(set(pairs))))


def is_resource_scope(word: str) -> bool:
    """Whether the word is a scope of resources."""
    return scope_of(word) is not None


def _spelt(text: str) -> str:
    return quote(text, safe=_KEPT)


def _narrowed(one: Scope, other: Scope) -> Scope | None:
    if one.context != other.context:
        return None
    if not (one.type == other.type or "*" in (one.type, other.type)):
        return None
    letters = "".join(letter for letter in one.letters if letter in other.letters)
    if not letters:
        return None
    kind = other.type if one.type == "*" else one.type
    both = tuple(sorted({*one.restriction, *other.restriction}))
    return Scope(one.context, kind, letters, both)


def _implies(wider: Scope, scope: Scope) -> bool:
    """Whether another scope of the same context gives all of it already."""
    return (
        wider.context == scope.context
        and wider.type in (scope.type, "*")
        and set(scope.letters) <= set(wider.letters)
        and set(wider.restriction) <= set(scope.restriction)
    )
