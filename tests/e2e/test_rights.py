"""Every door once, under the rights that the template gives: no function lacks one it needs."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.visitors import Sandbox
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.97"
NUMBER = {"system": "urn:example:lab", "value": "rights-1"}


class Desk:
    """The clinic's physician, let in by a patient."""

    def __init__(self, place: Place) -> None:
        self.home: Home = place.home("fr")
        self.base = place.base
        self.sandbox: Sandbox = place.sandbox(ADDRESS)
        self.physician = place.practitioner("physician")
        self.token = place.app("clinic", ADDRESS).token(self.physician)
        self.home.grant(self.physician)

    def send(self, method: str, path: str, **sent: Any) -> Any:
        """A request of the physician's."""
        return self.sandbox.send(method, f"{self.base}/{path}", self.token, **sent)

    def result(self) -> dict[str, Any]:
        """A result with the laboratory's number."""
        return {
            "resourceType": "Observation",
            "status": "final",
            "identifier": [NUMBER],
            "code": {"text": "glycémie"},
            "subject": {"reference": f"Patient/{self.home.id}"},
        }


@pytest.fixture(scope="module")
def desk(place: Place) -> Desk:
    return Desk(place)


def test_a_patient_is_found_by_national_identifier_and_told_of_it(desk: Desk) -> None:
    cin = desk.home.known["cin"]

    found = desk.send("GET", "Patient", params={"identifier": f"urn:ma:cin|{cin}"})
    nobody = desk.send("GET", "Patient", params={"identifier": "urn:ma:cin|ZZ99999"})

    assert found.status_code == 200, found.text
    assert [e["resource"] for e in found.json()["entry"]] == [
        {"resourceType": "Patient", "id": desk.home.id}
    ]
    assert (nobody.status_code, nobody.json()["total"]) == (200, 0)
    rules = [event["extension"][0]["valueCode"] for event in desk.home.journal()]
    assert "identifier-lookup" in rules


def test_the_directory_is_read_by_search_and_by_id(desk: Desk) -> None:
    number = f"urn:ma:inpe|{desk.physician['inpe']}"
    found = desk.send("GET", "Practitioner", params={"identifier": number})
    roles = desk.send("GET", "PractitionerRole", params={
        "practitioner:identifier": number, "_include": "PractitionerRole:organization",
    })  # fmt: skip
    read = desk.send("GET", f"Practitioner/{desk.physician['id']}")

    assert [e["resource"]["id"] for e in found.json()["entry"]] == [desk.physician["id"]]
    assert [e["search"]["mode"] for e in roles.json()["entry"]] == ["match", "include"]
    assert (read.status_code, read.json()["active"]) == (200, True)


def test_changes_by_criteria_have_the_rights_they_need(desk: Desk) -> None:
    criteria = "identifier=urn:example:lab|rights-1"
    query = {"patient": desk.home.id, "identifier": "urn:example:lab|rights-1"}
    headers = {"If-None-Exist": criteria, "Idempotency-Key": "rights-1"}

    made = desk.send("POST", "Observation", json=desk.result(), headers=headers)
    again = desk.send("POST", "Observation", json=desk.result(), headers=headers)
    updated = desk.send("PUT", f"Observation?{criteria}", json=desk.result())
    patch = '[{"op":"replace","path":"/status","value":"amended"}]'
    kind = {"Content-Type": "application/json-patch+json"}
    patched = desk.send("PATCH", "Observation", params=query, content=patch, headers=kind)
    gone = desk.send("DELETE", "Observation", params=query)

    answers = [made, again, updated, patched, gone]
    assert [a.status_code for a in answers] == [201, 201, 200, 200, 204], [a.text for a in answers]
    assert again.json()["id"] == made.json()["id"]


@pytest.mark.parametrize(
    "path",
    [
        "Patient/{id}",
        "Patient/{id}/_history",
        "Patient/{id}/_history/1",
        "Patient/{id}/$meta",
        "Observation/$lastn?patient={id}&code:missing=false",
        "Observation?patient={id}&_include=Observation:subject",
        "Observation/_history?patient={id}",
        "Patient/{id}/$everything?_type=Patient",
        "StructureDefinition",
        "ValueSet",
        "metadata",
    ],
)
def test_a_reading_door_has_the_rights_it_needs(desk: Desk, path: str) -> None:
    answer = desk.send("GET", path.format(id=desk.home.id))

    assert answer.status_code == 200, answer.text


def test_a_validation_needs_no_patient(desk: Desk) -> None:
    answer = desk.send("POST", "Observation/$validate", json=desk.result())

    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/preferences",
        "/journal/key",
        "/journal/usage",
        "/journal/export",
        "/journal/export?format=csv",
        "/fhir/AuditEvent?action=R&_total=accurate",
    ],
)
def test_a_patients_door_has_the_rights_it_needs(desk: Desk, path: str) -> None:
    answer = desk.sandbox.send("GET", desk.sandbox.url(path), desk.home.token)

    assert answer.status_code == 200, answer.text


def test_a_leaf_is_given_as_it_was_hashed(desk: Desk) -> None:
    event = desk.home.journal()[0]

    url = desk.sandbox.url(f"/journal/entry/{event['id']}")
    leaf = desk.sandbox.send("GET", url, desk.home.token)

    assert leaf.status_code == 200, leaf.text
    assert leaf.json()["id"] == event["id"]


def test_a_registrar_changes_a_contact_and_both_addresses_are_told(place: Place) -> None:
    home = place.newcomer("W370954", ADDRESS)
    token = place.app("registrar", ADDRESS).token(place.practitioner("registrar"), "HOPERAT")
    url = home.sandbox.url(f"/contacts/{home.id}")
    body = {"phone": "0661998877", "reason": "lost", "document": "CIN W370954"}

    done = home.sandbox.send("POST", url, token, json=body)

    assert done.status_code == 200, done.text
    assert done.json()["phone"].endswith("77")
    home.sandbox.wait_message("+212661998877", 0)
    home.sandbox.wait_message(home.person.phone, 2)


def test_the_sweep_and_the_compactor_run_under_their_own_roles(place: Place) -> None:
    sweep = place.invoke("NotificationsSweeper", {})
    keys = {"pk": {"S": place.home("fr").id}, "sk": {"S": "K#0000000000000000"}}
    change = {"eventID": "1", "eventName": "INSERT", "eventSource": "aws:dynamodb"}
    record = {**change, "dynamodb": {"Keys": keys, "SequenceNumber": "1"}}
    compacted = place.invoke("Compaction", {"Records": [record]})

    assert sweep == {}
    assert compacted == {"batchItemFailures": []}
