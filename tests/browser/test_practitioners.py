"""Practitioners in a real browser: a passkey by a code, the app of their EHR, all of its launch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import Sandbox
from tests.browser.conftest import Opened
from tests.browser.devices import device
from tests.browser.walk import ALLOW, App, Walk, walk
from tests.e2e.place import Home, Place

ADDRESS = {name: f"203.0.113.{160 + i}" for i, name in enumerate(LANGUAGES)}
PASSKEY = "main form:has([name=proof]) button"
ENROL = "main form[data-enrolment] button"
SCOPES = "launch openid fhirUser patient/Observation.rs online_access"


def enrol(at: Walk, code: str) -> None:
    """On the page for a new passkey."""
    at.page.fill("#enrolment", code)
    at.page.fill("#name", "Clé bleue")
    at.page.click(ENROL)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_a_practitioners_pages_is_for_everybody(
    opened: Opened, sandbox: Sandbox, back: App, place: Place, language: str
) -> None:
    at = walk(opened(address=ADDRESS[language]), sandbox, back, language)
    nurse, key = place.practitioner("nurse"), device(at.page)
    at.page.goto(f"{at.base}/oauth2/enrolment?lang={language}")
    at.checked("20-enrolment")
    enrol(at, "not a code")
    at.page.wait_for_selector("[data-said=gone]:visible")
    at.checked("21-enrolment-gone")
    enrol(at, place.enrolment(nurse))
    at.page.wait_for_selector("[data-done]:visible")
    at.checked("22-enrolled")

    at.come(client_id="sandbox-smart-app", scope="user/Condition.rs openid")
    at.checked("23-practitioner")
    key.verifies(user=False)
    at.page.click(PASSKEY)
    at.page.wait_for_selector("[data-said=cancelled]:visible")
    at.checked("24-passkey-cancelled")
    key.verifies(user=True)
    at.page.click(PASSKEY)
    at.page.wait_for_selector(ALLOW)
    at.checked("25-practitioner-consent")
    at.page.click(ALLOW)
    at.page.wait_for_url("**/callback?*")
    assert back.told[-1].keys() == {"code", "state", "iss"}

    launch = launched(place, place.home("fr").id)  # by the physician: it is not the nurse's
    at.come(client_id="sandbox-smart-app", scope=SCOPES, launch=launch)
    at.checked("26-another-practitioner")
    at.come(
        client_id="sandbox-smart-app",
        scope="user/Condition.rs patient/Observation.rs launch/patient",
    )
    at.page.fill("#patient", "nobody")
    at.page.click(ALLOW)
    at.checked("27-practitioner-no-patient")
    at.only_ours()


def test_without_a_script_the_pages_say_that_a_passkey_needs_one(
    opened: Opened, sandbox: Sandbox, back: App
) -> None:
    at = walk(opened(scripts=False, address="203.0.113.170"), sandbox, back, "fr")
    at.page.goto(f"{at.base}/oauth2/enrolment?lang=fr")
    assert "sans JavaScript" in at.page.inner_text("main")
    assert not at.page.locator(ENROL).is_visible()
    at.come(client_id="sandbox-smart-app", scope="user/Condition.rs openid")
    assert "JavaScript" in at.page.inner_text("main")
    assert not at.page.locator(PASSKEY).is_visible()
    at.page.click("main form:has([value=refuse]) button")
    at.page.wait_for_url("**/callback?*")
    assert back.told[-1]["error"] == "access_denied"


def launched(place: Place, patient: str, **more: str) -> str:
    """By the EHR of the clinic, for its physician."""
    token = place.app("clinic", "203.0.113.171").token(place.practitioner("physician"))
    sandbox = place.sandbox("203.0.113.171")
    body = {"patient": patient, **more}
    answered = sandbox.send("POST", sandbox.url("/launches"), token, json=body)
    assert answered.status_code == 201, answered.text
    return str(answered.json()["launch"])


@contextmanager
def without_role(place: Place, practitioner: Mapping[str, Any]) -> Iterator[None]:
    """The practitioner's role ended, for as long as it takes."""
    key = {"pk": {"S": f"role#{practitioner['inpe']}#{practitioner['organization']}"}}
    registry, dynamodb = place.outputs["RegistryTable"], place.client("dynamodb")
    before = dynamodb.get_item(TableName=registry, Key=key)["Item"]
    dynamodb.put_item(TableName=registry, Item={**before, "active": {"BOOL": False}})
    try:
        yield
    finally:
        dynamodb.put_item(TableName=registry, Item=before)


