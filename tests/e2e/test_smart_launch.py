"""A patient lets an app in over the deployed pages; the app reads, refreshes, and is ended."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from infra.local.visitors import Sandbox
from tests.e2e import node
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.94"
CALLBACK = "http://127.0.0.1:53682/callback"
SCOPE = "patient/Patient.r patient/Observation.rs?category=laboratory launch/patient openid fhirUser offline_access"  # noqa: E501


class App:
    """The sandbox's public app, and a browser without JavaScript in a patient's hands."""

    def __init__(self, place: Place) -> None:
        self.home: Home = place.home("ar")
        self.place = place
        self.sandbox: Sandbox = place.sandbox(ADDRESS)
        self.told = self.send("GET", f"{place.base}/.well-known/smart-configuration").json()
        self.registered = place.described["apps"]["smart_app"]
        self.verifier = secrets.token_urlsafe(48)
        self.state = secrets.token_urlsafe(16)
        self.browser = httpx.Client(
            timeout=60, follow_redirects=True, headers={"X-Forwarded-For": ADDRESS}
        )

    def send(self, method: str, url: str, token: str | None = None, **sent: Any) -> httpx.Response:
        return self.sandbox.send(method, url, token, **sent)

    def token(self, **form: str) -> httpx.Response:
        form = {"client_id": self.registered["client_id"], **form}
        return self.send("POST", self.told["token_endpoint"], data=form)

    def let_in(self) -> dict[str, Any]:
        """The tokens, after the person has said who they are, the code, and yes."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        query = {
            "response_type": "code", "client_id": self.registered["client_id"], "scope": SCOPE,
            "redirect_uri": CALLBACK, "state": self.state, "aud": self.place.base,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }  # fmt: skip
        told = self.answered(f"{self.told['authorization_endpoint']}?{urlencode(query)}")
        assert (told["state"], told["iss"]) == ([self.state], [self.told["issuer"]])
        form = {"grant_type": "authorization_code", "code": told["code"][0]}
        form |= {"redirect_uri": CALLBACK, "code_verifier": self.verifier}
        given = self.token(**form)
        assert given.status_code == 200, given.text
        answered: dict[str, Any] = given.json()
        return answered

    def answered(self, way: str) -> dict[str, list[str]]:
        """What the app is told once the person came by its link, signed in and said yes."""
        self.browser.follow_redirects = True
        page = self.browser.get(way)
        address = str(self.home.known["phone"])
        before = len(self.sandbox.messages(address))
        if 'name="who"' in page.text:  # else the browser is signed in from before
            page = self.filled(page, who=str(self.home.known["cin"]))
            page = self.filled(page, code=self.sandbox.wait_code(address, before))
        self.browser.follow_redirects = False
        answer = self.filled(page, action="allow")
        assert answer.status_code in (302, 303), answer.text
        return parse_qs(urlsplit(answer.headers["Location"]).query)

    def filled(self, page: httpx.Response, **typed: str) -> httpx.Response:
        """Send the form that has what is typed, as a browser would."""
        assert page.status_code == 200, page.text
        forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
        wanted = [f for f in forms if all(f'name="{name}"' in f for name in typed)]
        assert wanted, page.text
        inputs = re.findall(r"<input[^>]*>", wanted[0])
        pairs = [(_of(one, "name"), _of(one, "value")) for one in inputs]
        held = [(name, value) for name, value in pairs if name and name not in typed]
        action = unescape(re.findall(r'action="([^"]*)"', wanted[0])[0])
        fields: dict[str, list[str]] = {}
        for name, value in [*held, *typed.items()]:
            fields.setdefault(name, []).append(value)
        url = str(page.url.join(action))
        origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
        return self.browser.post(url, data=fields, headers={"Origin": origin})


def _of(text: str, name: str) -> str:
    found = re.search(rf'\s{name}="([^"]*)"', text)
    return unescape(found[1]) if found else ""


@pytest.fixture(scope="module")
def app(place: Place) -> Iterator[App]:
    made = App(place)
    yield made
    made.browser.close()


