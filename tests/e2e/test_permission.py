"""First meetings and break-glass on the deployed template: the SMS that came out, under IAM."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.visitors import Sandbox, code_in
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.108"
WORDS = "Trouvé inconscient sur la voie publique"


def parameters(patient: str = "", **more: dict[str, Any]) -> dict[str, Any]:
    about = [{"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}}]
    given = [{"name": name, **value} for name, value in more.items()]
    every = [*(about if patient else []), *given]
    return {"resourceType": "Parameters", **({"parameter": every} if every else {})}


class Ward:
    """A hospital's surgeon, whom nobody has let in."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.sandbox: Sandbox = place.sandbox(ADDRESS)
        self.surgeon = place.practitioner("surgeon")

    def post(self, path: str, token: str, body: Any, **headers: str) -> Any:
        """A POST under /fhir."""
        url = f"{self.place.base}/{path}"
        return self.sandbox.send("POST", url, token, json=body, headers=headers)

    def token(self, purpose: str) -> str:
        """The surgeon's, for that purpose."""
        return self.place.app("hospital", ADDRESS).token(self.surgeon, purpose)

    def told(self, to: str, text: str) -> str:
        """The first message to the address that has the text; others may come before it."""
        for n in range(50):
            message = self.sandbox.wait_message(to, n)
            if text in message["text"]:
                return str(message["text"])
        raise AssertionError("never told")

    def reads(self, home: Home, token: str) -> int:
        """The status of a read of the patient."""
        url = f"{self.place.base}/Patient/{home.id}"
        return int(self.sandbox.send("GET", url, token).status_code)


@pytest.fixture(scope="module")
def ward(place: Place) -> Ward:
    return Ward(place)


@pytest.mark.parametrize(
    ("language", "asks", "told", "used"),
    [
        ("ar", "يطلب استعمال ملفكم", "يمكنه استعمال", "استعمل ملفكم"),
        ("fr", "demande à utiliser", "peut utiliser", "a utilisé"),
    ],
    ids=["ar", "fr"],
)
def test_a_first_meeting_by_the_code_of_an_sms(
    ward: Ward, language: str, asks: str, told: str, used: str
) -> None:
    home, token = ward.place.home(language), ward.token("TREAT")
    phone, address = str(home.known["phone"]), home.person.address
    assert ward.reads(home, token) == 403

    asked = ward.post("Consent/$request", token, parameters(home.id))
    nobody = ward.post("Consent/$request", token, parameters("0" * 20))

    assert asked.status_code == nobody.status_code == 202, asked.text
    assert [i["details"]["text"] for i in asked.json()["issue"]] == [
        i["details"]["text"] for i in nobody.json()["issue"]
    ]
    message = ward.told(phone, asks)
    assert "Leila Tahiri" in message
    given = {"code": {"valueString": code_in({"text": message})}}
    granted = ward.post("Consent/$grant", token, parameters(home.id, **given))
    assert granted.status_code == 201, granted.text
    assert ward.reads(home, token) == 200
    assert "Leila Tahiri" in ward.told(address, told)
    assert ward.told(address, used)  # nothing else is on its way when the sign-in's code comes
    url = f"{ward.place.base}/Consent/{granted.json()['id']}"
    assert ward.sandbox.send("DELETE", url, home.token).status_code == 204
    assert ward.reads(home, token) == 403


def test_an_emergency_is_told_reviewed_and_contested(ward: Ward) -> None:
    home, token = ward.place.home("fr"), ward.token("BTG")
    reason = {"reason": {"valueCode": "UNCONSCIOUS"}, "text": {"valueString": WORDS}}

    opened = ward.post("Consent/$break-glass", token, parameters(home.id, **reason))

    assert opened.status_code == 201, opened.text
    assert ward.reads(home, token) == 200
    name = opened.json()["id"]
    contest = parameters(text={"valueString": "Je n'étais pas inconscient"})
    contested = ward.post(f"Consent/{name}/$contest", home.token, contest)
    assert contested.status_code == 200, contested.text
    assert ward.reads(home, token) == 403
    officer = ward.place.app("registrar", ADDRESS).token(
        ward.place.practitioner("auditor"), "HOPERAT"
    )
    url = ward.sandbox.url("/reviews")
    listed = ward.sandbox.send("GET", url, officer)
    assert name in [one["id"] for one in listed.json()["reviews"]], listed.text
    seen = ward.sandbox.send("GET", f"{url}/{name}", officer)
    assert (seen.status_code, seen.json()["reason"]["text"]) == (200, WORDS)
    answer = {"outcome": "unjustified", "answer": "Le patient était conscient"}
    match = {"If-Match": seen.headers["ETag"]}
    done = ward.sandbox.send("PUT", f"{url}/{name}", officer, json=answer, headers=match)
    assert done.status_code == 200, done.text


def test_the_patient_asks_who_could_read(ward: Ward) -> None:
    home = ward.place.home("ar")

    told = ward.post("Consent/$explain", home.token, parameters())
    tried = ward.post(
        "Consent/$simulate",
        home.token,
        parameters(seal={"valueReference": {"reference": f"Patient/{home.id}"}}),
    )

    assert told.status_code == 200, told.text
    assert "ممارس" in told.text
    assert tried.status_code == 200, tried.text
