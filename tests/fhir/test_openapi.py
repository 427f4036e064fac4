"""The OpenAPI document: valid, of one piece with the search tables, and of a sensible size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from dmp.fhir import capability
from dmp.fhir.openapi import document, family_of
from dmp.fhir.openapi_parameters import types
from dmp.fhir.routes import BEHIND_TOKEN, PUBLIC, Route, allowed

DOCUMENT = document("https://dmp.test")
ROUTES: list[Route] = [*PUBLIC, *BEHIND_TOKEN]
NAMES = [f"{r.method} {r.path}" for r in ROUTES]
FORMS = {"Fhir": "OperationOutcome", "OAuth": "OAuthError", "Problem": "Problem"}


def resolved(value: Any) -> Any:
    """What a reference within the document leads to."""
    if "$ref" not in value:
        return value
    found: Any = DOCUMENT
    for part in value["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(value: Any) -> Iterator[str]:
    """Every `$ref`."""
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def parameters(route: Route) -> dict[tuple[str, str], Any]:
    """A route's own parameters by place and name."""
    given = DOCUMENT["paths"][route.path][route.method].get("parameters", [])
    every = [resolved(one) for one in given]
    assert len({(p["in"], p["name"]) for p in every}) == len(every)
    return {(p["in"], p["name"]): p for p in every}


def one(method: str, path: str) -> Route:
    return next(r for r in ROUTES if (r.method, r.path) == (method, path))


def test_it_is_valid_openapi() -> None:
    OPENAPI_31_VALIDATOR.validate(json.loads(json.dumps(DOCUMENT)))


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = set(references(DOCUMENT))
    assert all(resolved({"$ref": text}) for text in used)
    held = {
        f"#/components/{kind}/{name}"
        for kind in ("parameters", "schemas")
        for name in DOCUMENT["components"][kind]
    }
    assert held - used == set()


def test_it_is_of_a_sensible_size() -> None:
    assert len(json.dumps(DOCUMENT, separators=(",", ":"))) < 200_000


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_every_refusal_has_the_form_of_its_family(route: Route) -> None:
    responses = DOCUMENT["paths"][route.path][route.method]["responses"]

    assert {"400", "429", "503", "5XX"} <= set(responses)
    assert ("403" in responses) >= (route in BEHIND_TOKEN)
    for status, response in responses.items():
        if status >= "4":
            told = resolved(response)
            (media_type, content), *gateways = told["content"].items()
            assert content["schema"]["$ref"].endswith("/" + FORMS[family_of(route.path)])
            assert "json" in media_type
            assert not gateways or status in ("401", "429", "503", "5XX")
    if "401" in responses:
        assert "WWW-Authenticate" in resolved(responses["401"])["headers"]
    if "405" in responses:
        assert "Allow" in resolved(responses["405"])["headers"]


def test_a_search_takes_every_parameter_of_its_types_as_the_capability_tells_them() -> None:
    (rest,) = capability.capability_statement("https://dmp.test")["rest"]
    served = {r["type"]: {p["name"] for p in r["searchParam"]} for r in rest["resource"]}
    everywhere = {"_sort", "_count", "_total", "_summary", "_elements", "_include", "_revinclude",
                  "_page"}  # fmt: skip

    told = parameters(one("get", "/fhir/{type}"))
    assert {n for p, n in told if p == "query"} == everywhere.union(
        *(served[kind] for kind in types())
    )
    birth = told["query", "birthdate"]["description"]
    assert (birth.partition(",")[0], "Patient" in birth) == ("date", True)
    for name in ("AuditEvent", "Consent", "StructureDefinition", "ValueSet"):
        given = {n for p, n in parameters(one("get", f"/fhir/{name}")) if p == "query"}
        assert given - everywhere == served[name]


@pytest.mark.parametrize(
    ("request_", "headers"),
    [
        ("post /fhir", {"Prefer", "Idempotency-Key"}),
        ("post /fhir/{type}", {"Prefer", "Idempotency-Key", "If-None-Exist"}),
        ("put /fhir/{type}/{id}", {"Prefer", "Idempotency-Key", "If-Match", "If-None-Match"}),
        ("get /fhir/{type}/{id}", {"If-None-Match", "If-Modified-Since"}),
        ("get /fhir/{type}", {"Prefer"}),
    ],
)
def test_headers_that_change_an_answer_are_told(request_: str, headers: set[str]) -> None:
    method, _, path = request_.partition(" ")

    assert {n for p, n in parameters(one(method, path)) if p == "header"} == headers


def test_bodies_are_told_by_their_media_types() -> None:
    patch = DOCUMENT["paths"]["/fhir/{type}/{id}"]["patch"]["requestBody"]["content"]

    assert patch["application/json-patch+json"]["schema"]["$ref"].endswith("JsonPatch")
    assert patch["application/fhir+json"]["schema"]["$ref"].endswith("Parameters")
    for route in ROUTES:
        told = DOCUMENT["paths"][route.path][route.method]
        assert ("requestBody" in told) == bool(route.reads)


def test_what_is_allowed_is_what_the_table_holds() -> None:
    assert allowed("/fhir/Consent") == "GET, POST"
    assert allowed("/fhir/AuditEvent/{id}/_history") == ""
