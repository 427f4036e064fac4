"""A daughter reads her father's record on the deployed template: told, ended, and gone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.place import Home, Place

NAME = "Salma El Idrissi"
POWER = "urn:dmp:power"
ADDRESS = "203.0.113.121"


def related(father: Home, cin: str, *powers: str) -> dict[str, Any]:
    return {
        "resourceType": "RelatedPerson",
        "extension": [{"url": POWER, "valueCode": power} for power in powers],
        "identifier": [{"system": "urn:ma:cin", "value": cin}],
        "patient": {"reference": f"Patient/{father.id}"},
        "name": [{"text": NAME}],
    }


@pytest.fixture(scope="module")
def family(place: Place) -> tuple[Home, Home]:
    return place.home("fr"), place.home("ar")


def send(place: Place, method: str, path: str, token: str, **sent: Any) -> Any:
    return place.sandbox(ADDRESS).send(method, f"{place.base}/{path}", token, **sent)


def told(place: Place, to: str, *texts: str) -> str:
    """The first message to the address that has the texts; others may come before it."""
    for n in range(80):
        message = place.sandbox(ADDRESS).wait_message(to, n)
        if all(text in message["text"] for text in texts):
            return str(message["text"])
    raise AssertionError("never told")


def test_a_daughter_reads_her_fathers_record_until_he_ends_it(
    place: Place, family: tuple[Home, Home]
) -> None:
    father, daughter = family
    his, her = father.person.address, daughter.person.address
    path = f"Patient/{father.id}"
    assert send(place, "GET", path, daughter.token).status_code == 404

    body = related(father, str(daughter.known["cin"]), "read", "write", "journal", "consent")
    made = send(place, "POST", "RelatedPerson", father.token, json=body)

    assert made.status_code == 201, made.text
    assert told(place, his, NAME, "peut agir pour vous")
    assert told(place, her, "اختياركم")
    assert send(place, "GET", path, daughter.token).status_code == 200
    assert told(place, his, NAME, "a utilisé votre dossier")
    for other in (f"{path}/$everything", f"Observation?patient={father.id}",
                  f"AuditEvent?patient={father.id}", f"Consent?patient={father.id}"):  # fmt: skip
        assert send(place, "GET", other, daughter.token).status_code == 200, other
    note = {"resourceType": "Observation", "status": "final", "code": {"text": "tension"},
            "subject": {"reference": path}}  # fmt: skip
    written = send(place, "POST", "Observation", daughter.token, json=note)
    assert written.status_code == 201, written.text
    rules = [event["extension"][0]["valueCode"] for event in father.journal()]
    assert rules.count("delegate") >= 6

    name = made.json()["id"]
    ended = send(place, "DELETE", f"RelatedPerson/{name}", father.token)

    assert ended.status_code == 204, ended.text
    assert send(place, "GET", path, daughter.token).status_code == 404
    assert told(place, his, NAME, "n'agit plus pour vous")


def test_a_registrar_makes_a_guardian_and_ends_it(place: Place, family: tuple[Home, Home]) -> None:
    ward, guardian = family
    token = place.app("registrar", ADDRESS).token(place.practitioner("registrar"), "HOPERAT")
    body = related(ward, str(guardian.known["cin"]), "read")
    act = [{"url": "reason", "valueCode": "court"}, {"url": "document", "valueString": "TPI 9/26"}]
    body["extension"].append({"url": "urn:dmp:guardianship", "extension": act})

    made = send(place, "POST", "RelatedPerson", token, json=body)

    assert made.status_code == 201, made.text
    assert send(place, "GET", f"Patient/{ward.id}", guardian.token).status_code == 200
    gone = send(place, "DELETE", f"RelatedPerson/{made.json()['id']}", token)
    assert gone.status_code == 204, gone.text
    assert send(place, "GET", f"Patient/{ward.id}", guardian.token).status_code == 404


def test_an_author_withdraws_after_the_revocation(place: Place) -> None:
    home, physician = place.home("fr"), place.practitioner("physician")
    consent = home.grant(physician)
    token = place.app("clinic", ADDRESS).token(physician)
    note = {"resourceType": "Observation", "status": "final", "code": {"text": "poids"},
            "subject": {"reference": f"Patient/{home.id}"}}  # fmt: skip
    made = send(place, "POST", "Observation", token, json=note).json()
    listed = send(place, "GET", f"Consent?patient={home.id}", home.token).json()
    for each in listed["entry"]:  # other tests let the physician in as well
        send(place, "DELETE", f"Consent/{each['resource']['id']}", home.token)
    url = f"Observation/{made['id']}"
    patch = '[{"op":"replace","path":"/status","value":"entered-in-error"}]'
    kind = {"Content-Type": "application/json-patch+json"}

    done = send(place, "PATCH", url, token, content=patch, headers=kind)

    assert consent
    assert (done.status_code, done.text) == (200, "")
    assert send(place, "GET", url, token).status_code == 403
    assert send(place, "GET", url, home.token).json()["status"] == "entered-in-error"
