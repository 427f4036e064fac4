"""StructureDefinition and ValueSet resources reduced to the tables that validation runs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from infra.definitions.codes import CURRENCIES, concepts, currencies, language_pattern

Json = dict[str, Any]
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_FHIR_TYPE = _BASE + "structuredefinition-fhir-type"
_MAX_VALUE_SET = _BASE + "elementdefinition-maxValueSet"
_MEDIA = (
    "application|audio|chemical|example|font|haptics|image|message|model|multipart|text|video|x-.+"
)
# Codes of systems that no package enumerates: the form is checked instead (None: left unchecked).
PATTERNS: Mapping[str, str | None] = {
    "urn:ietf:bcp:13": rf"xml|json|ttl|(?i:{_MEDIA})/[A-Za-z0-9!#$&^_.+*-]+(\s*;.*)?",
    "urn:ietf:bcp:47": language_pattern(),
    "http://unitsofmeasure.org": None,
}


def types_of(definitions: Iterable[Json]) -> dict[str, Json]:
    """Every concrete type and nested element by path: its kind, elements and choices."""
    definitions = [d for d in definitions if _kept(d)]
    bases = {d["url"]: d["type"] for d in definitions}
    types: dict[str, Json] = {}
    for definition in definitions:
        types.update(_nested(definition, bases))
    return dict(sorted(types.items()))


def value_sets_of(
    types: Mapping[str, Json], value_sets: Iterable[Json], code_systems: Iterable[Json]
) -> dict[str, Json]:
    """What each value set that an element is bound to accepts: codes by system, or a pattern."""
    by_url = {v["url"]: v for v in value_sets}
    systems = {c["url"]: c for c in code_systems}
    bound = {e["b"] for t in types.values() for e in t["elements"].values() if "b" in e}
    made = {url: _accepted(by_url[url], systems) for url in bound if url in by_url}
    return {url: accepted for url, accepted in sorted(made.items()) if accepted}


def _kept(definition: Json) -> bool:
    if definition["id"] == "SimpleQuantity":
        return True
    if definition["id"] == "Element":
        return True
    concrete = definition.get("derivation") != "constraint" and not definition["abstract"]
    return concrete and definition["kind"] in ("resource", "complex-type")


def _nested(definition: Json, bases: Mapping[str, str]) -> dict[str, Json]:
    """The type itself and its backbone elements; a profile (SimpleQuantity) goes by its id."""
    name, root = definition["id"], definition["type"]
    made: dict[str, Json] = {}
    for element in definition["snapshot"]["element"]:
        path = name + element["path"][len(root) :]
        if "." not in path:
            made[path] = {"kind": definition["kind"], "elements": {}}
            continue
        if element["max"] == "0":
            continue
        codes = [t["code"] for t in element.get("type", ())]
        if codes in (["BackboneElement"], ["Element"]):
            made[path] = {"kind": "backbone", "elements": {}}
        owner, _, last = path.rpartition(".")
        _add(made[owner], last, element, path, bases)
    if definition["kind"] == "resource":
        # 4.0.1 publishes the resource id as a plain string by mistake (its own text says id).
        made[name]["elements"]["id"]["t"] = "id"
    return made


def _add(owner: Json, last: str, element: Json, path: str, bases: Mapping[str, str]) -> None:
    common: Json = {}
    if element["min"]:
        common["n"] = element["min"]
    if element["max"] == "*":
        common["a"] = 1
    if element.get("isSummary"):
        common["s"] = 1
    if element.get("contentReference"):
        owner["elements"][last] = {"t": element["contentReference"][1:], **common}
        return
    common |= _binding(element)
    if last.endswith("[x]"):
        group = last[:-3]
        owner.setdefault("choices", {})[group] = common.pop("n", 0)
        common["c"] = group
        for kind in element["type"]:
            name = group + kind["code"][0].upper() + kind["code"][1:]
            owner["elements"][name] = _typed(kind, path, bases) | common
    else:
        owner["elements"][last] = _typed(element["type"][0], path, bases) | common


def _typed(kind: Json, path: str, bases: Mapping[str, str]) -> Json:
    code = kind["code"]
    if code.startswith("http://hl7.org/fhirpath/"):
        return {"t": _system_type(kind)}
    if code in ("BackboneElement", "Element"):
        return {"t": path}
    if kind.get("profile") == [_BASE + "SimpleQuantity"]:
        return {"t": "SimpleQuantity"}
    targets = {bases.get(p, p.removeprefix(_BASE)) for p in kind.get("targetProfile", ())}
    if code == "Reference" and targets and "Resource" not in targets:
        return {"t": code, "r": sorted(targets)}
    return {"t": code}


def _system_type(kind: Json) -> str:
    return str(next(x["valueUrl"] for x in kind["extension"] if x["url"] == _FHIR_TYPE))


def _binding(element: Json) -> Json:
    binding = element.get("binding", {})
    if binding.get("strength") == "required":
        return {"b": binding["valueSet"].partition("|")[0]}
    for extension in binding.get("extension", ()):
        if extension["url"] == _MAX_VALUE_SET and _is_code(element):
            return {"b": extension["valueCanonical"].partition("|")[0]}
    return {}


def _is_code(element: Json) -> bool:
    return [t["code"] for t in element["type"]] == ["code"]


def _accepted(value_set: Json, systems: Mapping[str, Json]) -> Json:
    codes: dict[str, set[str]] = {}
    for part in value_set["compose"]["include"]:
        if part.get("system") in PATTERNS and "concept" not in part:
            pattern = PATTERNS[part["system"]]
            return {"pattern": pattern} if pattern else {}
        if part.get("filter") or part.get("valueSet"):
            raise ValueError(f"{value_set['url']} is not a plain list of codes")
        system = part["system"]
        if system == CURRENCIES:
            return {"codes": {system: currencies()}}
        listed = part.get("concept") or concepts(systems[system]["concept"])
        codes.setdefault(system, set()).update(c["code"] for c in listed)
    if "exclude" in value_set["compose"]:
        raise ValueError(f"{value_set['url']} excludes codes")
    return {"codes": {system: sorted(found) for system, found in sorted(codes.items())}}
