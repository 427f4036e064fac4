"""What every HTTP function does alike: media types, methods, limits, unknown errors."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from dmp.domain.refusals import TooMany
from dmp.edge.http import BODY_BYTES_MAX, FHIR_JSON, FORM, JSON, Answer, Api, Request
from dmp.edge.logs import logger
from tests.clinic import Clinic
from tests.stack import Context
from tests.world import World, event_of, observation

CANARY = "kanarienvogel-7f3a"
api = Api("test")


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the function logs."""
    stream = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return stream


@api.route("/fhir/{type}", ["GET", "POST"], (FHIR_JSON, JSON))
def fhir(request: Request) -> Answer:
    seen = {"query": request.query, "body": request.body.decode(), "path": request.path}
    return Answer(200, json.dumps(seen).encode())


@api.route("/fhir/{type}/_search", ["POST"], (FORM,))
def by_form(request: Request) -> Answer:
    return fhir(request)


@api.route("/boom", ["GET"])
def boom(_: Request) -> Answer:
    raise RuntimeError(CANARY)


@api.route("/page", ["GET"])
def page(_: Request) -> Answer:
    return Answer(200, b"<p>", {}, "text/html; charset=utf-8")


@api.route("/fhir/boom", ["GET"])
def fhir_boom(_: Request) -> Answer:
    raise RuntimeError(CANARY)


@api.route("/oauth2/boom", ["GET"])
def oauth_boom(_: Request) -> Answer:
    raise RuntimeError(CANARY)


@api.route("/busy", ["GET"])
def busy(_: Request) -> Answer:
    raise TooMany("too often", 17)


api.refuse("/fhir/{type}/{id}", ["PATCH"], "not this way")


def sent(
    method: str = "GET", route: str = "/fhir/{type}", query: str = "", body: str | None = None,
    **headers: str,
) -> dict[str, Any]:  # fmt: skip
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    event = event_of(method, route, {"type": "Observation", "id": "x"}, query, named, body)
    answered: dict[str, Any] = api.handler(event, Context())
    return answered


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", "application/*", JSON, FHIR_JSON, "application/json+fhir", "text/html, */*;q=0.1",
     "application/fhir+json; fhirVersion=4.0"],
)  # fmt: skip
def test_json_is_served_to_whoever_takes_it(accept: str) -> None:
    answered = sent(Accept=accept)

    assert answered["statusCode"] == 200
    assert answered["headers"]["Content-Type"] == FHIR_JSON
    assert answered["headers"]["Cache-Control"] == "no-store"
    assert answered["headers"]["X-Request-Id"] == "test-request"


@pytest.mark.parametrize("accept", ["application/fhir+xml", "text/html", "text/turtle, text/html"])
def test_nothing_else_is_served(accept: str) -> None:
    answered = sent(Accept=accept)

    assert answered["statusCode"] == 406
    assert json.loads(answered["body"])["issue"][0]["code"] == "not-supported"


@pytest.mark.parametrize(
    ("wanted", "status"),
    [("json", 200), ("application/fhir%2Bjson", 200), ("xml", 406), ("ttl", 406), ("", 406)],
)
def test_a_format_in_the_query_counts_too(wanted: str, status: int) -> None:
    answered = sent(query=f"_format={wanted}&_pretty=true&a=1&a=2")

    assert answered["statusCode"] == status
    if status == 200:
        assert json.loads(answered["body"])["query"] == [["a", "1"], ["a", "2"]]


@pytest.mark.parametrize(
    ("media_type", "status"),
    [(FHIR_JSON, 200), (JSON, 200), (f"{JSON}; charset=utf-8", 200), ("APPLICATION/JSON", 200),
     ("text/plain", 415), ("application/fhir+xml", 415), (FORM, 415), ("", 415)],
)  # fmt: skip
def test_a_route_reads_its_media_types_alone(media_type: str, status: int) -> None:
    answered = sent("POST", body="{}", Content_Type=media_type)

    assert answered["statusCode"] == status
    if status == 415:
        assert json.loads(answered["body"])["resourceType"] == "OperationOutcome"


def test_a_form_adds_its_fields_to_the_query() -> None:
    route = "/fhir/{type}/_search"
    answered = sent("POST", route, "a=1", "b=x%20y&c=", Content_Type=FORM)

    assert json.loads(answered["body"])["query"] == [["a", "1"], ["b", "x y"], ["c", ""]]


