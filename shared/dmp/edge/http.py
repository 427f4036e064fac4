"""One factory for the HTTP functions: a Chalice app whose views take a Request, give an Answer.

Media types, the body limit, request ids, every error form and the token's claims are settled here;
Powertools wraps the callable once. A view raises a Refusal or Unavailable; any other exception is
answered with a fixed text and the request id.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson
from chalice.app import Chalice, Response

from dmp.domain.caller import Caller
from dmp.domain.refusals import (
    BadParameter,
    Issue,
    MethodNotAllowed,
    NotAcceptable,
    Refusal,
    TooLarge,
    TooMany,
    Unavailable,
    UnsupportedMediaType,
)
from dmp.edge.caller import caller_of
from dmp.edge.clock import agree_with_gateway
from dmp.edge.logs import count, log_unknown, logger, metrics
from dmp.fhir import outcome, routes

FHIR_JSON = "application/fhir+json"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html"
TEXT = "text/plain"
FHIR_BODIES = (FHIR_JSON, JSON)
ANYTHING = ("*/*",)
FORM_BYTES_MAX = 16 * 1024
# Settled above, or asked for by a client though it is so anyway: fhirpy's count() sends
# _totalMethod, and every total here is exact.
_WITHOUT_EFFECT = frozenset({"_format", "_pretty", "_totalMethod"})
BODY_BYTES_MAX = 4 * 1024 * 1024
# A page of any origin may ask with the token it holds; what people see is no other page's business.
_OPEN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": (
        "ETag,Location,Content-Location,Last-Modified,Retry-After,WWW-Authenticate,X-Request-Id"
    ),
}
_UNKNOWN = "an internal error occurred; the request id tells the operator which"


@dataclass(frozen=True, slots=True)
class Request:
    """What a view may know of the request. `query` keeps order and repetition, form fields too."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller | None
    source_ip: str
    request_id: str

    def header(self, name: str) -> str | None:
        """A header's value; the name in lower case."""
        return self.headers.get(name)

    def authenticated(self) -> Caller:
        """The caller of a route behind the authorizer."""
        if self.caller is None:
            raise LookupError("the route is not behind the authorizer")
        return self.caller


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; `body` is sent as it is."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = FHIR_JSON
    cookies: tuple[str, ...] = ()


View = Callable[[Request], Answer]
Accept = Callable[[str, list[str]], None]


class Api:
    """The routes of one function. `handler` is the Lambda's; `routes` what the house tests read."""

    def __init__(self, name: str) -> None:
        self.app = Chalice(name, configure_logs=False)
        self.handler = logger.inject_lambda_context(
            metrics.log_metrics(self._call, raise_on_empty_metrics=False),
            correlation_id_path="requestContext.requestId",
            clear_state=True,
        )

    def _call(self, event: dict[str, Any], context: object) -> dict[str, Any]:
        event.setdefault("stageVariables", None)
        event.setdefault("multiValueQueryStringParameters", None)
        answered: dict[str, Any] = self.app(event, context)
        return answered

    @property
    def routes(self) -> set[tuple[str, str]]:
        """(method, path) of every route."""
        return {(method, path) for path, methods in self.app.routes.items() for method in methods}

    def route(
        self, path: str, methods: list[str], reads: tuple[str, ...] = ()
    ) -> Callable[[View], View]:
        """Register a view; `reads` are the media types of a body it accepts."""

        def register(view: View) -> View:
            def answer(**_: str) -> Response:
                return self._answer(view, reads)

            self.app.route(path, methods=methods, name=path, content_types=["*/*"])(answer)
            return view

        return register

    def refuse(self, path: str, methods: list[str], text: str) -> None:
        """Register a route that only refuses: its path belongs to the API, its use does not."""

        def view(_: Request) -> Answer:
            raise MethodNotAllowed(text)

        self.route(path, methods, ANYTHING)(view)

    def _answer(self, view: View, reads: tuple[str, ...]) -> Response:
        event: dict[str, Any] = self.app.current_request.to_original_event()
        request_id = request_id_of(event)
        count("Requests")
        try:
            agree_with_gateway(event)
            answered = view(_request(event, request_id, reads, self.accept))
        except Refusal as refusal:
            answered = self.refused(refusal, event)
            count("Refused")
        except Unavailable:
            answered = self.failed(503, event)
            count("Unavailable")
        except Exception as error:  # the one place: unknown errors become a fixed text
            log_unknown(error)
            answered = self.failed(500, event)
            count("Failed")
        headers: dict[str, str | list[str]] = {
            "Content-Type": answered.media_type,
            "Cache-Control": "no-store",
            "X-Request-Id": request_id,
            **({} if answered.media_type.startswith(HTML) else _OPEN),
            **answered.headers,
        }
        if not answered.body:
            headers.pop("Content-Type")
        if answered.cookies:
            headers["Set-Cookie"] = list(answered.cookies)
        return Response(answered.body.decode(), headers, answered.status)

    def accept(self, accept: str, formats: list[str]) -> None:
        """NotAcceptable when nothing of what the client accepts is served here."""
        _acceptable(accept, formats)

    def refused(self, refusal: Refusal, event: Mapping[str, Any]) -> Answer:
        """The answer to a refusal."""
        return refused(refusal, _path_of(event), request_id_of(event))

    def failed(self, status: int, event: Mapping[str, Any]) -> Answer:
        """The answer when a service was busy (503) or something unknown went wrong (500)."""
        return _failed(status, _path_of(event), request_id_of(event))


