"""Search parameters of the directory: what each compares in an entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dmp.domain.directory import Practitioner, Role
from dmp.domain.directory_book import Listed, is_open
from dmp.domain.identifiers import INPE
from dmp.domain.refusals import BadParameter
from dmp.fhir.consent_references import ROLE
from dmp.fhir.directory import id_of
from dmp.fhir.search_values import normalised, split, unescape

Criterion = Callable[[Listed, str], bool]  # of an entry, on a day
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "Organization": {
        "_id": "token", "identifier": "token", "name": "string", "active": "token",
    },
    "Practitioner": {
        "_id": "token", "identifier": "token", "name": "string", "family": "string",
        "given": "string", "active": "token",
    },
    "PractitionerRole": {
        "_id": "token", "practitioner": "reference", "organization": "reference",
        "role": "token", "active": "token",
    },
}  # fmt: skip
INCLUDES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "PractitionerRole": {
        "PractitionerRole:practitioner": frozenset({"practitioner"}),
        "PractitionerRole:organization": frozenset({"organization"}),
        "PractitionerRole:*": frozenset({"practitioner", "organization"}),
        "*": frozenset({"practitioner", "organization"}),
    }
}
_MODIFIERS = {"string": ("", "exact", "contains"), "token": ("",), "reference": ("", "identifier")}
_TRUTH = {"true": True, "false": False}


def criterion(resource_type: str, parameter: str, text: str) -> Criterion:
    """What an entry must be; BadParameter for a modifier or value that is none of ours."""
    name, _, modifier = parameter.partition(":")
    kind = PARAMETERS[resource_type][name]
    if modifier not in _MODIFIERS[kind] or (":" in parameter and not modifier):
        served = [m for m in _MODIFIERS[kind] if m]
        raise BadParameter(f"modifiers served: {', '.join(served) or 'none'}", name)
    values = split(text, ",")
    if not all(values):
        raise BadParameter("a value is empty", name)
    if kind == "string":
        return _string(name, modifier, [unescape(value) for value in values])
    if kind == "reference":
        return _reference(name, modifier, values)
    return _token(name, values)


def _string(name: str, modifier: str, values: Sequence[str]) -> Criterion:
    wanted = values if modifier == "exact" else [normalised(value) for value in values]

    def match(entry: Listed, _: str) -> bool:
        held = _texts(entry, name)
        if modifier == "exact":
            return any(text in wanted for text in held)
        plain = [normalised(text) for text in held]
        if modifier == "contains":
            return any(part in text for text in plain for part in wanted)
        return any(text.startswith(part) for text in plain for part in wanted)

    return match


def _texts(entry: Listed, name: str) -> Sequence[str]:
    """What a string parameter looks at; a name is also each of its words, as people look it up."""
    if isinstance(entry, Practitioner):
        named = {"family": (entry.family,), "given": entry.given}
        whole = (entry.name, entry.family, *entry.given, *entry.name.split())
        return named.get(name, whole)
    return () if isinstance(entry, Role) else (entry.name, *entry.name.split())


def _reference(name: str, modifier: str, values: Sequence[str]) -> Criterion:
    if modifier == "identifier":
        numbers = [_numbered(value, INPE, name) for value in values]
        return lambda entry, _: (
            isinstance(entry, Role) and (None in numbers or getattr(entry, name) in numbers)
        )
    kind = name.capitalize()
    ids = []
    for value in values:
        parts = unescape(value).split("/")
        if len(parts) > 1 and parts[-2] != kind:
            raise BadParameter(f"{kind}/id, or an id", name)
        ids.append(parts[-1])
    return lambda entry, _: isinstance(entry, Role) and getattr(entry, f"{name}_id") in ids


def _token(name: str, values: Sequence[str]) -> Criterion:
    if name == "active":
        if not all(value in _TRUTH for value in values):
            raise BadParameter("true or false", name)
        wanted = {_TRUTH[value] for value in values}
        return lambda entry, day: is_open(entry, day) in wanted
    if name == "_id":
        return lambda entry, _: id_of(entry) in values
    system = ROLE if name == "role" else INPE
    codes = [_numbered(value, system, name) for value in values]

    def match(entry: Listed, _: str) -> bool:
        held = entry.code if isinstance(entry, Role) else entry.inpe
        return any(code in (None, held) for code in codes)

    return match


def _numbered(value: str, system: str, name: str) -> str | None:
    """The code of `system|code` or `code`; None for any, empty for another system's."""
    parts = [unescape(part) for part in split(value, "|")]
    if len(parts) > 2:
        raise BadParameter("a token is system|code", name)
    if len(parts) == 1:
        return parts[0]
    if parts[0] != system:
        return ""
    return parts[1] or None
