"""Pages of any origin may call the API: preflights, answers, the gateway's own refusals."""

from __future__ import annotations

import httpx
import pytest

from tests.e2e.place import Place

ADDRESS = "203.0.113.86"
PAGE = {"Origin": "https://app.example.org"}
OPEN = [
    ("GET", "/fhir/metadata"),
    ("GET", "/fhir/.well-known/smart-configuration"),
    ("POST", "/oauth2/token"),
    ("POST", "/fhir"),
    ("PUT", "/fhir/Observation/x"),
    ("PATCH", "/fhir/Observation/x"),
    ("DELETE", "/fhir/Consent/x"),
    ("GET", "/fhir/Patient/x/$everything"),
    ("PUT", "/preferences"),
]


def asked(place: Place, method: str, path: str, **headers: str) -> httpx.Response:
    sandbox = place.sandbox(ADDRESS)
    return sandbox.send(method, sandbox.url(path), headers={**PAGE, **headers})


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_a_page_may_ask_with_any_header(place: Place, method: str, path: str) -> None:
    wish = {
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,prefer,x-medplum",
    }
    answer = asked(place, "OPTIONS", path, **wish)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert method in answer.headers["Access-Control-Allow-Methods"].split(",")
    assert set(answer.headers["Access-Control-Allow-Headers"].split(",")) == {"Authorization", "*"}
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/metadata", 200),
        ("GET", "/fhir/.well-known/smart-configuration", 200),
        ("POST", "/oauth2/token", 400),
        ("GET", "/fhir/Observation", 401),
        ("GET", "/nothing", 404),
    ],
)
def test_a_page_reads_answers_and_refusals(
    place: Place, method: str, path: str, status: int
) -> None:
    answer = asked(place, method, path)

    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]


def test_a_page_reads_what_a_client_needs_of_an_answer(place: Place) -> None:
    home = place.home("fr")
    answer = asked(place, "GET", f"/fhir/Patient/{home.id}", Authorization=f"Bearer {home.token}")

    exposed = answer.headers["Access-Control-Expose-Headers"].split(",")
    assert {"ETag", "Location", "Content-Location", "Last-Modified"} <= set(exposed)
    assert answer.headers["ETag"]
