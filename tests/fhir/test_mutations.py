"""Single faults put into official examples: each is found, and told at the right place."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from dmp.fhir.definitions import Element, Type, resource_types, type_of, value_set
from dmp.fhir.validator import validate
from tests.fhir import examples
from tests.fhir.test_accepted import NOT_VALID

Json = dict[str, Any]
Place = tuple[Json, str, Element, str]
Mutation = Callable[[Json, str, Element], bool]
ANOTHER_KIND = {str: 5, bool: "true", int: "7", Decimal: "72.5", dict: "text", list: {"a": 1}}


def places(value: Json, definition: Type, path: str) -> Iterator[Place]:
    """Every element present, depth first: its parent, name, definition and path."""
    for key, item in value.items():
        element = definition.elements.get(key)
        if element is None:
            continue
        yield value, key, element, f"{path}.{key}"
        items = item if isinstance(item, list) else [item]
        for at, one in enumerate(items):
            if isinstance(one, dict):
                kind = one["resourceType"] if element.type == "Resource" else element.type
                index = f"[{at}]" if element.many else ""
                yield from places(one, type_of(kind), f"{path}.{key}{index}")


def another_kind(parent: Json, key: str, _: Element) -> bool:
    parent[key] = ANOTHER_KIND[type(parent[key])]
    return True


def bare(parent: Json, key: str, element: Element) -> bool:
    if element.many:
        parent[key] = parent[key][0]
    return element.many


def wrapped(parent: Json, key: str, element: Element) -> bool:
    if not element.many:
        parent[key] = [parent[key]]
    return not element.many


def null(parent: Json, key: str, element: Element) -> bool:
    parent[key] = [None] if element.many else None
    return "_" + key not in parent


def empty(parent: Json, key: str, _: Element) -> bool:
    parent[key] = type(parent[key])() if isinstance(parent[key], str | list | dict) else ""
    return True


def renamed(parent: Json, key: str, _: Element) -> bool:
    parent["made" + key] = parent.pop(key)
    return True


def removed(parent: Json, key: str, element: Element) -> bool:
    del parent[key]
    return element.min > 0 and "_" + key not in parent


def wrong_code(parent: Json, key: str, element: Element) -> bool:
    known = value_set(element.binding) if element.binding else None
    if known is None or element.type != "code":
        return False
    parent[key] = ["no code"] if element.many else "no code"
    return True


def wrong_coding(parent: Json, key: str, element: Element) -> bool:
    if element.binding is None or element.type != "CodeableConcept":
        return False
    concept = {"coding": [{"system": "urn:none", "code": "none"}]}
    parent[key] = [concept] if element.many else concept
    return True


def impossible_day(parent: Json, key: str, element: Element) -> bool:
    days = {"date": "2023-02-29", "dateTime": "2023-04-31", "instant": "2023-02-30T00:00:00Z"}
    if element.type not in days or element.many:
        return False
    parent[key] = days[element.type]
    return True


def zoneless(parent: Json, key: str, element: Element) -> bool:
    if element.type not in ("dateTime", "instant") or element.many:
        return False
    parent[key] = "2023-02-28T10:00:00"
    return True


def second_choice(parent: Json, key: str, element: Element) -> bool:
    if element.choice is None:
        return False
    other = "Boolean" if not key.endswith("Boolean") else "String"
    parent[element.choice + other] = True if other == "Boolean" else "text"
    return True


def spaced_id(parent: Json, key: str, element: Element) -> bool:
    if element.type != "id":
        return False
    parent[key] = "a b"
    return True


def long_id(parent: Json, key: str, element: Element) -> bool:
    parent[key] = "a" * 65
    return element.type == "id"


def spaced_uri(parent: Json, key: str, element: Element) -> bool:
    if element.type not in ("uri", "url", "canonical") or element.many:
        return False
    parent[key] = "http://a b"
    return True


def wrong_target(parent: Json, key: str, element: Element) -> bool:
    wrong = sorted(resource_types() - set(element.targets))
    if not element.targets or not wrong:
        return False
    reference = {"reference": f"{wrong[0]}/1"}
    parent[key] = [reference] if element.many else reference
    return True


def nowhere(parent: Json, key: str, element: Element) -> bool:
    if element.type != "Reference":
        return False
    reference = {"reference": "#not-contained"}
    parent[key] = [reference] if element.many else reference
    return True


def bare_extension(parent: Json, key: str, element: Element) -> bool:
    if element.type != "Extension":
        return False
    parent[key] = [{"url": "http://example.org/none"}]
    return True


def script(parent: Json, key: str, element: Element) -> bool:
    if element.type != "xhtml":
        return False
    parent[key] = parent[key].replace("</div>", "<script>x()</script></div>")
    return True


def unclosed(parent: Json, key: str, element: Element) -> bool:
    if element.type != "xhtml":
        return False
    parent[key] = parent[key][: -len("</div>")] + "<p></div>"
    return True


MUTATIONS: list[Mutation] = [
    another_kind, bare, wrapped, null, empty, renamed, removed, wrong_code, wrong_coding,
    impossible_day, zoneless, second_choice, spaced_id, long_id, spaced_uri, wrong_target, nowhere,
    bare_extension, script, unclosed,
]  # fmt: skip
EACH = 4  # of one kind in one example
# A different element is then wrong or missing, in the same object.
ELSEWHERE = (renamed, second_choice, script, unclosed)


def mutated(original: Json, mutate: Mutation) -> Iterator[tuple[Json, str]]:
    """The example with one fault, at up to EACH places spread over it."""
    definition = type_of(original["resourceType"])
    found = list(places(original, definition, definition.name))
    able = [at for at, (p, key, e, _) in enumerate(found) if mutate(dict(p), key, e)]
    for at in able[:: max(1, len(able) // EACH)][:EACH]:
        changed = copy.deepcopy(original)
        parent, key, element, path = list(places(changed, definition, definition.name))[at]
        mutate(parent, key, element)
        yield changed, path


def test_every_single_fault_is_found_and_placed() -> None:
    tried: Counter[str] = Counter()
    for path in examples.files("hl7-r4-examples"):
        if f"hl7-r4-examples/{path.name}" in NOT_VALID:
            continue
        original = examples.resource(path)
        for mutate in MUTATIONS:
            for changed, place in mutated(original, mutate):
                tried[mutate.__name__] += 1
                issues = validate(changed)
                about = place.rpartition(".")[0] if mutate in ELSEWHERE else place
                said = [i.expression or "" for i in issues]
                assert any(s.startswith(about) for s in said), (path.name, mutate, place, said)
    assert sum(tried.values()) > 1000
    assert min(tried[m.__name__] for m in MUTATIONS) >= 10, tried
