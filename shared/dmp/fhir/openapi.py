"""The OpenAPI 3.1 document: every route that is served, for generators of clients.

Made from the routes (dmp.fhir.routes) and the search-parameter tables; what comes often is a
component that is referred to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dmp.fhir import capability
from dmp.fhir.openapi_parameters import components, named
from dmp.fhir.openapi_schemas import schemas
from dmp.fhir.routes import BEHIND_TOKEN, FHIR, FORM, JSON, PATCH, PUBLIC, Route

Json = dict[str, Any]
_PROBLEM = "application/problem+json"
_FORMS = {
    "Fhir": (FHIR[0], "OperationOutcome"),
    "OAuth": (JSON[0], "OAuthError"),
    "Problem": (_PROBLEM, "Problem"),
}
_TOLD = {
    "Refused": ("Refused", None),
    "Unauthenticated": ("No valid token", "WWW-Authenticate"),
    "NotAllowed": ("Not this method, or not that operation", "Allow"),
    "Busy": ("Too many, or busy: send it again", "Retry-After"),
    "Failed": ("Failed", None),
}
_WAYS = {"401": "Unauthenticated", "405": "NotAllowed", "429": "Busy", "503": "Busy",
         "5XX": "Failed"}  # fmt: skip
_GATEWAYS = frozenset({"Unauthenticated", "Busy", "Failed"})
_WRITING = frozenset({405, 409, 410, 412, 422})


def document(base_url: str) -> Json:
    """The document that `GET /openapi.json` answers."""
    paths: Json = {}
    for secured, routes in ((False, PUBLIC), (True, BEHIND_TOKEN)):
        for route in routes:
            paths.setdefault(route.path, {})[route.method] = _operation(route, secured=secured)
    for path, item in paths.items():
        if names := re.findall(r"{(\w+)}", path):
            item["parameters"] = [_parameter(f"path-{name}") for name in names]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "DMP",
            "version": capability.VERSION,
            "description": "Morocco's shared patient record. FHIR details: /fhir/metadata.",
        },
        "servers": [{"url": base_url}],
        "paths": paths,
        "components": {
            "parameters": dict(components()),
            "responses": {
                f"{family}{way}": _refusal(family, way) for family in _FORMS for way in _TOLD
            },
            "schemas": schemas(),
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            },
        },
    }


def family_of(path: str) -> str:
    """Which form the path's refusals have."""
    if path.startswith("/fhir"):
        return "Fhir"
    return "OAuth" if path.startswith("/oauth2") else "Problem"


def _operation(route: Route, *, secured: bool) -> Json:
    done: Json = {"description": "Done", **_content(route.answers, route.answer)}
    told: Json = {
        "operationId": _operation_id(route.method, route.path),
        "summary": route.summary,
        "responses": {str(route.status): done, **dict(_others(route, done, secured=secured))},
    }
    parameters = [*named(route.query), *(f"header-{name}" for name in route.headers)]
    if parameters:
        told["parameters"] = [_parameter(name) for name in parameters]
    if route.reads:
        told["requestBody"] = {"required": True, **_content(route.reads, route.body)}
    if secured:
        told["security"] = [{"bearer": []}]
    return told


def _others(route: Route, done: Json, *, secured: bool) -> Iterator[tuple[str, Json]]:
    """Every status but that of success."""
    family = family_of(route.path)
    statuses = {400, 406, 429, *route.also}
    if secured or family == "OAuth":
        statuses |= {401}
    if secured:
        statuses |= {403, 404}
    if "{" in route.path:
        statuses |= {404}
    if route.reads:
        statuses |= {413, 415}
    if route.reads and route.reads != FORM:
        statuses |= {422}
    if family == "Fhir" and secured and (route.method != "get" and route.reads != FORM):
        statuses |= _WRITING
    for status in sorted(statuses):
        if status < 400:
            yield str(status), done if status < 300 else {"description": "Not modified"}
        else:
            way = _WAYS.get(str(status), "Refused")
            yield str(status), {"$ref": f"#/components/responses/{family}{way}"}
    for code in ("503", "5XX"):
        yield code, {"$ref": f"#/components/responses/{family}{_WAYS[code]}"}


def _refusal(family: str, way: str) -> Json:
    """The gateway's own refusals are FHIR's everywhere: it cannot tell one path from another."""
    families = dict.fromkeys((family, "Fhir") if way in _GATEWAYS else (family,))
    told, header = _TOLD[way]
    content = {_FORMS[f][0]: {"schema": _schema(*_FORMS[f])} for f in families}
    made: Json = {"description": told, "content": content}
    if header:
        made["headers"] = {header: {"schema": {"type": "string"}}}
    return made


def _content(media_types: tuple[str, ...], schema: str) -> Json:
    content = {name: {"schema": _schema(name, schema)} for name in media_types}
    return {"content": content} if content else {}


def _schema(media_type: str, name: str) -> Json:
    if name == "Patch":
        name = "JsonPatch" if media_type == PATCH[0] else "Parameters"
    if name:
        return {"$ref": f"#/components/schemas/{name}"}
    return {"type": "object" if "json" in media_type else "string"}


def _operation_id(method: str, path: str) -> str:
    words = [part.strip("{}._$").replace(".", "-") for part in path.split("/") if part]
    return "_".join([method, *words]).replace("-", "_")


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}
