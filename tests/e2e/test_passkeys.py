"""Passkeys, PIN, recovery codes and enrolment on the deployed stack, under its own rights."""

from __future__ import annotations

from typing import Any

import pytest

from dmp.domain.directory import ADMINISTRATOR
from tests.authenticator import Authenticator
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.98"
PIN = "860413"


class Desk:
    """A patient whom nobody else's test needs, with a passkey of their own."""

    def __init__(self, place: Place) -> None:
        self.home: Home = place.newcomer("C870563", ADDRESS)
        port = place.emulator.port
        self.device = Authenticator(origin=f"http://localhost:{port}", rp_id="localhost")
        self.place = place

    def send(self, method: str, path: str, body: object = None, *, token: str | None = None) -> Any:
        """A request; the JSON of its answer, which must be good."""
        sent = {} if body is None else {"json": body}
        sandbox = self.home.sandbox
        answer = sandbox.send(method, sandbox.url(f"/oauth2/{path}"), token, **sent)
        assert answer.status_code in (200, 201, 204), f"{path}: {answer.text}"
        return answer.json() if answer.content else None

    def own(self, method: str, path: str, body: object = None) -> Any:
        """In the patient's session."""
        return self.send(method, path, body, token=self.home.token)


@pytest.fixture(scope="module")
def desk(place: Place) -> Desk:
    return Desk(place)


def test_a_patient_adds_a_passkey_signs_in_with_it_and_is_told(desk: Desk) -> None:
    begun = desk.own("POST", "passkeys/registration", {})
    answer = desk.device.create(begun["publicKey"])
    body = {"ceremony": begun["ceremony"], "credential": answer, "name": "Téléphone"}
    added = desk.own("POST", "passkeys", body)
    begun = desk.send("POST", "passkeys/assertion", {})
    answer = desk.device.get(begun["publicKey"])
    body = {"ceremony": begun["ceremony"], "credential": answer}
    session = desk.send("POST", "passkeys/sign-in", body)
    form = {"grant_type": "refresh_token", "refresh_token": session["refresh_token"]}
    sandbox = desk.home.sandbox
    tokens = sandbox.send("POST", sandbox.described["token_url"], data=form).json()

    assert session["patient"] == tokens["patient"] == desk.home.id
    shown = desk.send("GET", "passkeys", token=tokens["access_token"])
    assert (shown["strong"], [p["id"] for p in shown["passkeys"]]) == (True, [added["id"]])
    assert sandbox.wait_text(desk.home.person.phone, "تمت إضافة مفتاح دخول")
    assert sandbox.wait_text(desk.home.person.phone, "جهاز جديد")


def test_pin_and_recovery_codes_stand_in_for_it(desk: Desk) -> None:
    desk.own("PUT", "pin", {"pin": PIN})
    codes = desk.own("POST", "recovery-codes", {})["recovery_codes"]

    assert desk.own("POST", "pin", {"pin": PIN}) == {"strong_for": 300}
    used = desk.own("POST", "recovery-codes/proof", {"recovery_code": codes[0]})
    assert used["recovery_codes"] == 9
    begun = desk.own("POST", "passkeys/challenge", {})
    body = {"ceremony": begun["ceremony"], "credential": desk.device.get(begun["publicKey"])}
    assert desk.own("POST", "passkeys/proof", body) == {"strong_for": 300}
    for passkey in desk.own("GET", "passkeys")["passkeys"]:
        desk.own("PUT", f"passkeys/{passkey['id']}", {"name": "Clé"})
        desk.own("DELETE", f"passkeys/{passkey['id']}")
    desk.own("DELETE", "pin")


def test_a_wider_consent_waits_for_the_proof(desk: Desk) -> None:
    desk.own("PUT", "pin", {"pin": PIN})
    key = {"pk": {"S": f"session#{_session(desk)}"}}
    registry = desk.place.outputs["RegistryTable"]
    dynamodb = desk.place.client("dynamodb")
    dynamodb.update_item(TableName=registry, Key=key, UpdateExpression="REMOVE strong_until")

    with pytest.raises(AssertionError, match="stronger-sign-in"):
        desk.home.grant(desk.place.practitioner("physician"))

    desk.own("POST", "pin", {"pin": PIN})
    assert desk.home.grant(desk.place.practitioner("physician"))


def test_a_practitioner_is_enrolled_and_enrols(desk: Desk) -> None:
    physician = desk.place.practitioner("physician")
    people = {"practitioner": physician["inpe"], "organization": physician["organization"]}
    row = {"pk": {"S": f"role#{people['practitioner']}#{people['organization']}"}}
    registry, dynamodb = desk.place.outputs["RegistryTable"], desk.place.client("dynamodb")
    before = dynamodb.get_item(TableName=registry, Key=row)["Item"]
    dynamodb.put_item(TableName=registry, Item={**before, "role": {"S": ADMINISTRATOR}})
    try:
        device = Authenticator(origin=desk.device.origin, rp_id="localhost")
        desk.send(
            "POST", "enrolments/passkeys", _joined(desk, device, desk.place.enrolment(physician))
        )
        begun = desk.send("POST", "passkeys/assertion", {})
        body = {"ceremony": begun["ceremony"], "credential": device.get(begun["publicKey"])}
        session = desk.send("POST", "passkeys/sign-in", body)["session"]
        sandbox = desk.home.sandbox
        url, body = sandbox.url("/oauth2/enrolments"), {"practitioner": physician["inpe"]}
        made = sandbox.send("POST", url, session, json=body)
        gone = sandbox.send("DELETE", sandbox.url("/oauth2/session"), session)
    finally:
        dynamodb.put_item(TableName=registry, Item=before)

    assert (made.status_code, gone.status_code) == (201, 204), made.text


def _session(desk: Desk) -> str:
    return str(desk.home._tokens["refresh_token"]).partition(".")[0]


def _joined(desk: Desk, device: Authenticator, code: str) -> dict[str, Any]:
    begun = desk.send("POST", "enrolments/registration", {"enrolment": code})
    answer = device.create(begun["publicKey"])
    return {
        "enrolment": code, "ceremony": begun["ceremony"], "credential": answer, "name": "Clé"
    }  # fmt: skip
