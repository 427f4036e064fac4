"""What is worth saying of a valid resource: warnings and information, which never refuse."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dmp.domain.refusals import Issue
from dmp.fhir.definitions import codes_of, resource_types, type_of
from dmp.fhir.faults import MAX_ISSUES
from dmp.fhir.invariants import invariants_of
from dmp.fhir.morocco import BY_URL, broken, missing
from dmp.fhir.published import profiles as published_profiles
from dmp.fhir.units import UCUM, unit
from dmp.fhir.validator import validate

Json = dict[str, Any]
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_QUANTITIES = frozenset(
    {"Age", "Count", "Distance", "Duration", "MoneyQuantity", "Quantity", "SimpleQuantity"}
)


def examine(resource: Json, profiles: Iterable[str] = ()) -> list[Issue]:
    """The faults of a resource or, when it has none, what profiles ask and what else is to say.

    `profiles` are asked for besides those that the resource itself claims.
    """
    faults = validate(resource)
    if faults:
        return faults
    claimed = resource.get("meta", {}).get("profile", ())
    told = [issue for url in dict.fromkeys(profiles) for issue in _of_profile(resource, url, None)]
    for at, url in enumerate(claimed):
        if url is None:  # an extension stands in its place
            continue
        told += _of_profile(resource, url, f"{resource['resourceType']}.meta.profile[{at}]")
    told += advise(resource, resource["resourceType"], resource["resourceType"])
    return told[:MAX_ISSUES]


def advise(value: Json, kind: str, path: str) -> Iterator[Issue]:
    """Warnings on a sound value of a type and all that it holds."""
    definition = type_of(kind)
    for invariant in invariants_of(kind):
        if invariant.severity == "warning" and invariant.broken(value):
            yield Issue(invariant.text, path, "invariant", "warning")
    yield from _of_type(value, kind, path)
    for key, item in value.items():
        element = definition.elements.get(key)
        if element is None:
            continue
        for at, one in enumerate(item if isinstance(item, list) else [item]):
            if isinstance(one, dict):
                inner = one["resourceType"] if element.type == "Resource" else element.type
                place = f"{path}.{key}[{at}]" if element.many else f"{path}.{key}"
                yield from advise(one, inner, place)


def _of_type(value: Json, kind: str, path: str) -> Iterator[Issue]:
    if kind in _QUANTITIES and value.get("system") == UCUM:
        if "code" in value and unit(value["code"]) is None:
            yield Issue("not a unit of UCUM", f"{path}.code", "code-invalid", "warning")
    elif kind == "Coding" and "code" in value:
        codes = codes_of(value.get("system", ""))
        if codes is not None and value["code"] not in codes:
            text = "HL7's code system had no such code when R4 was published"
            yield Issue(text, f"{path}.code", "code-invalid", "warning")
    elif kind == "Identifier":
        numbering = broken(value)
        if numbering is not None:
            yield Issue(numbering.told, f"{path}.value", "value", "warning")
    for at, _ in enumerate(value.get("modifierExtension", ())):
        text = "a reader who does not know this extension may not use what it stands in"
        yield Issue(text, f"{path}.modifierExtension[{at}]", "extension", "warning")


def _of_profile(resource: Json, url: str, claim: str | None) -> Iterator[Issue]:
    """What a profile asks; one that is not known here is told, and asks nothing."""
    known = url.partition("|")[0]
    name = known.removeprefix(_BASE)
    if known in BY_URL:
        yield from missing(BY_URL[known], resource)
    elif name in resource_types() and known.startswith(_BASE):
        if name != resource["resourceType"]:
            yield Issue(f"the profile is one of {name}", "resourceType", "value")
    elif known not in published_profiles():
        text = "the profile is not known here, and was not checked"
        yield Issue(text, claim or "profile", "not-supported", "warning")
