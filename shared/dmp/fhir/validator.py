"""Structural validation of R4 resources, driven by the official definitions.

Types, cardinality, choices, primitives, required bindings, reference targets, contained resources,
extensions and narrative. Nothing of the value is repeated in what it says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from dmp.domain.refusals import Issue
from dmp.fhir.bundle_rules import bundle_faults
from dmp.fhir.datatypes import coding, concept, reference, rule_of
from dmp.fhir.definitions import Element, Type, resource_types, type_of, value_set
from dmp.fhir.faults import (
    MAX_ISSUES,
    Fault,
    Faults,
    Named,
    Null,
    Pending,
    expected,
    listed,
    prefixed,
)
from dmp.fhir.invariants import Invariant, invariants_of
from dmp.fhir.narrative import div
from dmp.fhir.primitives import Check, absolute, bound_code, check_of, string
from dmp.fhir.scope import full_urls, linked, settle, settle_contained, sound

_Required = tuple[str, tuple[str, ...]]


def validate(resource: dict[str, Any], *, path: str | None = None) -> list[Issue]:
    """The faults of a resource, none when it is valid; at most 100.

    Each issue's expression begins with `path` (`Bundle.entry[3].resource`), or the resource's type.
    In a Bundle, references to a fullUrl must have the type that the element allows.
    """
    faults = check_resource(resource) or []
    name = resource.get("resourceType")
    root = path or (name if isinstance(name, str) and name in resource_types() else "Resource")
    told = [f for f in faults if not isinstance(f, Pending)]
    return [fault.issue(root) for fault in told[:MAX_ISSUES]]


def check_resource(value: object, *, inside: bool = False) -> Faults | None:
    """Faults of a resource of any type; `inside` another one, its local references stay open."""
    if value.__class__ is not dict:
        return [expected(value, "a resource")]
    assert isinstance(value, dict)
    name = value.get("resourceType")
    if not isinstance(name, str):
        return prefixed([Fault("structure", "resourceType is missing")], "resourceType")
    if name not in resource_types():
        return prefixed([Fault("structure", "not a resource type of R4")], "resourceType")
    faults = shape_of(name).check(value)
    if inside:
        if "contained" in value:
            nested = Fault("invariant", "a contained resource contains no other (dom-2)")
            return [*(faults or ()), *prefixed([nested], "contained")]
        return settle_contained(faults) if faults else None
    if faults or "contained" in value:
        faults = settle(value, faults or [])
    if name == "Bundle":
        faults = linked(faults or [], full_urls(value))
        if sound(faults):
            faults += bundle_faults(value)
    return faults or None


class Shape:
    """The check of one object type; its fields are compiled at first use."""

    __slots__ = (
        "about", "choice_names", "fields", "groups", "invariants", "name", "required", "rule"
    )  # fmt: skip

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields: dict[str, Check] | None = None
        self.required: tuple[_Required, ...] = ()
        self.choice_names: frozenset[str] = frozenset()
        self.groups: dict[str, frozenset[str]] = {}
        self.rule: Callable[[dict[str, Any]], Faults | None] | None = None
        self.invariants: tuple[Invariant, ...] = ()
        self.about: frozenset[str] | None = frozenset()

    def check(self, value: object) -> Faults | None:
        """The faults of a value that should be an object of this type."""
        if value.__class__ is not dict:
            return [expected(value, "an object")]
        assert isinstance(value, dict)
        fields = self.fields
        if fields is None:
            fields = self._compile()
        faults: Faults = []
        for key, item in value.items():
            field = fields.get(key)
            if field is None:
                faults += self._unknown(key)
            elif found := field(item):
                faults += prefixed(self._forgiven(found, key, value), key)
        self._as_a_whole(value, faults)
        about = self.about
        if (about is None or not value.keys().isdisjoint(about)) and sound(faults):
            self._rules(value, faults)
        return faults or None

    def _rules(self, value: dict[str, Any], faults: Faults) -> None:
        """What holds of an object whose parts are sound each for itself."""
        if self.rule and (found := self.rule(value)):
            faults += found
        for invariant in self.invariants:
            if invariant.broken(value):
                faults.append(Fault("invariant", invariant.text))

    def _as_a_whole(self, value: dict[str, Any], faults: Faults) -> None:
        if not value:
            faults.append(Fault("structure", "an object must not be empty"))
        for name, names in self.required:
            if name not in value and value.keys().isdisjoint(names):
                faults.append(_missing(name))
        if self.choice_names and len(self.choice_names & value.keys()) > 1:
            faults += self._crowded(value)

    def _compile(self) -> dict[str, Check]:
        definition = type_of(self.name)
        fields: dict[str, Check] = {}
        for name, element in definition.elements.items():
            one = _check_of(name, element)
            fields[name] = _array(one) if element.many else one
            if check_of(element.type) and element.type != "xhtml":
                sibling = shape_of("Element").check
                fields["_" + name] = _siblings(sibling) if element.many else sibling
        if definition.kind == "resource":
            fields["resourceType"] = _settled_before
        elif self.name != "ElementDefinition":  # snapshot and differential share their ids
            fields["id"] = _named
        self.required = _required(definition)
        self.groups = _groups(definition)
        self.choice_names = frozenset[str]().union(*self.groups.values())
        self.rule = rule_of(self.name)
        self.invariants = tuple(i for i in invariants_of(self.name) if i.severity == "error")
        whole = [i.about for i in self.invariants]
        always = self.rule is not None or not all(whole)
        self.about = None if always else frozenset[str]().union(*whole)
        self.fields = fields
        return fields

    def _unknown(self, key: str) -> Faults:
        return prefixed([Fault("structure", f"{self.name} has no such element in R4")], key)

    def _forgiven(self, found: Faults, key: str, value: dict[str, Any]) -> Faults:
        """Without the nulls whose sibling array carries an extension at the same place."""
        if not any(isinstance(fault, Null) for fault in found):
            return found
        siblings = value.get("_" + key)
        if not isinstance(siblings, list):
            return found

        def carried(fault: Fault) -> bool:
            at = fault.parts[0] if isinstance(fault, Null) and len(fault.parts) == 1 else None
            return isinstance(at, int) and at < len(siblings) and isinstance(siblings[at], dict)

        return [fault for fault in found if not carried(fault)]

    def _crowded(self, value: dict[str, Any]) -> Faults:
        faults: Faults = []
        for group, names in self.groups.items():
            present = {key.removeprefix("_") for key in names & value.keys()}
            if len(present) > 1:
                text = f"only one of {listed(sorted(present))} may be present"
                faults += prefixed([Fault("structure", text)], group)
        return faults


@cache
def shape_of(name: str) -> Shape:
    """The shape of a complex type, one for each name."""
    return Shape(name)


def _check_of(name: str, element: Element) -> Check:
    if element.type == "Resource":
        return partial(check_resource, inside=name == "contained")
    if element.type == "Reference":
        return partial(reference, element.targets, shape_of("Reference").check)
    accepted = value_set(element.binding) if element.binding else None
    if accepted and element.type == "code":
        return bound_code(accepted)
    if accepted and accepted.codes and element.type in ("CodeableConcept", "Coding"):
        rule = concept if element.type == "CodeableConcept" else coding
        return partial(rule, accepted, shape_of(element.type).check)
    if element.type == "xhtml":
        return div
    if (name, element.type) == ("system", "uri"):
        return absolute
    return check_of(element.type) or shape_of(element.type).check


def _settled_before(_: object) -> Faults | None:
    """The check of resourceType, by which check_resource found the shape."""
    return None


def _named(value: object) -> Faults | None:
    """The check of an element's id, of which the resource around decides whether it is the only."""
    found = string(value)
    return [Named(value)] if found is None and isinstance(value, str) else found


