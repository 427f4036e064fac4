"""Criteria that look beyond a resource: chains (`subject:Patient.name`) and `_has`.

Both are evaluated over the view alone, so that what the caller may not see cannot be told from
what was never written. A chain goes into contained resources too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.domain.refusals import BadParameter
from dmp.fhir import compartment
from dmp.fhir.definitions import Json, resource_types
from dmp.fhir.faults import listed
from dmp.fhir.search_criteria import Criterion, Reading, Test, own_criterion, wrong_target
from dmp.fhir.search_parameters import Parameter, parameter, parameters_of
from dmp.fhir.search_view import View, contained

LINKS_MAX = 5
NOT_SERVED = frozenset(
    {"_filter", "_text", "_content", "_list", "_query", "_type", "_contained", "_containedType"}
)


class UnknownParameter(Exception):
    """No such parameter, or one that is not served; lenient reading skips it."""


class Criteria:
    """Makes the criteria of one query; a part of a chain is made once, however many lead to it."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._made: dict[tuple[str, str, str], Criterion] = {}

    def of(self, resource_type: str, name: str, value: str) -> Criterion:
        """The criterion of a parameter by its whole name.

        Raises UnknownParameter, and BadParameter for a bad value or use.
        """
        if name.count(".") + name.count("_has:") > LINKS_MAX:
            raise BadParameter(f"a chain has at most {LINKS_MAX} links", name)
        try:
            return self._of(resource_type, name, value)
        except BadParameter as bad:  # which may name the end of a chain alone
            raise BadParameter(str(bad), name) from None

    def _of(self, resource_type: str, name: str, value: str) -> Criterion:
        key = (resource_type, name, value)
        if key not in self._made:
            self._made[key] = self._make(resource_type, name, value)
        return self._made[key]

    def _make(self, resource_type: str, name: str, value: str) -> Criterion:
        if name.startswith("_has:"):
            return self._reverse(resource_type, name, value)
        head, dot, rest = name.partition(".")
        code, _, modifier = head.partition(":")
        if code in NOT_SERVED or code == "_has":
            raise UnknownParameter("not served")
        found = parameter(resource_type, code)
        if found is None:
            raise UnknownParameter(
                f"{resource_type} has no such search parameter;"
                f" it has {listed(sorted(parameters_of(resource_type)))}"
            )
        if dot:
            return self._chain(found, modifier, rest, value, name)
        return own_criterion(found, modifier, value, name, self._reading)

    def _chain(
        self, found: Parameter, modifier: str, rest: str, value: str, name: str
    ) -> Criterion:
        inner = self._inner(_targets(found, modifier, name), rest, value)

        def test(resource: Json, view: View) -> bool:
            return any(_leads(view, inner, to, resource) for _, to in found.find(resource))

        joined = (frozenset(inner), *dict.fromkeys(j for c in inner.values() for j in c.joined))
        return Criterion(found.code, modifier or None, (value,), found, test, joined)

    def _inner(self, kinds: list[str], rest: str, value: str) -> dict[str, Criterion]:
        """The rest of a chain for each type that it can be read for."""
        made: dict[str, Criterion] = {}
        refused: BadParameter | None = None
        for kind in kinds:
            try:
                made[kind] = self._of(kind, rest, value)
            except UnknownParameter:
                continue
            except BadParameter as bad:
                refused = refused or bad
        if made:
            return made
        if refused:
            raise refused
        names = listed(kinds)
        raise UnknownParameter(f"{names} cannot be searched by what follows the dot")

    def _reverse(self, resource_type: str, name: str, value: str) -> Criterion:
        parts = name.split(":", 3)
        if len(parts) != 4 or not all(parts):
            raise BadParameter("_has is _has:Type:reference:parameter", name)
        _, kind, code, rest = parts
        back = reference_parameter(kind, code, name)
        if not may_refer(back, resource_type):
            raise BadParameter(f"{kind}:{code} does not refer to {resource_type}", name)
        inner = self._of(kind, rest, value)
        own = object()

        def test(resource: Json, view: View) -> bool:
            named = view.remember(own, lambda: _referred(view, kind, back, inner.test))
            return f"{resource_type}/{resource.get('id')}" in named

        return Criterion("_has", None, (value,), None, test, (frozenset({kind}), *inner.joined))


def reference_parameter(kind: str, code: str, name: str) -> Parameter:
    """A reference parameter of a served type. BadParameter, naming `name`, when there is none."""
    if kind not in compartment.served():
        raise BadParameter("that resource type is not served", name)
    found = parameter(kind, code)
    if found is None or found.type != "reference":
        known = references_of(kind)
        raise BadParameter(f"{kind} refers by {listed(known) if known else 'nothing'}", name)
    return found


def references_of(kind: str) -> list[str]:
    """The codes of the type's reference parameters."""
    return sorted(code for code, row in parameters_of(kind).items() if row["type"] == "reference")


def may_refer(found: Parameter, kind: str) -> bool:
    """Whether the parameter's references may lead to the type; without targets, to any."""
    return kind in (found.targets or resource_types())


def _targets(found: Parameter, modifier: str, name: str) -> list[str]:
    if found.type != "reference":
        raise BadParameter("only a reference can be followed", name)
    kinds = sorted(k for k in compartment.served() if may_refer(found, k))
    if not modifier and kinds:
        return kinds
    if modifier and not (modifier in resource_types() and may_refer(found, modifier)):
        raise BadParameter(wrong_target(found), name)
    if modifier not in kinds:
        raise BadParameter("that resource type is not served", name)
    return [modifier]


def _leads(view: View, inner: Mapping[str, Criterion], value: Any, owner: Json) -> bool:
    within = contained(value, owner)
    if within is not None:
        criterion = inner.get(within["resourceType"])
        return criterion is not None and criterion.test(within, view)
    found = view.target(value)
    if found is None or found.type not in inner or not view.joinable(found):
        return False
    test = inner[found.type].test
    return view.remember((test, found.id), lambda: test(view.resource(found), view))


def _referred(view: View, kind: str, back: Parameter, test: Test) -> frozenset[str]:
    """What the resources of the type that pass the test refer to."""
    held = map(view.resource, filter(view.joinable, view.of_type(kind)))
    passing = (resource for resource in held if test(resource, view))
    named = (view.name_of(value) for resource in passing for _, value in back.find(resource))
    return frozenset(name for name in named if name is not None)
