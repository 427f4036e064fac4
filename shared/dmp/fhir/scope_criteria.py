"""The search criteria of a scope (`patient/Observation.rs?category=laboratory`), on content.

Plain parameters alone: what a chain or a modifier leaves out could not be told from its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from dmp.domain.refusals import BadParameter
from dmp.domain.scopes import Restriction, Scope, parsed
from dmp.fhir import compartment, search
from dmp.fhir.definitions import Json
from dmp.fhir.search_parameters import parameters_of

_ANY = "Observation"  # stands for every type where a scope names none


def fault(words: Sequence[str]) -> str:
    """Why a scope among the words cannot be judged by content; empty when all can."""
    for scope in parsed(words):
        if scope.restriction and (why := _fault(scope)):
            return f"{scope.type}.{scope.letters}?…: {why}"
    return ""


def holds(resource: Json, alternatives: Sequence[Restriction]) -> bool:
    """Whether one of the sets of criteria holds of the resource."""
    kind = str(resource.get("resourceType"))
    return any(search.matches(_query(kind, criteria), resource) for criteria in alternatives)


def _fault(scope: Scope) -> str:
    if scope.type != "*" and scope.type not in compartment.served():
        return "the type is not one of a record's"
    kind = _ANY if scope.type == "*" else scope.type
    for name, value in scope.restriction:
        if ":" in name or "." in name:
            return f"{name.partition(':')[0].partition('.')[0]} takes no modifier or chain here"
        known = name in parameters_of(kind) and (scope.type != "*" or name.startswith("_"))
        if not known:
            return "it has a parameter that the type has not"
        if parameters_of(kind)[name]["type"] == "date" and value.startswith("ap"):
            return "nothing is compared by how near it is"
    try:
        _query(kind, scope.restriction)
    except BadParameter as bad:
        return str(bad)
    return ""


@lru_cache(maxsize=256)
def _query(kind: str, criteria: Restriction) -> search.Query:
    return search.parse(kind, criteria)
