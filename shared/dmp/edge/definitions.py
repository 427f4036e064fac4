"""The definitions that anyone may read: each type's static routes, most of which only refuse."""

from __future__ import annotations

from typing import Any

import orjson

from dmp.domain.refusals import BadParameter, NotFound
from dmp.edge.http import FORM, Answer, Api, Request
from dmp.fhir import bundle
from dmp.fhir.published import DATE, PARAMETERS, published

_KEPT = {"Cache-Control": "public, max-age=300"}
_REFUSED = "definitions are published with the software, and only read"


def serve(api: Api, base: str) -> None:
    """Register every route of the types that are published."""
    for kind in PARAMETERS:
        _serve(api, kind, f"{base}/{kind}")


def _serve(api: Api, kind: str, base: str) -> None:
    path = f"/fhir/{kind}"

    @api.route(f"{path}/_search", ["POST"], (FORM,))
    @api.route(path, ["GET"])
    def search(request: Request) -> Answer:
        found = [d for d in published()[kind].values() if _matches(d, request.query)]
        entries = [(f"{base}/{d['id']}", orjson.dumps(d), "match") for d in found]
        at = f"{DATE}T00:00:00.000Z"
        body = bundle.searchset(entries, total=len(found), links=[("self", base)], last_updated=at)
        return Answer(200, body, _KEPT)

    @api.route(f"{path}/{{id}}", ["GET"])
    def read(request: Request) -> Answer:
        found = published()[kind].get(request.parameters["id"])
        if found is None:
            raise NotFound("no such definition is published", "id")
        return Answer(200, orjson.dumps(found), {**_KEPT, "ETag": f'W/"{found["version"]}"'})

    api.refuse(path, ["POST", "PUT", "PATCH", "DELETE"], _REFUSED)
    api.refuse(f"{path}/{{id}}", ["POST", "PUT", "PATCH", "DELETE"], _REFUSED)
    api.refuse(f"{path}/{{id}}/{{operation}}", ["GET", "POST"], _REFUSED)
    for history in ("_history", "_history/{vid}"):
        api.refuse(f"{path}/{{id}}/{history}", ["GET"], _REFUSED)


def _matches(definition: dict[str, Any], query: list[tuple[str, str]]) -> bool:
    served = PARAMETERS[definition["resourceType"]]
    for name, value in query:
        if name not in served:
            raise BadParameter(f"served are {', '.join(served)}", "parameter")
        if definition[name.removeprefix("_")] not in value.split(","):
            return False
    return True
