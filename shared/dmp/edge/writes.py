"""HTTP headers of writes to what the use cases take, and back."""

from __future__ import annotations

import base64
import binascii
from typing import Any, get_args
from urllib.parse import urlencode

from dmp.domain.refusals import BadParameter, Invalid, UnsupportedMediaType
from dmp.edge.http import Answer, Request
from dmp.edge.request_line import told_as
from dmp.fhir import json_reader, patch
from dmp.use_cases import written
from dmp.use_cases.changes import Patch
from dmp.use_cases.record_writes import Target

JSON_PATCH = "application/json-patch+json"

KEY_MAX = 128


def write_of(request: Request, returns: written.Returns = "representation") -> written.Request:
    """Who writes, how the journal tells it, and the headers that change the answer."""
    key = request.header("idempotency-key")
    if key is not None and not 0 < len(key) <= KEY_MAX:
        raise BadParameter(f"1 to {KEY_MAX} characters", "Idempotency-Key")
    told = told_as(request)
    return written.Request(
        caller=request.authenticated(),
        request=request.request_id,
        query=told,
        idempotency_key=key,
        digest=written.digest_of(request.method, told, request.body),
        returns=_preferred(request.header("prefer"), returns),
    )


def answer_of(done: written.Written) -> Answer:
    """The write's own status, headers and body."""
    return Answer(done.status, done.body, done.headers)


def target_of(request: Request) -> Target:
    """What the URL and the conditional headers say of the resource to change."""
    name = request.parameters.get("id")
    criteria = None if name or request.method == "POST" else urlencode(request.query)
    return Target(
        type=request.parameters["type"],
        id=name,
        criteria=request.header("if-none-exist") if request.method == "POST" else criteria,
        if_match=request.header("if-match"),
        if_none_match=request.header("if-none-match"),
    )


def patch_of(media_type: str, body: bytes) -> Patch:
    """JSON Patch by its media type, else FHIRPath Patch; 415 for a bare object."""
    if media_type == JSON_PATCH:
        operations = json_reader.read(body)
        return lambda resource: patch.apply_json_patch(resource, operations)
    return fhirpath_patch(json_reader.read_object(body))


def fhirpath_patch(content: dict[str, Any]) -> Patch:
    """A Parameters resource, or (in a bundle) a Binary that holds a JSON Patch."""
    if content.get("resourceType") == "Binary" and content.get("contentType") == JSON_PATCH:
        try:
            body = base64.b64decode(str(content.get("data", "")), validate=True)
        except binascii.Error:
            raise Invalid("not base64", "Binary.data") from None
        return patch_of(JSON_PATCH, body)
    if content.get("resourceType") != "Parameters":
        text = "a patch is a JSON Patch (application/json-patch+json) or FHIR Parameters"
        raise UnsupportedMediaType(f"{text}; a bare object merges nothing")
    return lambda resource: patch.apply_fhirpath_patch(resource, content)


def _preferred(prefer: str | None, default: written.Returns) -> written.Returns:
    """`Prefer: return=` minimal, representation or OperationOutcome."""
    for part in (prefer or "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        for known in get_args(written.Returns):
            if name.lower() == "return" and value.strip('"') == known:
                chosen: written.Returns = known
                return chosen
    return default