@pytest.mark.parametrize(("size", "status"), [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)])
def test_a_body_has_its_limit_in_bytes(size: int, status: int) -> None:
    text = "é" * (size // 2) + "e" * (size % 2)

    assert sent("POST", body=text, Content_Type=JSON)["statusCode"] == status


def test_a_body_may_come_in_base64() -> None:
    event = event_of("POST", "/fhir/{type}", {"type": "x"}, "", {"content-type": JSON}, "")
    event |= {"body": base64.b64encode("é".encode()).decode(), "isBase64Encoded": True}

    assert json.loads(api.handler(event, Context())["body"])["body"] == "é"


def test_a_refused_method_is_405() -> None:
    answered = sent("PATCH", "/fhir/{type}/{id}", body="x", Content_Type="text/anything")

    assert answered["statusCode"] == 405
    assert answered["headers"]["Allow"] == "DELETE, GET, PATCH, POST, PUT"
    issue = json.loads(answered["body"])["issue"][0]
    assert (issue["details"]["coding"][0]["code"], issue["details"]["text"]) == (
        "method-not-allowed", "not this way",
    )  # fmt: skip


def test_too_many_says_when_to_come_again() -> None:
    answered = sent(route="/busy")

    assert (answered["statusCode"], answered["headers"]["Retry-After"]) == (429, "17")
    assert answered["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answered["body"])["code"] == "too-many"


@pytest.mark.parametrize(
    ("route", "media_type"),
    [("/fhir/boom", FHIR_JSON), ("/oauth2/boom", JSON), ("/boom", "application/problem+json")],
)
def test_an_unknown_error_says_nothing_of_itself(
    route: str, media_type: str, logged: io.StringIO
) -> None:
    answered = sent(route=route)

    assert answered["statusCode"] == 500
    assert answered["headers"]["Content-Type"] == media_type
    assert CANARY not in json.dumps(answered)
    assert CANARY not in logged.getvalue()
    assert "RuntimeError" in logged.getvalue()
    assert "test_http.py" in logged.getvalue()


@pytest.mark.parametrize(
    ("request_", "allowed"),
    [
        ("PUT /fhir/AuditEvent/{id}.0123456789abcdef", "GET"),
        ("POST /fhir/AuditEvent", "GET"),
        ("DELETE /fhir/AuditEvent/{id}.0123456789abcdef", "GET"),
        ("GET /fhir/AuditEvent/{id}.0123456789abcdef/_history", ""),
        ("PATCH /fhir/Consent/{id}.x-1", "DELETE, GET, POST, PUT"),
        ("DELETE /fhir/Consent", "GET, POST"),
        ("POST /fhir/Observation/$nothing", "DELETE, GET, PATCH, POST, PUT"),
    ],
)
def test_what_is_not_done_is_refused_by_name(world: World, request_: str, allowed: str) -> None:
    made = Clinic(world, granted=False)
    method = request_.partition(" ")[0]
    body = None if method in ("DELETE", "GET") else {"resourceType": "AuditEvent"}

    reply = world.call(request_.replace("{id}", made.id), made.patient, body)

    assert (reply.status, reply.headers["Allow"]) == (405, allowed)
    assert reply.json["resourceType"] == "OperationOutcome"


def test_no_value_of_a_record_is_logged(
    world: World, logged: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Clinic(world)
    made.observe(note=[{"text": CANARY}])
    world.call(f"GET /fhir/Observation?patient={made.id}&code={CANARY}", made.doctor)
    world.call("POST /fhir/Observation", made.doctor, {**observation(made.id), "status": CANARY})

    metrics = capsys.readouterr().out
    assert "Requests" in metrics
    assert CANARY not in logged.getvalue() + metrics
    assert made.id not in logged.getvalue() + metrics


@pytest.mark.parametrize("route", ["/fhir/{type}", "/fhir/boom", "/oauth2/boom", "/busy"])
def test_programs_in_pages_of_any_origin_read_answers_without_credentials(route: str) -> None:
    headers = sent(route=route)["headers"]

    assert headers["Access-Control-Allow-Origin"] == "*"
    assert {"ETag", "Location", "Content-Location", "Last-Modified"} <= set(
        headers["Access-Control-Expose-Headers"].split(",")
    )
    assert "Access-Control-Allow-Credentials" not in headers


def test_a_page_for_people_is_read_by_no_other_page() -> None:
    assert "Access-Control-Allow-Origin" not in sent(route="/page")["headers"]
