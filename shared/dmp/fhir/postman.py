"""The routes as a Postman collection, format v2.1: a folder for each flow and each resource type.

`{{base}}`, `{{token}}`, `{{patient}}` and `{{id}}` are its variables; a create keeps the new id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dmp.fhir import capability
from dmp.fhir.openapi_parameters import types
from dmp.fhir.routes import BEHIND_TOKEN, PUBLIC, Route

Json = dict[str, Any]
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_TYPE = "/fhir/{type}"
_INTERACTIONS = {
    ("get", _TYPE): "search-type",
    ("post", _TYPE): "create",
    ("get", f"{_TYPE}/{{id}}"): "read",
    ("put", f"{_TYPE}/{{id}}"): "update",
    ("delete", f"{_TYPE}/{{id}}"): "delete",
    ("get", f"{_TYPE}/{{id}}/_history"): "history-instance",
}
_FLOWS = (
    ("What is served", ("/fhir/metadata", "/fhir/.well-known", "/openapi.json", "/postman.json",
                        "/fhir/StructureDefinition", "/fhir/ValueSet")),
    ("Opening a record", ("/activations",)),
    ("Tokens", ("/oauth2",)),
    ("Consents", ("/fhir/Consent",)),
    ("The journal", ("/fhir/AuditEvent", "/journal")),
    ("Preferences", ("/preferences",)),
)  # fmt: skip
_KEEP_ID = "if (pm.response.code === 201) pm.collectionVariables.set('id', pm.response.json().id);"
_SIGNED_IN = (
    "const told = pm.response.json();"
    " if (told.access_token) pm.collectionVariables.set('token', told.access_token);"
)


def collection(base_url: str) -> Json:
    """The collection that `GET /postman.json` answers."""
    every = [*((r, False) for r in PUBLIC), *((r, True) for r in BEHIND_TOKEN)]
    flows = [(title, [pair for pair in every if pair[0].path.startswith(paths)])
             for title, paths in _FLOWS]  # fmt: skip
    told = {id(route) for _, held in flows for route, _ in held}
    rest = [pair for pair in every if id(pair[0]) not in told]
    folders = [_folder(title, held) for title, held in [*flows, ("Any resource", rest)]]
    return {
        "info": {
            "name": "DMP",
            "description": "Morocco's shared patient record. Set token and patient.",
            "version": capability.VERSION,
            "schema": SCHEMA,
        },
        "auth": {"type": "bearer", "bearer": [_variable("token", "{{token}}")]},
        "variable": [
            _variable("base", base_url),
            *(_variable(name, "") for name in ("token", "patient", "id")),
            _variable("type", "Observation"),
        ],
        "item": [*folders, {"name": "By resource type", "item": list(_by_type(rest))}],
    }


def _by_type(routes: Iterable[tuple[Route, bool]]) -> Iterator[Json]:
    """For each type a folder of what is served on it."""
    told = [(r, _INTERACTIONS.get((r.method, r.path))) for r, _ in routes]
    for name in sorted(types()):
        served = capability.interactions_of(name)
        chosen = [route for route, interaction in told if interaction in served]
        yield {"name": name, "item": [_item(route, True, name) for route in chosen]}


def _folder(title: str, routes: Iterable[tuple[Route, bool]]) -> Json:
    return {"name": title, "item": [_item(r, secured, "{{type}}") for r, secured in routes]}


def _item(route: Route, secured: bool, kind: str) -> Json:
    request: Json = {
        "method": route.method.upper(),
        "header": [{"key": "Accept", "value": route.answers[0]}] if route.answers else [],
        "url": _url(route, kind),
    }
    if not secured:
        request["auth"] = {"type": "noauth"}
    if route.reads:
        request["header"].append({"key": "Content-Type", "value": route.reads[0]})
        request["body"] = _body(route, kind)
    made: Json = {"name": route.summary, "request": request, "response": []}
    script = {"/oauth2/token": _SIGNED_IN, _TYPE: _KEEP_ID}.get(route.path)
    if route.method == "post" and script:
        held = {"type": "text/javascript", "exec": [script]}
        made["event"] = [{"listen": "test", "script": held}]
    return made


def _url(route: Route, kind: str) -> Json:
    """`{id}` of a Patient is the record's own; a search names its record."""
    path = route.path.replace("{type}", kind)
    own = "{{patient}}" if kind == "Patient" or "/Patient/" in path else "{{id}}"
    path = path.replace("{id}", own).replace("{vid}", "1").replace("{size}", "1")
    parts = path.strip("/").split("/")
    query = []
    if route.method == "get" and route.query in ("search", "Consent", "AuditEvent"):
        query = [_pair("_id" if kind == "Patient" else "patient", "{{patient}}")]
    asked = "?" + "&".join(f"{q['key']}={q['value']}" for q in query) if query else ""
    return {"raw": f"{{{{base}}}}{path}{asked}", "host": ["{{base}}"], "path": parts,
            "query": query}  # fmt: skip


def _body(route: Route, kind: str) -> Json:
    if route.reads[0] == "application/x-www-form-urlencoded":
        return {"mode": "urlencoded", "urlencoded": []}
    if route.body == "Bundle":
        text = '{"resourceType": "Bundle", "type": "transaction", "entry": []}'
    elif route.body == "Resource" and kind != "{{type}}":
        named = ', "id": "{{id}}"' if route.method == "put" else ""
        text = f'{{"resourceType": "{kind}"{named}}}'
    else:
        text = "{}" if "json" in route.reads[0] else ""
    return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}


def _variable(key: str, value: str) -> Json:
    return {"key": key, "value": value, "type": "string"}


def _pair(key: str, value: str) -> Json:
    return {"key": key, "value": value}
