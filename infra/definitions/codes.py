"""Codes that validation knows without a terminology server: HL7's own systems, and registries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from babel import Locale

Json = dict[str, Any]
CURRENCIES = "urn:iso:std:iso:4217"
_OURS = ("http://hl7.org/fhir/", "http://terminology.hl7.org/CodeSystem/")
_SUBTAGS = (
    r"(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
    r"(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*(?:-[xX](?:-[A-Za-z0-9]{1,8})+)?"
)


def concepts(system: Iterable[Json]) -> Iterator[Json]:
    """A code system's concepts, flat."""
    for concept in system:
        yield concept
        yield from concepts(concept.get("concept", ()))


def code_systems_of(systems: Iterable[Json]) -> dict[str, list[str]]:
    """The codes of every complete system that HL7 publishes with R4."""
    made = {
        system["url"]: sorted({c["code"] for c in concepts(system.get("concept", ()))})
        for system in systems
        if system["url"].startswith(_OURS) and system.get("content") == "complete"
    }
    return {url: codes for url, codes in sorted(made.items()) if codes}


@cache
def currencies() -> list[str]:
    """Every code of ISO 4217 that CLDR names, those of former currencies among them."""
    return sorted(Locale("en").currencies)


@cache
def language_pattern() -> str:
    """RFC 5646 in its regular form; a language of two letters is one of ISO 639-1."""
    short = sorted({str(n) for n in Locale("en").languages if len(str(n)) == 2})
    primary = "|".join([*short, "[A-Za-z]{3}(?:-[A-Za-z]{3}){0,3}", "[A-Za-z]{4,8}"])
    return f"(?:(?i:{primary}){_SUBTAGS}|[xX](?:-[A-Za-z0-9]{{1,8}})+)"
