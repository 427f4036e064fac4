"""A person as the population register holds them, and whether a request speaks of that person."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_ARABIC_DIACRITICS = dict.fromkeys([*range(0x064B, 0x0653), 0x0670, 0x0640])
# Alef with and without hamza, final ya, ta marbuta: people and registers mix them.
_ARABIC_FORMS = str.maketrans("\u0623\u0625\u0622\u0649\u0629", "\u0627\u0627\u0627\u064a\u0647")


@dataclass(frozen=True, slots=True)
class Person:
    """One entry of the register. `phone` is E.164; `identifiers` are (system, value) pairs."""

    family: str
    given: tuple[str, ...]
    birth_date: str
    phone: str | None
    identifiers: tuple[tuple[str, str], ...]
    language: str = "ar"
    died: bool = False


def folded(name: str) -> str:
    """A name without case, accents, vowel marks, hyphens or spacing, for comparison only."""
    text = name.translate(_ARABIC_DIACRITICS).translate(_ARABIC_FORMS)
    text = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in text if c.isalnum())


def is_same(person: Person, family: str, given: Sequence[str], birth_date: str) -> bool:
    """Whether family name, birth date and first given name are the register's.

    Further given names must be among the register's; leaving some out is no difference.
    """
    known = [folded(name) for name in person.given]
    asked = [folded(name) for name in given]
    return (
        bool(asked)
        and folded(person.family) == folded(family) != ""
        and person.birth_date == birth_date
        and asked[:1] == known[:1]
        and all(name in known for name in asked)
    )
