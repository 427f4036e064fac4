"""The officer's routes: the break-glass that waits for review, one of it, and the answer to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import orjson

from dmp.domain.refusals import BadParameter
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.edge.request_line import told_as
from dmp.fhir.json_reader import read_object
from dmp.use_cases.reviews import Asked, Reviews


def serve_reviews(api: Api, reviews: Callable[[], Reviews]) -> None:
    """`reviews` is called at the first request."""

    @api.route("/reviews", ["GET"])
    def waiting(request: Request) -> Answer:
        """What waits, oldest first."""
        return _json({"reviews": reviews().waiting(_asked(request))})

    @api.route("/reviews/{id}", ["GET"])
    def read(request: Request) -> Answer:
        """One, with who, why, and the patient's words."""
        told = reviews().read(_asked(request), request.parameters["id"])
        return _json(told, ETag=f'"{told["state"]}"')

    @api.route("/reviews/{id}", ["PUT"], (JSON,))
    def answer(request: Request) -> Answer:
        """The officer's answer to what they saw, which If-Match names."""
        seen = (request.header("if-match") or "").removeprefix("W/").strip('"')
        if not seen:
            raise BadParameter("the ETag of what was seen is needed", "If-Match")
        content = read_object(request.body)
        told = reviews().answer(_asked(request), request.parameters["id"], content, seen)
        count("BreakGlassReviewed")
        return _json(told, ETag=f'"{told["state"]}"')


def _asked(request: Request) -> Asked:
    return Asked(request.authenticated(), told_as(request), request.request_id)


def _json(content: Mapping[str, object], **headers: str) -> Answer:
    return Answer(200, orjson.dumps(content), headers, JSON)