def encounter_and_glucose(place: Place, home: Home) -> str:
    """What the clinic wrote of the stay; the encounter's id."""
    token = place.app("clinic", "203.0.113.171").token(place.practitioner("physician"))
    sandbox, subject = home.sandbox, {"reference": f"Patient/{home.id}"}
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    encounter = {
        "resourceType": "Encounter", "status": "in-progress", "subject": subject,
        "class": {"system": act, "code": "AMB"},
    }  # fmt: skip
    glucose = {
        "resourceType": "Observation", "status": "final", "subject": subject,
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
        "valueQuantity": {"value": 5.4, "unit": "mmol/L"},
    }  # fmt: skip
    made = sandbox.send("POST", f"{place.base}/Encounter", token, json=encounter)
    assert made.status_code == 201, made.text
    assert sandbox.send("POST", f"{place.base}/Observation", token, json=glucose).status_code == 201
    return str(made.json()["id"])


def test_an_ehr_launches_an_app_and_it_ends_with_the_practitioners_role(
    opened: Opened, sandbox: Sandbox, back: App, place: Place, people: Callable[[], Home]
) -> None:
    home, physician = people(), place.practitioner("physician")
    home.grant(physician)
    encounter = encounter_and_glucose(place, home)
    at = walk(opened(address="203.0.113.172"), sandbox, back, "fr")
    device(at.page)
    at.page.goto(f"{at.base}/oauth2/enrolment?lang=fr")
    enrol(at, place.enrolment(physician))
    at.page.wait_for_selector("[data-done]:visible")

    launch = launched(place, home.id, encounter=encounter)
    asked = {"client_id": "sandbox-smart-app", "scope": SCOPES, "launch": launch}
    at.come(**asked)
    at.page.click(PASSKEY)
    at.page.click(ALLOW)
    at.page.wait_for_url("**/callback?*")
    tokens = at.exchange(back.told[-1]["code"], "sandbox-smart-app").json()
    assert (tokens["patient"], tokens["encounter"]) == (home.id, encounter)
    assert set(tokens["scope"].split()) == set(SCOPES.split())

    def read(token: str) -> httpx.Response:
        url = f"{place.base}/Observation?patient={home.id}"
        return sandbox.send("GET", url, token)

    def renew(token: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        form["client_id"] = "sandbox-smart-app"
        return sandbox.send("POST", str(sandbox.described["token_url"]), data=form)

    assert read(tokens["access_token"]).json()["total"] == 1
    other = f"{place.base}/Observation?patient={place.home('fr').id}"
    assert sandbox.send("GET", other, tokens["access_token"]).status_code == 404
    renewed = renew(tokens["refresh_token"]).json()
    assert (renewed["patient"], renewed["encounter"]) == (home.id, encounter)
    assert read(renewed["access_token"]).status_code == 200
    names = [who["who"].get("display", "") for entry in home.journal() for who in entry["agent"]]
    assert physician["name"] in names

    with without_role(place, physician):
        assert read(renewed["access_token"]).status_code == 401
        assert renew(renewed["refresh_token"]).status_code == 400
    again = at.come(**asked)
    assert again.status == 200  # a launch is good once: the app is told
    assert back.told[-1]["error"] == "invalid_request"
