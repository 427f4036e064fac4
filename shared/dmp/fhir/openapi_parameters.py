"""The parameters of the OpenAPI document, each a component: paths, headers and queries.

Those of searches come from the official tables (dmp.fhir.search_parameters), not from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from dmp.fhir import capability, compartment
from dmp.fhir.published import PARAMETERS
from dmp.fhir.search_criteria import MODIFIERS
from dmp.fhir.search_parameters import parameters_of
from dmp.fhir.search_results import SUMMARIES, TOTALS

Json = dict[str, Any]
_TEXT: Json = {"type": "string"}
_TEXTS: Json = {"$ref": "#/components/schemas/Texts"}
_ANY: Json = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT: Json = {"type": "integer", "minimum": 0}
_FROM_ONE: Json = {"type": "integer", "minimum": 1}
_RETURNS = "return=minimal, return=representation or return=OperationOutcome"
_HEADERS: Mapping[str, tuple[str, str]] = {
    "If-Match": ("If-Match", 'W/"1": change this version only, else 412'),
    "If-None-Match": ("If-None-Match", 'Of a read: 304 when W/"1" stands. Of a PUT: * to create'),
    "If-Modified-Since": ("If-Modified-Since", "An HTTP date; 304 when nothing is newer"),
    "If-None-Exist": ("If-None-Exist", "Criteria; creates only when nothing matches"),
    "Idempotency-Key": ("Idempotency-Key", "The same key and body: the first answer, for 24 h"),
    "Prefer": ("Prefer", _RETURNS),
    "Handling": ("Prefer", "handling=lenient ignores parameters that are not known; or strict"),
}
_RESULTS: Mapping[str, tuple[str, Json]] = {
    "_sort": ("Parameters, each with - for descending", _TEXT),
    "_count": ("Matches a page; 0 for the total alone", _COUNT),
    "_total": ("Whether a total is told", {"type": "string", "enum": list(TOTALS)}),
    "_summary": ("A subset of each resource", {"type": "string", "enum": list(SUMMARIES)}),
    "_elements": ("Elements to show", _TEXT),
    "_include": ("Type:parameter, also with :iterate", _TEXTS),
    "_revinclude": ("Type:parameter, also with :iterate", _TEXTS),
    "_page": ("From a `next` link, never made up", _TEXT),
}
_OTHERS: Mapping[str, Mapping[str, tuple[str, Json]]] = {
    "everything": {
        "_type": ("Types, separated by commas", _TEXTS),
        "_since": ("An instant of the server's time", _TEXT),
        "start": ("First clinical date", _TEXT),
        "end": ("Last clinical date", _TEXT),
        "_count": ("Resources a page", _FROM_ONE),
    },
    "document": {
        "persist": ("Documents are made and not kept", {"type": "string", "enum": ["false"]}),
    },
    "history": {
        "patient": ("The record, when the token names none", _TEXT),
        "_since": ("An instant of the server's time", _TEXT),
        "_count": ("Versions a page", {**_FROM_ONE, "maximum": 1000}),
    },
    "validate": {
        "mode": ("What the write will be", {"type": "string", "enum": ["create", "update",
                                                                       "delete"]}),
        "profile": ("A profile's URL", _TEXTS),
    },
    "usage": {
        "from": ("A day or an instant", _TEXT),
        "to": ("A day, included, or an instant", _TEXT),
        "offset": ("Accesses to leave out", _COUNT),
        "limit": ("Accesses to tell, 100 by default, 1000 at most", _COUNT),
    },
    "export": {
        "format": ("A Bundle or a table", {"type": "string", "enum": ["fhir", "csv"]}),
        "from": ("A day or an instant", _TEXT),
        "to": ("A day, included, or an instant", _TEXT),
    },
}  # fmt: skip


@cache
def components() -> Mapping[str, Json]:
    """Every parameter by its component's name."""
    made: dict[str, Json] = {}
    for key, (name, told) in _HEADERS.items():
        made[f"header-{key}"] = _parameter(name, "header", told, _TEXT)
    made["criteria"] = {
        **_parameter("criteria", "query", "The parameters of a search of the type", _ANY),
        "style": "form",
        "explode": True,
    }
    made["lastn-max"] = _query("max", "So many of each code, 1 by default", _FROM_ONE)
    for name in ("id", "size", "vid"):
        made[f"path-{name}"] = {**_parameter(name, "path", "", _TEXT), "required": True}
    kinds = {"type": "string", "enum": sorted(types())}
    made["path-type"] = {**_parameter("type", "path", "", kinds), "required": True}
    made |= {name: _query(name, *about) for name, about in _RESULTS.items()}
    for group, members in _OTHERS.items():
        made |= {f"{group}-{name}": _query(name, *about) for name, about in members.items()}
    for name, (kind, holders) in _searched().items():
        told = f"{kind}, of {', '.join(sorted(holders))}" if holders < types() else kind
        made[f"search-{name}"] = _query(name, told, _TEXTS)
    return made


@cache
def types() -> frozenset[str]:
    """What `{type}` may be: the types without routes of their own."""
    return frozenset(capability.served_types()) - {"AuditEvent", "Consent", *PARAMETERS}


def named(query: str) -> list[str]:
    """The components of a route's set of query parameters."""
    if query in _OTHERS:
        paged = [] if query in ("document", "validate", "usage") else ["_page"]
        return [*(f"{query}-{name}" for name in _OTHERS[query]), *paged]
    if query in PARAMETERS:
        return [f"search-{name}" for name in PARAMETERS[query]]
    if query == "criteria":
        return ["criteria"]
    if query == "search":
        every = [name for name, (_, holders) in _searched().items() if holders & types()]
        return [*(f"search-{name}" for name in every), *_RESULTS]
    if query == "lastn":
        return ["lastn-max", *(name for name in named("Observation") if name != "_sort")]
    if not query:
        return []
    results = [n for n in _RESULTS if query != "AuditEvent" or "include" not in n]
    return [*(f"search-{n}" for n in sorted(_served(query))), *results]


@cache
def _searched() -> Mapping[str, tuple[str, frozenset[str]]]:
    """Each search parameter's type, and the resource types that have it."""
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for holder in sorted(compartment.served() | {"AuditEvent"}):
        for name, kind in _served(holder).items():
            found[name] = (kind, found.get(name, ("", frozenset()))[1] | {holder})
    for holder, members in PARAMETERS.items():
        for name, kind in members.items():
            found[name] = (kind, found.get(name, ("", frozenset()))[1] | {holder})
    return dict(sorted(found.items()))


def _served(resource_type: str) -> Mapping[str, str]:
    rows = parameters_of(resource_type)
    return {name: row["type"] for name, row in rows.items() if row["type"] in MODIFIERS}


def _query(name: str, told: str, schema: Json) -> Json:
    return _parameter(name, "query", told, schema)


def _parameter(name: str, place: str, told: str, schema: Json) -> Json:
    about = {"description": told} if told else {}
    return {"name": name, "in": place, **about, "schema": schema}
