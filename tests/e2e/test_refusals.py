"""Bad input at the deployed API: each is refused for what it is, and nothing of it stays."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from infra.local.visitors import FHIR, Sandbox
from tests.e2e.place import Home, Place
from tests.e2e.refused import refused
from tests.world import observation

ADDRESS = "203.0.113.41"
MISSING = "00000000000000000000"
A_COMMIT = "0000000000000000"


@dataclass
class Desk:
    """The clinic's physician, whom one patient lets in."""

    sandbox: Sandbox
    home: Home
    token: str

    @property
    def base(self) -> str:
        """The FHIR base."""
        return str(self.sandbox.described["fhir_base"])

    def post(self, path: str, body: Any, media_type: str = FHIR) -> httpx.Response:
        """A body, as it is when it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": media_type}
        return self.sandbox.send(
            "POST", self.base + path, self.token, content=content, headers=headers
        )

    def get(self, path: str, **sent: Any) -> httpx.Response:
        """A read or search."""
        return self.sandbox.send("GET", self.base + path, self.token, **sent)

    def count(self) -> int:
        """How many observations the record holds."""
        found = self.get(f"/Observation?patient={self.home.id}&_summary=count")
        assert found.status_code == 200, found.text
        return int(found.json()["total"])


@pytest.fixture(scope="module")
def desk(place: Place) -> Desk:
    home, physician = place.home("fr"), place.practitioner("physician")
    home.grant(physician)
    app = place.app("clinic", ADDRESS)
    return Desk(app.sandbox, home, app.token(physician))


def changed(patient: str, **changes: Any) -> dict[str, Any]:
    return {**observation(patient), **changes}


def nested(levels: int) -> bytes:
    """An Observation of that many levels, an odd number."""
    pairs = levels // 2
    inner = b'{"url":"urn:x","extension":[' * (pairs - 1)
    return b'{"resourceType":"Observation","extension":[' + inner + b"{}" + b"]}" * pairs


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"resourceType": "Observation",', 400, "not-json"),
        (b'{"resourceType": "Observation", "status": "final", "status": "final"}', 400, "not-json"),
        (b'{"resourceType": "Observation", "valueInteger": NaN}', 400, "not-json"),
        (b'{"resourceType": "Observation", "id": "\\ud800"}', 400, "not-json"),
        (b"[]", 400, "not-json"),
        (b"", 400, "not-json"),
        (nested(33), 400, "not-json"),
        (b'{"a":"' + b"x" * (5 * 1024 * 1024) + b'"}', 413, "too-large"),
    ],
    ids=["cut", "twice", "nan", "surrogate", "list", "empty", "deep", "5-MiB"],
)
def test_what_is_no_json_object_is_refused(desk: Desk, body: bytes, status: int, code: str) -> None:
    refused(desk.post("/Observation", body), status, code)


@pytest.mark.parametrize("media_type", ["text/xml", "application/fhir+xml", "text/plain", ""])
def test_other_media_types_are_refused(desk: Desk, media_type: str) -> None:
    body = observation(desk.home.id)

    refused(desk.post("/Observation", body, media_type), 415, "unsupported-media-type")
    xml = desk.get(f"/Patient/{desk.home.id}", headers={"Accept": "application/fhir+xml"})
    refused(xml, 406, "not-acceptable")


@pytest.mark.parametrize(
    ("changes", "expression"),
    [
        ({"colour": "red"}, "Observation.colour"),
        ({"status": "finished"}, "Observation.status"),
        ({"effectiveDateTime": "2026-02-30"}, "Observation.effective"),
        ({"code": None}, "Observation.code"),
        ({"subject": {"reference": "Practitioner/1"}}, "Observation.subject"),
        ({"valueString": "two values"}, "Observation.value"),
        ({"resourceType": "Condition"}, ""),
    ],
)
def test_json_that_is_no_fhir_names_the_place_of_its_fault(
    desk: Desk, changes: dict[str, Any], expression: str
) -> None:
    issues = refused(desk.post("/Observation", changed(desk.home.id, **changes)), 422)

    assert any(place.startswith(expression) for i in issues for place in i.get("expression", []))


def test_as_many_levels_as_are_allowed_are_read(desk: Desk) -> None:
    refused(desk.post("/Observation", nested(31)), 422, "invalid")


def test_a_bundle_with_one_invalid_entry_of_many_leaves_nothing(desk: Desk) -> None:
    before = desk.count()
    entries = [
        {
            "fullUrl": f"urn:uuid:00000000-0000-4000-8000-{i:012}",
            "resource": observation(desk.home.id),
            "request": {"method": "POST", "url": "Observation"},
        }
        for i in range(200)
    ]
    entries[149]["resource"] = changed(desk.home.id, effectiveDateTime="yesterday")
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}

    [issue] = refused(desk.post("", bundle), 422)
    assert issue["expression"][0].startswith("Bundle.entry[149].resource")
    assert desk.count() == before


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/Spaceship/1", 404, "not-found"),
        ("/Spaceship?patient={patient}", 404, "not-found"),
        ("/Observation?patient={patient}&colour=red", 400, "bad-parameter"),
        ("/Observation?patient={patient}&date=yesterday", 400, "bad-parameter"),
        ("/Observation?patient={patient}&_count=many", 400, "bad-parameter"),
        ("/Observation?code=2339-0", 400, "bad-parameter"),
        ("/Observation/{patient}." + f"{A_COMMIT}.0000", 404, "not-found"),
        ("/Observation/not-an-id", 404, "not-found"),
        ("/Patient/{patient}/$nothing", 404, "not-found"),
    ],
)
def test_reads_and_searches_that_mean_nothing(
    desk: Desk, path: str, status: int, code: str
) -> None:
    refused(desk.get(path.replace("{patient}", desk.home.id)), status, code)


def test_another_patient_and_no_patient_are_refused_alike(desk: Desk, place: Place) -> None:
    other = place.stranger.id
    for path in ("/Patient/{}", "/Observation?patient={}", "/Patient/{}/$everything"):
        issues = [
            refused(desk.get(path.format(patient)), 403, "no-permit")
            for patient in (other, MISSING)
        ]
        for [issue] in issues:
            del issue["diagnostics"]
        assert issues[0] == issues[1]
    for patient in (other, MISSING):
        refused(desk.post("/Observation", observation(patient)), 403, "no-permit")


def test_a_patients_token_sees_nothing_beyond_the_own_record(desk: Desk, place: Place) -> None:
    own = place.home("fr")
    for patient in (place.stranger.id, MISSING):
        for path in (f"/Patient/{patient}", f"/Observation/{patient}.{A_COMMIT}.0000"):
            refused(desk.sandbox.send("GET", desk.base + path, own.token), 404, "not-found")


@pytest.mark.parametrize("name", ["{patient}.hsp-1", "{patient}.cln-", "cln-1", "1"])
def test_an_id_of_another_make_is_not_taken(desk: Desk, name: str) -> None:
    name = name.format(patient=desk.home.id)
    body = changed(desk.home.id, id=name)
    answered = desk.sandbox.send("PUT", f"{desk.base}/Observation/{name}", desk.token, json=body)

    [issue] = refused(answered, 422)
    assert issue["expression"] == ["Observation.id"]


def test_the_same_request_sent_again_gives_the_first_answer(desk: Desk) -> None:
    before = desk.count()
    url, key = f"{desk.base}/Observation", {"Idempotency-Key": uuid.uuid4().hex}
    body = observation(desk.home.id)
    first, again = (
        desk.sandbox.send("POST", url, desk.token, json=body, headers=key) for _ in range(2)
    )
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Location"] == first.headers["Location"]
    other = {**body, "status": "preliminary"}
    refused(desk.sandbox.send("POST", url, desk.token, json=other, headers=key), 409)
    assert desk.count() == before + 1


def test_who_was_not_first_is_told_so_and_changes_nothing(desk: Desk) -> None:
    made = desk.post("/Observation", observation(desk.home.id)).json()
    url = f"{desk.base}/Observation/{made['id']}"
    body, first = {**made, "status": "amended"}, {"If-Match": 'W/"1"'}
    changed = desk.sandbox.send("PUT", url, desk.token, json=body, headers=first)
    assert (changed.status_code, changed.headers["ETag"]) == (200, 'W/"2"')
    late = desk.sandbox.send("PUT", url, desk.token, json=made, headers=first)
    refused(late, 412, "precondition-failed")
    assert desk.get(f"/Observation/{made['id']}").json()["status"] == "amended"


def test_methods_that_are_not_served_say_so(desk: Desk) -> None:
    for method, path in (("DELETE", "/AuditEvent/1"), ("PUT", "/AuditEvent/1")):
        answered = desk.sandbox.send(method, desk.base + path, desk.token, json={})
        refused(answered, 405, "method-not-allowed")


def test_a_route_that_does_not_exist_is_told_in_fhirs_words(desk: Desk) -> None:
    for url in (f"{desk.base}/Patient/1/2/3/4", desk.sandbox.url("/nowhere")):
        refused(desk.sandbox.send("GET", url, desk.token), 404, "not-found")
        refused(desk.sandbox.send("GET", url), 404, "not-found")


def test_no_refusal_shows_what_was_sent(desk: Desk) -> None:
    secret = "Hépatite-C-chronique"
    bodies: list[Any] = [
        changed(desk.home.id, status=secret),
        changed(desk.home.id, **{secret: 1}),
        changed(desk.home.id, effectiveDateTime=secret),
        f'{{"resourceType":"Observation","{secret}'.encode(),
    ]
    for body in bodies:
        assert secret not in desk.post("/Observation", body).text
    assert secret not in desk.get(f"/Observation?patient={desk.home.id}&date={secret}").text