def _array(one: Check) -> Check:
    def check(value: object) -> Faults | None:
        if value.__class__ is not list:
            return [expected(value, "an array")]
        assert isinstance(value, list)
        faults: Faults = []
        for at, item in enumerate(value):
            if found := one(item):
                faults += prefixed(found, at)
        if not value:
            faults.append(Fault("structure", "an array must not be empty"))
        return faults or None

    return check


def _siblings(one: Check) -> Check:
    """An array of primitives' extensions, with null where there is none."""
    check = _array(lambda value: None if value is None else one(value))

    def some(value: object) -> Faults | None:
        if isinstance(value, list) and value and not any(x is not None for x in value):
            return [Fault("structure", "an array must hold more than nulls")]
        return check(value)

    return some


def _required(definition: Type) -> tuple[_Required, ...]:
    """Names that must be there, each with what else satisfies it."""
    single = [(n, ("_" + n,)) for n, e in definition.elements.items() if e.min and not e.choice]
    groups = _groups(definition)
    chosen = [(g + "[x]", tuple(groups[g])) for g, least in definition.choices.items() if least]
    return (*single, *chosen)


def _groups(definition: Type) -> dict[str, frozenset[str]]:
    groups: dict[str, set[str]] = {}
    for name, element in definition.elements.items():
        if element.choice:
            groups.setdefault(element.choice, set()).update((name, "_" + name))
    return {group: frozenset(names) for group, names in groups.items()}


def _missing(name: str) -> Fault:
    fault = Fault("required", "a required element is missing")
    fault.parts.append(name.removesuffix("[x]"))
    return fault
