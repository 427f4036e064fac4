"""`_summary` and `_elements`: parts of resources, tagged SUBSETTED so that none is taken for whole.

What a resource cannot be understood without always stays: what is mandatory, and what changes the
meaning of the rest (status, verificationStatus, doNotPerform…).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from dmp.domain.refusals import BadParameter
from dmp.fhir.definitions import Json, table, type_of

_TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
}
_ALWAYS = frozenset({"resourceType", "id", "meta"})


def element_names(resource_type: str, value: str) -> tuple[str, ...]:
    """The top-level elements that `_elements` names; a choice by its name without the type."""
    known = type_of(resource_type)
    asked = tuple(dict.fromkeys(value.split(",")))
    for name in asked:
        if name not in known.elements and name not in known.choices:
            text = f"a top-level element of {resource_type} is expected"
            raise BadParameter(text, "_elements")
    return asked


def subset(resource: Json, summary: str | None, elements: Collection[str] = ()) -> Json:
    """The parts that `_summary` (true, text or data) or `_elements` asks for, with the tag."""
    kind = resource["resourceType"]
    if summary == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    else:
        wanted = _wanted(kind, summary, frozenset(elements))
        kept = {k: v for k, v in resource.items() if k.removeprefix("_") in wanted}
    meta = dict(kept.get("meta", {}))
    meta["tag"] = [*(t for t in meta.get("tag", ()) if t != _TAG), _TAG]
    head = {"resourceType": kind, **({"id": kept["id"]} if "id" in kept else {}), "meta": meta}
    return {**head, **{name: value for name, value in kept.items() if name not in head}}


@cache
def _wanted(kind: str, summary: str | None, elements: frozenset[str]) -> frozenset[str]:
    known = type_of(kind)
    modifiers: Collection[str] = table("r4-search.json.gz")["modifiers"][kind]
    chosen = {"text"} if summary == "text" else set(elements)
    names = set(_ALWAYS)
    for name, element in known.elements.items():
        group = element.choice or name
        needed = known.choices[group] if element.choice else element.min
        asked = chosen.intersection((name, group))
        if needed or asked or group in modifiers or (summary == "true" and element.summary):
            names.add(name)
    return frozenset(names)
