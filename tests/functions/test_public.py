"""What anyone may ask: true to the validator, to SMART and to the template's routes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.domain.authorization import CONTEXT_WORDS
from dmp.domain.scopes import granted
from dmp.fhir import capability
from dmp.fhir.advice import examine
from dmp.fhir.published import published
from dmp.fhir.routes import BEHIND_TOKEN, PUBLIC, Route
from dmp.fhir.validator import validate
from infra.template import ROOT, load, of_type
from tests import oauth
from tests.stack import Context, Stack, stack


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture(scope="module")
def app(deployed: Stack) -> Any:
    return deployed.app("public", "Public")


def ask(app: Any, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    response = app.handler(oauth.event(f"public/{name}"), Context())
    assert response["statusCode"] == 200
    return json.loads(response["body"]), response["headers"] | response.get("multiValueHeaders", {})


def test_the_capability_statement_is_valid(app: Any) -> None:
    statement, headers = ask(app, "metadata")

    assert validate(statement) == []
    assert "application/fhir+json" in str(headers)
    assert statement["implementation"]["url"] == f"{oauth.BASE}/fhir"
    assert statement["fhirVersion"] == "4.0.1"


def test_each_type_tells_its_interactions_and_parameters(app: Any) -> None:
    (rest,) = ask(app, "metadata")[0]["rest"]
    types = {r["type"]: r for r in rest["resource"]}

    def told(name: str) -> set[str]:
        return {i["code"] for i in types[name]["interaction"]}

    assert told("AuditEvent") == {"read", "search-type"}
    assert told("Patient") == {"read", "vread", "history-instance", "history-type", "search-type"}
    assert told("Observation") == told("Patient") | {"create", "update", "patch", "delete"}
    assert told("Consent") == told("Observation") - {"history-type", "patch"}
    assert "code" in {p["name"] for p in types["Observation"]["searchParam"]}
    assert "code-value-quantity" in {p["name"] for p in types["Observation"]["searchParam"]}
    assert "near" in {p["name"] for p in types["Location"]["searchParam"]}
    assert {"*", "Observation:encounter"} <= set(types["Observation"]["searchInclude"])
    assert "Provenance:target" in types["Observation"]["searchRevInclude"]
    operations = {name: [o["name"] for o in types[name].get("operation", ())] for name in types}
    assert operations["Patient"] == ["validate", "everything", "meta"]
    assert operations["Observation"] == ["validate", "lastn", "meta"]
    assert operations["Condition"] == ["validate", "meta"]
    assert "meta" not in operations["Consent"]
    assert types["StructureDefinition"]["interaction"] == [
        {"code": "read"},
        {"code": "search-type"},
    ]
    assert types["MedicationRequest"]["supportedProfile"][0].endswith("/ma-prescription")
    assert "Group" not in types
    assert capability.interactions_of("Group") == ()


def test_the_smart_configuration_tells_what_smart_requires(app: Any) -> None:
    told, _ = ask(app, "smart_configuration")

    assert told["token_endpoint"] == oauth.TOKEN_URL
    assert "plain" not in told["code_challenge_methods_supported"]
    assert "client-confidential-asymmetric" in told["capabilities"]
    assert told["code_challenge_methods_supported"] == ["S256"]
    assert "launch-standalone" in told["capabilities"]


def test_discovery_tells_the_endpoints_that_are_served_and_no_other(app: Any) -> None:
    told, _ = ask(app, "smart_configuration")
    openid, _ = ask(app, "openid_configuration")
    metadata, _ = ask(app, "metadata")
    uris = metadata["rest"][0]["security"]["extension"][0]["extension"]
    paths = {path for _, path in routes()}
    endpoints = {v for k, v in told.items() if k.endswith(("_endpoint", "_uri"))}

    assert {e.removeprefix(oauth.BASE) for e in endpoints} <= paths
    assert openid["issuer"] == told["issuer"] == oauth.BASE
    assert "/.well-known/openid-configuration" in paths  # under the issuer
    for name in ("authorization", "token", "introspection", "revocation"):
        assert openid[f"{name}_endpoint"] == told[f"{name}_endpoint"]
    assert {u["valueUri"] for u in uris} <= endpoints


def test_discovery_tells_the_grants_and_scopes_that_are_given(app: Any, deployed: Stack) -> None:
    told, _ = ask(app, "smart_configuration")
    tokens = deployed.app("tokens", "Tokens")

    def error(grant: str) -> str:
        sent = oauth.event("tokens/refresh", grant_type=grant)
        return str(oauth.answered(tokens.handler, sent)[1]["error"])

    others = ("password", "implicit", "urn:ietf:params:oauth:grant-type:device_code")
    needing = {error(grant) for grant in told["grant_types_supported"]}
    assert needing <= {"invalid_request", "invalid_client"}
    assert {error(grant) for grant in others} == {"unsupported_grant_type"}
    for scope in told["scopes_supported"]:
        assert scope in CONTEXT_WORDS or granted(scope, scope) == (scope,)


# For people, not for generators of clients.
PAGES = {
    ("get", "/docs"),
    ("get", "/docs/{file}"),
    ("get", "/oauth2/authorize"),
    ("get", "/oauth2/enrolment"),
    ("post", "/oauth2/authorize"),
    ("get", "/account"),
    ("get", "/account/policy"),
    ("get", "/account/sign-in"),
    ("post", "/account/sign-in"),
    ("post", "/account/sign-out"),
    ("get", "/account/journal"),
    ("get", "/account/journal/{id}"),
    ("post", "/account/journal/{id}"),
    ("get", "/account/journal/{id}/{part}"),
    ("get", "/account/export"),
    ("post", "/account/export"),
    ("get", "/account/people"),
    ("post", "/account/people"),
    ("get", "/account/security"),
    ("post", "/account/security"),
    ("get", "/account/preferences"),
    ("post", "/account/preferences"),
}


def routes() -> set[tuple[str, str]]:
    """Every route of the template."""
    found = set()
    for resource in of_type(load(), "AWS::Serverless::Function").values():
        for event in resource["Properties"].get("Events", {}).values():
            if event["Type"] == "Api":
                found.add((event["Properties"]["Method"].lower(), event["Properties"]["Path"]))
    return found


def refusing(made: Stack) -> set[tuple[str, str]]:
    """Routes that only refuse, as the functions register them."""
    found: set[tuple[str, str]] = set()
    for folder, resource in (
        ("record_writes", "RecordWrites"),
        ("consent_changes", "ConsentChanges"),
        ("journal", "Journal"),
        ("public", "Public"),
    ):
        for path, methods in made.app(folder, resource).api.app.routes.items():
            for method, route in methods.items():
                view = route.view_function.__closure__[-1].cell_contents
                if "refuse" in view.__qualname__:
                    found.add((method.lower(), path))
    return found


def test_openapi_has_every_route_that_is_served_and_no_other(app: Any, deployed: Stack) -> None:
    told, _ = ask(app, "openapi")
    listed = {(m, p) for p, item in told["paths"].items() for m in item if m != "parameters"}
    every: list[Route] = [*PUBLIC, *BEHIND_TOKEN]

    assert listed == {(route.method, route.path) for route in every}
    assert {(r.method, r.template) for r in every} == routes() - refusing(deployed) - PAGES
    ids = [o["operationId"] for item in told["paths"].values() for m, o in item.items()
           if m != "parameters"]  # fmt: skip
    assert len(ids) == len(set(ids))


def test_openapi_says_where_a_token_is_needed() -> None:
    secured = {
        (event["Properties"]["Method"].lower(), event["Properties"]["Path"])
        for resource in of_type(load(), "AWS::Serverless::Function").values()
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] == "Api" and event["Properties"].get("Auth") != {"Authorizer": "NONE"}
    }

    assert {(r.method, r.template) for r in BEHIND_TOKEN} <= secured
    assert not {(r.method, r.template) for r in PUBLIC} & secured


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert project["version"] == capability.VERSION


def definition(app: Any, path: str, **query: str) -> tuple[int, Any]:
    """`StructureDefinition/x` as anyone may ask for it, without a token."""
    kind, _, name = path.partition("/")
    event = oauth.event("public/metadata")
    route = f"/fhir/{kind}" + ("/{id}" if name else "")
    event["resource"] = event["requestContext"]["resourcePath"] = route
    event["pathParameters"] = {"id": name} if name else None
    event["multiValueQueryStringParameters"] = {k: [v] for k, v in query.items()} or None
    response = app.handler(event, Context())
    return response["statusCode"], json.loads(response["body"])


def test_our_definitions_are_valid_and_found(app: Any) -> None:
    for kind, held in published().items():
        status, found = definition(app, kind)
        assert (status, found["total"]) == (200, len(held))
        assert validate(found) == []
        for entry in found["entry"]:
            one = entry["resource"]
            assert definition(app, f"{kind}/{one['id']}") == (200, one)
            assert definition(app, kind, url=one["url"])[1]["total"] == 1
            assert [i.text for i in examine(one) if "dom-6" not in i.text] == []
    assert definition(app, "StructureDefinition", type="Identifier")[1]["total"] == 5
    assert definition(app, "ValueSet", status="draft")[1]["total"] == 0


def test_what_is_not_published_is_told(app: Any) -> None:
    assert definition(app, "ValueSet/observation-status")[0] == 404
    status, told = definition(app, "ValueSet", name="x")
    assert status == 400
    assert "url" in told["issue"][0]["details"]["text"]


def test_profiles_slice_by_numberings_that_are_published() -> None:
    definitions = published()["StructureDefinition"]
    urls = {d["url"] for d in definitions.values()}
    used = {
        profile
        for d in definitions.values()
        for element in d["differential"]["element"]
        for kind in element.get("type", ())
        for profile in kind.get("profile", ())
    }
    assert used <= urls
    assert len(used) == 5
