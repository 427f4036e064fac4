"""`_include` and `_revinclude`: what goes along with a match, out of what the caller may see."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from dmp.domain.record import Version
from dmp.domain.refusals import BadParameter
from dmp.fhir import compartment
from dmp.fhir.search_criteria import wrong_target
from dmp.fhir.search_joins import may_refer, reference_parameter, references_of
from dmp.fhir.search_parameters import Parameter, parameter
from dmp.fhir.search_view import Key, View

INCLUDES = ("_include", "_revinclude")
INCLUDES_MAX = 50


@dataclass(frozen=True, slots=True)
class Include:
    """One rule: resources of type `source`, by these parameters, lead to `target` (None: any).

    Reversed, whatever leads to a resource is added; `iterate` goes on from what was added.
    """

    source: str
    parameters: tuple[Parameter, ...]
    target: str | None
    iterate: bool
    reverse: bool


def include(resource_type: str, name: str, value: str) -> Include:
    """The rule of `Type:parameter[:Target]`, `Type:*` or, for `_include`, `*`.

    BadParameter for what R4 does not define, what could never apply, and `_revinclude=*`.
    """
    code, _, modifier = name.partition(":")
    if modifier not in ("", "iterate"):
        raise BadParameter(f"{code} takes :iterate", name)
    iterate, reverse = modifier == "iterate", code == "_revinclude"
    if value == "*" and reverse:
        raise BadParameter("name a type: Type:*", name)
    source, _, rest = (f"{resource_type}:*" if value == "*" else value).partition(":")
    wanted, _, target = rest.partition(":")
    if source not in compartment.served() or not wanted:
        raise BadParameter("Type:parameter[:Target] is expected, of types that are served", name)
    codes = references_of(source) if wanted == "*" else [wanted]
    parameters = tuple(reference_parameter(source, one, name) for one in codes)
    if not parameters:
        raise BadParameter(f"{source} refers by nothing", name)
    if target and not any(may_refer(p, target) for p in parameters):
        raise BadParameter(wrong_target(parameters[0]), name)
    made = Include(source, parameters, target or None, iterate, reverse)
    _check_use(made, resource_type, name)
    return made


def _check_use(made: Include, resource_type: str, name: str) -> None:
    if made.iterate:
        return
    if not made.reverse and made.source != resource_type:
        raise BadParameter(f"without :iterate, {resource_type} is what includes begin at", name)
    if made.reverse:
        if made.target not in (None, resource_type):
            raise BadParameter(f"without :iterate, the target is {resource_type}", name)
        if not any(may_refer(p, resource_type) for p in made.parameters):
            raise BadParameter(f"it does not refer to {resource_type}", name)


class Includer:
    """Follows the rules of one query over one view."""

    def __init__(self, rules: Sequence[Include], view: View) -> None:
        self._rules = rules
        self._view = view

    def along(self, match: Version, without: Collection[Key]) -> list[Version]:
        """What goes along with a match, nearest first, without what is there already."""
        held = {(match.type, match.id)}
        found: list[Version] = []
        waiting = [(match, True)]
        for version, is_match in waiting:
            for other in self._next(version, is_match=is_match):
                key = (other.type, other.id)
                if key in held or key in without:
                    continue
                if self._view.includable(other):
                    held.add(key)
                    found.append(other)
                    waiting.append((other, False))
        return found

    def _next(self, version: Version, *, is_match: bool) -> Iterator[Version]:
        for rule in self._rules:
            if not (is_match or rule.iterate):
                continue
            if rule.reverse:
                yield from self._referring(rule, version)
            elif rule.source == version.type:
                yield from self._referred(rule, version)

    def _referred(self, rule: Include, version: Version) -> Iterator[Version]:
        resource = self._view.resource(version)
        for one in rule.parameters:
            for _, value in one.find(resource):
                target = self._view.target(value)
                if target is not None and rule.target in (None, target.type):
                    yield target

    def _referring(self, rule: Include, version: Version) -> Sequence[Version]:
        if rule.target not in (None, version.type):
            return ()
        index = self._view.remember(("_revinclude", id(rule)), lambda: self._indexed(rule))
        return index.get(f"{version.type}/{version.id}", ())

    def _indexed(self, rule: Include) -> dict[str, list[Version]]:
        """Versions of the rule's source, by what they refer to."""
        index: dict[str, list[Version]] = {}
        for version in self._view.of_type(rule.source):
            resource = self._view.resource(version)
            found = (value for one in rule.parameters for _, value in one.find(resource))
            for name in {self._view.name_of(value): None for value in found}:
                if name is not None:
                    index.setdefault(name, []).append(version)
        return index


def included_by(resource_type: str) -> list[str]:
    """Every `_include` that begins at the type, as the metadata tells it."""
    return [f"{resource_type}:{code}" for code in references_of(resource_type)]


def including(resource_type: str) -> list[str]:
    """Every `_revinclude` that leads to the type, as the metadata tells it."""
    return [
        f"{kind}:{code}"
        for kind in sorted(compartment.served())
        for code in references_of(kind)
        if (found := parameter(kind, code)) is not None and may_refer(found, resource_type)
    ]
