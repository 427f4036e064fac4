"""The definitions that this project publishes: Moroccan identifiers, profiles, their ValueSet."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from dmp.fhir.morocco import (
    BY_NAME,
    CANONICAL,
    DEFINITIONS,
    NUMBERINGS,
    PROFILES,
    Numbering,
    Profile,
)

Json = dict[str, Any]
# Search parameters, each equal to the element of its name; `_id` is the id.
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "StructureDefinition": {"_id": "token", "status": "token", "type": "uri", "url": "uri"},
    "ValueSet": {"_id": "token", "status": "token", "url": "uri"},
}
VERSION = "1.0.0"
DATE = "2026-11-22"
_FHIR = "http://hl7.org/fhir/StructureDefinition/"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_TYPES_URL = f"{CANONICAL}/ValueSet/ma-identifier-type"


@cache
def published() -> Mapping[str, Mapping[str, Json]]:
    """Every definition, by resource type and id."""
    definitions = [*map(_identifier, NUMBERINGS), *map(_profile, PROFILES)]
    return {
        "StructureDefinition": {d["id"]: d for d in definitions},
        "ValueSet": {"ma-identifier-type": _identifier_types()},
    }


def supported(resource_type: str) -> list[str]:
    """The canonical URLs of the profiles on a type."""
    return [DEFINITIONS + profile.name for profile in PROFILES if profile.type == resource_type]


def profiles() -> frozenset[str]:
    """The canonical URLs of the profiles."""
    return frozenset(d["url"] for d in published()["StructureDefinition"].values())


def _head(kind: str, name: str, title: str, description: str) -> Json:
    return {
        "resourceType": kind,
        "id": name,
        "url": f"{CANONICAL}/{kind}/{name}",
        "version": VERSION,
        "name": "".join(part.capitalize() for part in name.split("-")),
        "title": title,
        "status": "active",
        "date": DATE,
        "publisher": "Dossier Médical Partagé",
        "description": description,
        "jurisdiction": [{"coding": [{"system": "urn:iso:std:iso:3166", "code": "MA"}]}],
    }


def _definition(name: str, title: str, told: str, kind: str, elements: list[Json]) -> Json:
    return {
        **_head("StructureDefinition", name, title, told),
        "fhirVersion": "4.0.1",
        "kind": "complex-type" if kind == "Identifier" else "resource",
        "abstract": False,
        "type": kind,
        "baseDefinition": _FHIR + kind,
        "derivation": "constraint",
        "differential": {"element": [{"id": kind, "path": kind}, *elements]},
    }


def _identifier(numbering: Numbering) -> Json:
    key = f"ma-{numbering.name}"
    pattern = numbering.pattern.replace("\\", "\\\\")
    rule = {
        "key": key,
        "severity": numbering.severity,
        "human": numbering.told,
        "expression": f"matches('^({pattern})$')",
        "source": f"{DEFINITIONS}ma-identifier-{numbering.name}",
    }
    coding = {"system": _IDENTIFIER_TYPES, "code": numbering.code}
    elements: list[Json] = [
        {
            "id": "Identifier.type", "path": "Identifier.type",
            "patternCodeableConcept": {"coding": [coding]},
            "binding": {"strength": "preferred", "valueSet": _TYPES_URL},
        },
        {
            "id": "Identifier.system", "path": "Identifier.system", "min": 1,
            "fixedUri": numbering.system,
        },
        {
            "id": "Identifier.value", "path": "Identifier.value", "min": 1, "constraint": [rule],
        },
    ]  # fmt: skip
    name = f"ma-identifier-{numbering.name}"
    return _definition(name, numbering.title, numbering.told, "Identifier", elements)


def _profile(profile: Profile) -> Json:
    path = f"{profile.type}.{profile.element}"
    asked = ", ".join(f"{BY_NAME[name].system} ({least}..1)" for name, least in profile.needs)
    if profile.element == "identifier":
        slicing = {"discriminator": [{"type": "value", "path": "system"}], "rules": "open"}
        elements: list[Json] = [{"id": path, "path": path, "slicing": slicing}]
        elements += [_slice(path, name, least) for name, least in profile.needs]
    else:
        ((name, least),) = profile.needs
        elements = [{"id": path, "path": path, "min": least, "type": _typed(name)}]
    return _definition(profile.name, profile.title, f"{path}: {asked}", profile.type, elements)


def _slice(path: str, name: str, least: int) -> Json:
    return {
        "id": f"{path}:{name}", "path": path, "sliceName": name, "min": least, "max": "1",
        "type": _typed(name),
    }  # fmt: skip


def _typed(name: str) -> list[Json]:
    return [{"code": "Identifier", "profile": [f"{DEFINITIONS}ma-identifier-{name}"]}]


def _identifier_types() -> Json:
    codes = sorted({numbering.code for numbering in NUMBERINGS})
    told = "The types of HL7's table 0203 that Moroccan identifiers are of."
    include = {"system": _IDENTIFIER_TYPES, "concept": [{"code": code} for code in codes]}
    head = _head("ValueSet", "ma-identifier-type", "Types d'identifiants au Maroc", told)
    return {**head, "compose": {"include": [include]}}