def request_id_of(event: Mapping[str, Any]) -> str:
    """The gateway's id of the request, as operators find it in the logs."""
    return str(event["requestContext"].get("requestId", ""))


def _path_of(event: Mapping[str, Any]) -> str:
    return str(event["requestContext"].get("resourcePath", ""))


def refused(refusal: Refusal, path: str, request_id: str) -> Answer:
    """The refusal in the error form of the path's family."""
    headers: dict[str, str] = {}
    status, _ = outcome.response_of(refusal)
    if isinstance(refusal, TooMany):
        headers["Retry-After"] = str(refusal.retry_after_s)
    if path.startswith("/oauth2"):
        status, body = outcome.oauth_error_of(refusal)
        media_type = JSON
    elif path.startswith("/fhir"):
        body, media_type = outcome.outcome_of(refusal, request_id), FHIR_JSON
    else:
        body, media_type = outcome.problem_of(refusal, request_id), "application/problem+json"
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="dmp"'
    if status == 405:
        headers["Allow"] = routes.allowed(path)
    return Answer(status, body, headers, media_type)


def _failed(status: int, path: str, request_id: str) -> Answer:
    """A failure that is nobody's refusal: same forms, fixed text."""
    busy = status == 503
    text, code = ("a service was busy; send it again", "busy") if busy else (_UNKNOWN, "internal")
    kind = "transient" if busy else "exception"
    headers = {"Retry-After": "1"} if busy else {}
    if path.startswith("/fhir"):
        issue = Issue(text, None, kind)
        return Answer(status, outcome.operation_outcome([issue], code, request_id), headers)
    if path.startswith("/oauth2"):
        error = "temporarily_unavailable" if status == 503 else "server_error"
        body = orjson.dumps({"error": error, "error_description": text})
        return Answer(status, body, headers, JSON)
    members = {"type": "about:blank", "status": status, "title": text, "code": code}
    body = orjson.dumps({**members, "request_id": request_id})
    return Answer(status, body, headers, "application/problem+json")


def _request(
    event: dict[str, Any], request_id: str, reads: tuple[str, ...], accept: Accept
) -> Request:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    context = event["requestContext"]
    body = _body(event)
    query = [
        (name, value)
        for name, values in (event.get("multiValueQueryStringParameters") or {}).items()
        for value in values
    ]
    accept(headers.get("accept", ""), [v for name, v in query if name == "_format"])
    if body:
        media_type = _media_type(headers, reads)
        if media_type == FORM and FORM in reads:
            if len(body) > FORM_BYTES_MAX:
                raise TooLarge(f"a form is at most {FORM_BYTES_MAX} bytes")
            query += parse_qsl(_text(body), keep_blank_values=True)
    return Request(
        method=event["httpMethod"],
        path=str(context.get("resourcePath", "")),
        parameters=event.get("pathParameters") or {},
        query=[(name, value) for name, value in query if name not in _WITHOUT_EFFECT],
        headers=headers,
        body=body,
        caller=caller_of(context.get("authorizer")),
        source_ip=str((context.get("identity") or {}).get("sourceIp", "")),
        request_id=request_id,
    )


def _body(event: dict[str, Any]) -> bytes:
    text = event.get("body") or ""
    body = base64.b64decode(text) if event.get("isBase64Encoded") else text.encode("utf-8")
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge(f"the body is over {BODY_BYTES_MAX} bytes")
    return body


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadParameter("the form is not UTF-8") from None


def _media_type(headers: Mapping[str, str], reads: tuple[str, ...]) -> str:
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in reads and reads != ANYTHING:
        raise UnsupportedMediaType(f"this route reads {', '.join(reads) or 'no body'}")
    return media_type


def _acceptable(accept: str, formats: list[str]) -> None:
    """JSON is all that is served; a range, JSON in any form or nothing at all accepts it."""
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",") if part.strip()]
    if wanted and not any(w in ("*/*", "application/*") or "json" in w for w in wanted):
        raise NotAcceptable("only application/fhir+json and application/json are served")
    if any("json" not in value.lower() for value in formats):
        raise NotAcceptable("_format can only be json")
