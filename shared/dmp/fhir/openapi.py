"""The OpenAPI 3.1 document: every route that is served, for generators of clients."""

from __future__ import annotations

from typing import Any

from dmp.fhir import capability
from dmp.fhir.published import PARAMETERS

Json = dict[str, Any]
_FHIR = ("application/fhir+json",)
_PATCH = ("application/json-patch+json", "application/fhir+json")
_JSON = ("application/json",)
_FORM = ("application/x-www-form-urlencoded",)
_PEM = ("application/x-pem-file",)
_PROBLEM = ("application/problem+json",)
_ID = "/fhir/{type}/{id}"

# (method, path, summary, media types of the body, of the answer, status of success)
_Route = tuple[str, str, str, tuple[str, ...], tuple[str, ...], int]
PUBLIC: tuple[_Route, ...] = (
    ("get", "/fhir/metadata", "CapabilityStatement", (), _FHIR, 200),
    ("get", "/fhir/.well-known/smart-configuration", "SMART configuration", (), _JSON, 200),
    ("get", "/openapi.json", "This document", (), _JSON, 200),
    ("get", "/fhir/StructureDefinition", "Our profiles", (), _FHIR, 200),
    ("post", "/fhir/StructureDefinition/_search", "Our profiles by form", _FORM, _FHIR, 200),
    ("get", "/fhir/StructureDefinition/{id}", "One profile", (), _FHIR, 200),
    ("get", "/fhir/ValueSet", "Our value sets", (), _FHIR, 200),
    ("post", "/fhir/ValueSet/_search", "Our value sets by form", _FORM, _FHIR, 200),
    ("get", "/fhir/ValueSet/{id}", "One value set", (), _FHIR, 200),
    ("post", "/oauth2/token", "Access token", _FORM, _JSON, 200),
    ("post", "/oauth2/otp", "Send a one-time code", _JSON, _JSON, 202),
    ("post", "/oauth2/introspect", "RFC 7662", _FORM, _JSON, 200),
    ("post", "/oauth2/revoke", "RFC 7009", _FORM, (), 200),
    ("get", "/oauth2/jwks.json", "Keys of access tokens", (), _JSON, 200),
    ("post", "/activations", "Ask for a record", _JSON, _JSON, 202),
    ("get", "/activations/{id}", "How far it is", (), _JSON, 200),
    ("post", "/activations/{id}/confirmation", "Give the code", _JSON, _JSON, 202),
)
BEHIND_TOKEN: tuple[_Route, ...] = (
    ("post", "/fhir", "Transaction or batch", _FHIR, _FHIR, 200),
    ("get", "/fhir/{type}", "Search", (), _FHIR, 200),
    ("post", "/fhir/{type}", "Create", _FHIR, _FHIR, 201),
    ("put", "/fhir/{type}", "Update what the criteria find", _FHIR, _FHIR, 200),
    ("patch", "/fhir/{type}", "Patch what the criteria find", _PATCH, _FHIR, 200),
    ("delete", "/fhir/{type}", "Delete what the criteria find", (), (), 204),
    ("post", "/fhir/{type}/_search", "Search by form", _FORM, _FHIR, 200),
    ("get", _ID, "Read", (), _FHIR, 200),
    ("put", _ID, "Update, or create under an own id", _FHIR, _FHIR, 200),
    ("patch", _ID, "JSON Patch or FHIRPath Patch", _PATCH, _FHIR, 200),
    ("delete", _ID, "Delete", (), (), 204),
    ("post", _ID, "$validate, in place of an id", _FHIR, _FHIR, 200),
    ("get", f"{_ID}/_history", "Instance history", (), _FHIR, 200),
    ("get", f"{_ID}/_history/{{vid}}", "Read one version", (), _FHIR, 200),
    ("get", f"{_ID}/{{operation}}", "Patient/$everything", (), _FHIR, 200),
    ("post", f"{_ID}/{{operation}}", "Patient/$everything by form", _FORM, _FHIR, 200),
    ("get", "/fhir/Consent", "Search consents", (), _FHIR, 200),
    ("post", "/fhir/Consent", "Grant", _FHIR, _FHIR, 201),
    ("post", "/fhir/Consent/_search", "Search consents by form", _FORM, _FHIR, 200),
    ("get", "/fhir/Consent/{id}", "Read a consent", (), _FHIR, 200),
    ("put", "/fhir/Consent/{id}", "Change or revoke", _FHIR, _FHIR, 200),
    ("post", "/fhir/Consent/{id}", "$validate, in place of an id", _FHIR, _FHIR, 200),
    ("delete", "/fhir/Consent/{id}", "Revoke", (), (), 204),
    ("get", "/fhir/Consent/{id}/_history", "Versions of a consent", (), _FHIR, 200),
    ("get", "/fhir/Consent/{id}/_history/{vid}", "One version of a consent", (), _FHIR, 200),
    ("get", "/fhir/AuditEvent", "The patient's journal", (), _FHIR, 200),
    ("post", "/fhir/AuditEvent/_search", "The journal by form", _FORM, _FHIR, 200),
    ("get", "/fhir/AuditEvent/{id}", "One entry", (), _FHIR, 200),
    ("get", "/journal/entry/{id}", "One entry's exact bytes", (), _JSON, 200),
    ("get", "/journal/key", "Key of the journal's checkpoints", (), _PEM, 200),
    ("get", "/preferences", "How the patient is told", (), _JSON, 200),
    ("put", "/preferences", "Change it", _JSON, _JSON, 200),
    ("post", "/preferences/contact", "Ask for another address", _JSON, _JSON, 202),
    ("post", "/preferences/contact/confirmation", "Confirm it by its code", _JSON, _JSON, 200),
)


def document(base_url: str) -> Json:
    """The document that `GET /openapi.json` answers."""
    paths: Json = {}
    for secured, routes in ((False, PUBLIC), (True, BEHIND_TOKEN)):
        for route in routes:
            method, path = route[:2]
            paths.setdefault(path, {})[method] = _operation(route, secured=secured)
    for path, item in paths.items():
        if names := [part[1:-1] for part in path.split("/") if part.startswith("{")]:
            item["parameters"] = [_parameter(name) for name in names]
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
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
            }
        },
    }


def _operation(route: _Route, *, secured: bool) -> Json:
    method, path, summary, reads, answers, status = route
    failure = _FHIR if path.startswith("/fhir") else _PROBLEM
    if path.startswith("/oauth2"):
        failure = _JSON
    told: Json = {
        "operationId": _operation_id(method, path),
        "summary": summary,
        "responses": {
            str(status): {"description": "Done", **_content(answers)},
            "default": {"description": "Refused or failed", **_content(failure)},
        },
    }
    if reads:
        told["requestBody"] = {"required": True, **_content(reads)}
    if secured:
        told["security"] = [{"bearer": []}]
    return told


def _content(media_types: tuple[str, ...]) -> Json:
    content = {name: {"schema": {"type": "object"}} for name in media_types}
    return {"content": content} if content else {}


def _operation_id(method: str, path: str) -> str:
    words = [part.strip("{}._").replace(".", "-") for part in path.split("/") if part]
    return "_".join([method, *words]).replace("-", "_")


def _parameter(name: str) -> Json:
    schema: Json = {"type": "string"}
    if name == "type":
        schema["enum"] = [
            t for t in capability.served_types() if t not in ("AuditEvent", "Consent", *PARAMETERS)
        ]
    if name == "operation":
        schema["enum"] = ["$everything"]
    return {"name": name, "in": "path", "required": True, "schema": schema}
