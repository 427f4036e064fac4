"""What is settled around a whole resource: its contained ones, its elements' ids, its Bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.fhir.faults import Fault, Faults, Link, Mention, Named, Pending, prefixed, wrong_target

Json = dict[str, Any]
_UNUSED = "nothing refers to this contained resource, nor does it refer to its container (dom-3)"


def settle(resource: Json, faults: Faults) -> Faults:
    """With what was pending inside one resource decided; what its Bundle decides stays pending."""
    left = _once_named(faults)
    contained = resource.get("contained")
    if isinstance(contained, list) and sound(left):
        left += _unused(contained, left)
    left = linked(left, _contained_types(resource, contained))
    return [fault for fault in left if not isinstance(fault, Mention)]


def settle_contained(faults: Faults) -> Faults:
    """The same for a contained resource, whose links its container decides."""
    return _once_named(faults)


def sound(faults: Faults) -> bool:
    """Whether nothing is wrong so far."""
    return all(isinstance(fault, Pending) for fault in faults)


def linked(faults: Faults, types: Mapping[str, str]) -> Faults:
    """Without the links that lead to an allowed type; those that lead elsewhere stay open."""
    left: Faults = []
    for fault in faults:
        if isinstance(fault, Link) and (fault.reference in types or fault.reference[0] == "#"):
            found = types.get(fault.reference)
            if found is None:
                left.append(fault.wrong("no contained resource has that id (ref-1)"))
            elif fault.targets and found not in fault.targets:
                left.append(fault.wrong(wrong_target(fault.targets)))
        else:
            left.append(fault)
    return left


def full_urls(bundle: Json) -> dict[str, str]:
    """Types of what the fullUrls of a Bundle mean."""
    types: dict[str, str] = {}
    entries = bundle.get("entry")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and isinstance(resource := entry.get("resource"), dict):
            types[str(entry.get("fullUrl"))] = str(resource.get("resourceType"))
    return types


def _contained_types(resource: Json, contained: object) -> dict[str, str]:
    """Types of what `#id` may mean inside a resource; `#` alone is the resource itself."""
    types = {"#": str(resource.get("resourceType"))}
    for item in contained if isinstance(contained, list) else ():
        if isinstance(item, dict) and isinstance(item.get("id"), str):
            types["#" + item["id"]] = str(item.get("resourceType"))
    return types


def _once_named(faults: Faults) -> Faults:
    seen: set[str] = set()
    left: Faults = []
    for fault in faults:
        if not isinstance(fault, Named):
            left.append(fault)
        elif fault.name in seen:
            left.append(fault.settled("invariant", "another element has this id"))
        else:
            seen.add(fault.name)
    return left


def _unused(contained: list[Json], faults: Faults) -> Faults:
    """Contained resources that nobody mentions; and those whose id another one has."""
    mentioned = {f.reference for f in faults if isinstance(f, Link | Mention)}
    upward = {
        f.parts[-2]
        for f in faults
        if isinstance(f, Link | Mention) and f.reference == "#" and f.parts[-1] == "contained"
    }
    found: Faults = []
    seen: set[object] = set()
    for at, item in enumerate(contained):
        name = item.get("id")
        if name is None or name in seen:
            text = "is needed, and by no other contained resource"
            found += _at(at, Fault("invariant", f"an id {text}"))
        elif f"#{name}" not in mentioned and at not in upward:
            found += _at(at, Fault("invariant", _UNUSED))
        seen.add(name)
    return found


def _at(index: int, fault: Fault) -> Faults:
    return prefixed(prefixed([fault], index), "contained")
