"""What anyone may ask: CapabilityStatement, SMART configuration, OpenAPI, its viewer, our types."""

from __future__ import annotations

from functools import cache

import orjson

from dmp.edge import definitions, viewer
from dmp.edge.http import FHIR_JSON, JSON, Answer, Api, Request
from dmp.fhir import capability, openapi, postman
from dmp.settings import Settings

settings = Settings.from_environment()
api = Api("public")
handler = api.handler
_KEPT = {"Cache-Control": "public, max-age=300"}


@cache
def _written(name: str) -> bytes:
    documents = {
        "metadata": capability.capability_statement,
        "smart": capability.smart_configuration,
        "openid": capability.openid_configuration,
        "openapi": openapi.document,
        "postman": postman.collection,
    }
    return orjson.dumps(documents[name](settings.base_url))


@api.route("/fhir/metadata", methods=["GET"])
def metadata(_: Request) -> Answer:
    """The CapabilityStatement."""
    return Answer(200, _written("metadata"), _KEPT, FHIR_JSON)


@api.route("/fhir/.well-known/smart-configuration", methods=["GET"])
def smart_configuration(_: Request) -> Answer:
    """SMART App Launch discovery."""
    return Answer(200, _written("smart"), _KEPT, JSON)


@api.route("/.well-known/openid-configuration", methods=["GET"])
@api.route("/fhir/.well-known/openid-configuration", methods=["GET"])
def openid_configuration(_: Request) -> Answer:
    """OpenID Connect discovery; clients look for it under the issuer or under the FHIR base."""
    return Answer(200, _written("openid"), _KEPT, JSON)


@api.route("/openapi.json", methods=["GET"])
def openapi_document(_: Request) -> Answer:
    """The OpenAPI document."""
    return Answer(200, _written("openapi"), _KEPT, JSON)


@api.route("/postman.json", methods=["GET"])
def postman_collection(_: Request) -> Answer:
    """The same for Postman."""
    return Answer(200, _written("postman"), _KEPT, JSON)


viewer.serve(api)
definitions.serve(api, f"{settings.base_url}/fhir")