def test_a_patient_lets_an_app_in_and_it_is_out_once_revoked(app: App) -> None:
    answer = app.let_in()
    patient = f"{app.place.base}/Patient/{app.home.id}"
    observations = f"{app.place.base}/Observation?patient={app.home.id}"

    assert answer["patient"] == app.home.id
    assert set(answer["scope"].split()) == set(SCOPE.split())
    assert app.sandbox.wait_text(str(app.home.known["phone"]), "سُمح للتطبيق")
    assert app.send("GET", patient, answer["access_token"]).status_code == 200
    assert app.send("GET", observations, answer["access_token"]).status_code == 200
    everything = app.send("GET", f"{app.place.base}/Condition?patient={app.home.id}",
                          answer["access_token"])  # fmt: skip
    assert everything.status_code == 403

    renewed = app.token(grant_type="refresh_token", refresh_token=answer["refresh_token"]).json()
    assert app.send("GET", patient, renewed["access_token"]).status_code == 200
    form = {"token": renewed["refresh_token"], "client_id": app.registered["client_id"]}
    assert app.send("POST", app.told["revocation_endpoint"], data=form).status_code == 200

    assert app.send("GET", patient, renewed["access_token"]).status_code == 401
    refused = app.token(grant_type="refresh_token", refresh_token=renewed["refresh_token"])
    assert refused.status_code == 400


def test_the_smart_js_client_launches_reads_and_refreshes(app: App) -> None:
    asked = {"base": app.place.base, "client": app.registered["client_id"], "back": CALLBACK}
    begun = node.run("smart_launch.mjs", {**asked, "scope": SCOPE})
    told = urlencode({name: values[0] for name, values in app.answered(begun["way"]).items()})

    seen = node.run("smart_launch.mjs", {"url": f"{CALLBACK}?{told}", "kept": begun["kept"]})

    assert seen["patient"] == seen["read"] == seen["again"] == app.home.id
    assert seen["user"] == f"Patient/{app.home.id}"
    assert isinstance(seen["total"], int)
    assert (seen["renewed"], seen["rotated"]) == (True, True)


def test_a_patients_list_of_apps_has_the_rights_it_needs(app: App, place: Place) -> None:
    token = place.home("fr").token  # who signed in on the pages may not ask for another code yet

    listed = app.send("GET", app.sandbox.url("/apps"), token)
    absent = app.send("DELETE", app.sandbox.url("/apps/none"), token)
    assert (listed.status_code, listed.json()) == (200, {"apps": []})
    assert absent.status_code == 404

    _let_in(place, place.home("fr").id)
    ended = app.send("DELETE", app.sandbox.url("/apps/known"), token)
    assert ended.status_code == 204, ended.text
    assert app.send("GET", app.sandbox.url("/apps"), token).json() == {"apps": []}
    rules = [event["extension"][0]["valueCode"] for event in place.home("fr").journal()]
    assert "app-ended" in rules


def _let_in(place: Place, patient: str) -> None:
    """The rows of an app that the patient let in an hour ago."""
    given = {
        "client_id": "dmp-smart", "kind": "patient", "scopes": ["patient/*.rs"], "session": "",
        "patient": patient,
    }  # fmt: skip
    later = {"N": str(int(time.time()) + 3600)}
    row = {
        "pk": {"S": "app#known"}, "active": {"BOOL": True}, "given": {"S": json.dumps(given)},
        "family": {"S": "f"}, "refresh": {"S": "r"}, "created": {"N": "1"}, "expires": later,
        "until": later, "ttl": later,
    }  # fmt: skip
    apps = {
        "pk": {"S": f"apps#{patient}"}, "apps": {"L": [{"S": "known"}]}, "version": {"N": "1"}
    }  # fmt: skip
    for item in (row, apps):
        place.client("dynamodb").put_item(TableName=place.outputs["RegistryTable"], Item=item)


def test_an_ehr_launches_and_a_token_is_revoked(app: App) -> None:
    physician = app.place.practitioner("physician")
    token = app.place.app("clinic", ADDRESS).token(physician)
    url = app.sandbox.url("/launches")

    other = app.place.home("fr")
    launched = app.send("POST", url, token, json={"patient": other.id})
    assert launched.status_code == 201, launched.text
    assert launched.json()["iss"] == app.place.base
    assert "launch" in [event["extension"][0]["valueCode"] for event in other.journal()]
    revoked = app.send("POST", app.told["revocation_endpoint"], data={"token": token})
    assert revoked.status_code == 200

    assert app.send("POST", url, token, json={"patient": app.home.id}).status_code == 401
    patient = f"{app.place.base}/Patient/{app.home.id}"
    assert app.send("GET", patient, token).status_code == 401


def test_openid_discovery_is_under_the_issuer_and_the_base(app: App) -> None:
    for base in (app.told["issuer"], app.place.base):
        told = app.send("GET", f"{base}/.well-known/openid-configuration")
        assert told.status_code == 200, told.text
        assert told.json()["issuer"] == app.told["issuer"]
