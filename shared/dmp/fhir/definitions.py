"""FHIR R4 4.0.1 as generated from the official definitions (infra/definitions/generate.py)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]
GZIP = 31  # zlib reads the gzip format, for less than importing gzip


@dataclass(frozen=True, slots=True)
class Element:
    """One element in its JSON name (`valueQuantity`, not `value[x]`).

    `type` is a datatype, `Resource`, or the path of a nested element. `choice` names the group it
    is one of. `targets` are the types a reference may have; empty when any may.
    """

    type: str
    min: int
    many: bool
    choice: str | None
    binding: str | None
    targets: tuple[str, ...]
    summary: bool


@dataclass(frozen=True, slots=True)
class Type:
    """A resource type, datatype or nested element; `choices` gives each group's minimum."""

    name: str
    kind: str
    elements: Mapping[str, Element]
    choices: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ValueSet:
    """What a required binding accepts: codes by system, or (systems too large) a form of code."""

    url: str
    codes: Mapping[str, frozenset[str]]
    pattern: str | None


@cache
def table(name: str) -> Json:
    """A generated table, read once."""
    packed = Path(__file__).with_name(name).read_bytes()
    content: Json = orjson.loads(zlib.decompress(packed, GZIP))
    return content


@cache
def type_of(name: str) -> Type:
    """The type's definition; LookupError when R4 has none of that name."""
    raw = table("r4.json.gz")["types"][name]
    elements = {
        key: Element(
            type=e["t"],
            min=e.get("n", 0),
            many="a" in e,
            choice=e.get("c"),
            binding=e.get("b"),
            targets=tuple(e.get("r", ())),
            summary="s" in e,
        )
        for key, e in raw["elements"].items()
    }
    return Type(name, raw["kind"], elements, raw.get("choices", {}))


@cache
def resource_types() -> frozenset[str]:
    """Every concrete resource type of R4."""
    types = table("r4.json.gz")["types"]
    return frozenset(name for name, raw in types.items() if raw["kind"] == "resource")


@cache
def value_set(url: str) -> ValueSet | None:
    """The value set, or None when its codes are neither listed nor of a known form."""
    raw = table("r4.json.gz")["valueSets"].get(url)
    if raw is None:
        return None
    codes = {system: frozenset(listed) for system, listed in raw.get("codes", {}).items()}
    return ValueSet(url, codes, raw.get("pattern"))


@cache
def codes_of(system: str) -> frozenset[str] | None:
    """The codes of a system that HL7 publishes with R4, or None for any other."""
    listed = table("r4-codes.json.gz")["systems"].get(system)
    return None if listed is None else frozenset(listed)
