"""The routes a function serves are the ones the template gives it, no more and no fewer."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dmp.edge.http import Api
from dmp.settings import Settings
from infra.template import load, of_type
from tests.stack import Stack
from tests.stack import stack as deployed

TEMPLATE = load()
FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")
Route = tuple[str, str]


def events(name: str) -> set[Route]:
    """(method, path) of each API event of a function."""
    given = FUNCTIONS[name]["Properties"].get("Events", {}).values()
    return {
        (e["Properties"]["Method"], e["Properties"]["Path"]) for e in given if e["Type"] == "Api"
    }


# Below /oauth2, and yet only with a patient's access token.
OWN = {
    "/oauth2/passkeys", "/oauth2/passkeys/registration", "/oauth2/passkeys/{id}",
    "/oauth2/passkeys/challenge", "/oauth2/passkeys/proof", "/oauth2/pin",
    "/oauth2/recovery-codes", "/oauth2/recovery-codes/proof",
}  # fmt: skip
SERVING = [name for name in FUNCTIONS if events(name)]
ROUTES: set[Route] = set().union(*map(events, SERVING))


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    """One deployment for the module: nothing is written."""
    with deployed() as made:
        yield made


@pytest.mark.parametrize("name", SERVING)
def test_a_functions_routes_are_the_templates(name: str, system: Stack) -> None:
    folder = FUNCTIONS[name]["Properties"]["CodeUri"].strip("/").rpartition("/")[2]
    module = system.app(folder, name)
    (api,) = [value for value in vars(module).values() if isinstance(value, Api)]

    assert api.routes == events(name)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_functions_settings_are_the_templates(name: str, system: Stack) -> None:
    properties = FUNCTIONS[name]["Properties"]
    folder = properties["CodeUri"].strip("/").rpartition("/")[2]
    module = system.app(folder, name)
    own = properties.get("Environment", {}).get("Variables", {})
    read = {
        field.upper()
        for value in vars(module).values()
        if isinstance(value, Settings)
        for kind in type(value).__mro__
        for field in getattr(kind, "__dataclass_fields__", {})
    }

    assert set(own) <= read, "the template sets what the function never reads"


def test_every_variable_for_all_functions_is_read_by_some() -> None:
    given = set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    read_elsewhere = {  # by Powertools and boto3; the bucket is for the journal's tiles
        "POWERTOOLS_SERVICE_NAME",
        "POWERTOOLS_METRICS_NAMESPACE",
        "LOG_LEVEL",
        "AWS_ENDPOINT_URL",
        "TILES_BUCKET",
    }
    kinds: list[type] = [Settings]
    for kind in kinds:
        kinds += kind.__subclasses__()
    fields = {f.upper() for kind in kinds for f in getattr(kind, "__dataclass_fields__", {})}

    assert given - read_elsewhere <= fields


def test_no_two_functions_serve_one_route() -> None:
    assert len(ROUTES) == sum(len(events(name)) for name in SERVING)


def test_a_level_has_one_variable_name() -> None:
    """AWS refuses a second variable sibling; the emulator takes anything."""
    names: dict[str, set[str]] = {}
    for _, path in ROUTES:
        parts = path.strip("/").split("/")
        for depth, part in enumerate(parts):
            if part.startswith("{"):
                names.setdefault("/".join(parts[:depth]), set()).add(part)

    assert {where: found for where, found in names.items() if len(found) > 1} == {}


def test_path_parts_are_ones_that_aws_takes() -> None:
    for _, path in ROUTES:
        for part in path.strip("/").split("/"):
            assert re.fullmatch(r"[a-zA-Z0-9._:-]+|\{[a-z]+\}", part), path


def test_a_static_resource_type_lists_every_interaction() -> None:
    """A static sibling takes over every method below it: what it does not list is lost."""
    variable = {(m, p.removeprefix("/fhir/{type}")) for m, p in ROUTES if "/fhir/{type}" in p}
    static = {p.split("/")[2] for _, p in ROUTES if re.match(r"/fhir/[A-Z]", p)}
    assert static == {"Consent", "AuditEvent", "StructureDefinition", "ValueSet"}
    for kind in static:
        listed = {
            (m, p.removeprefix(f"/fhir/{kind}"))
            for m, p in ROUTES
            if re.match(rf"/fhir/{kind}(/|$)", p)
        }
        assert variable - listed == set(), kind


def test_only_what_must_be_public_is() -> None:
    public = set()
    for name in SERVING:
        for event in FUNCTIONS[name]["Properties"]["Events"].values():
            properties = event["Properties"]
            if properties.get("Auth", {}).get("Authorizer") == "NONE":
                public.add(properties["Path"])
    assert not public & OWN
    public |= OWN
    auth = TEMPLATE["Resources"]["Api"]["Properties"]["Auth"]

    assert auth["DefaultAuthorizer"] == "Bearer"
    prefixes = ("/oauth2/", "/activations", "/fhir/metadata", "/fhir/.well-known/", "/openapi.json",
                "/fhir/StructureDefinition", "/fhir/ValueSet", "/journal/key", "/docs",
                "/journal/checkpoint", "/journal/consistency/", "/postman.json", "/account",
                "/.well-known/")  # fmt: skip
    assert public == {p for _, p in ROUTES if p.startswith(prefixes)}
