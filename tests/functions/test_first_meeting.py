"""A record is opened, refused, granted, written, read and closed again: the real handlers."""

from __future__ import annotations

from tests.stack import Stack
from tests.world import BENNIS, World, consent, observation


def test_a_record_is_read_by_consent_alone_and_no_longer_once_it_is_revoked(stack: Stack) -> None:
    world = World(stack)
    patient = world.open_record()
    pid, doctor, other = patient.patient or "", world.doctor(), world.doctor(BENNIS)

    assert world.call(f"GET /fhir/Patient/{pid}", doctor).status == 403
    granted = world.call("POST /fhir/Consent", patient, consent(pid))
    assert granted.status == 201, granted.body
    written = world.call("POST /fhir/Observation", doctor, observation(pid))
    assert written.status == 201, written.body
    name = written.json["id"]
    read = world.call(f"GET /fhir/Observation/{name}", doctor)
    assert read.status == 200
    assert read.body == written.body
    assert world.call(f"GET /fhir/Observation/{name}", other).status == 403

    found = world.call(f"GET /fhir/Observation?patient={pid}&code=2339-0", doctor)
    assert found.status == 200, found.body
    assert found.json["total"] == 1
    every = world.call(f"GET /fhir/Patient/{pid}/$everything", doctor)
    assert {e["resource"]["resourceType"] for e in every.json["entry"]} == {
        "Patient", "Observation",
    }  # fmt: skip

    journal = world.call(f"GET /fhir/AuditEvent?patient={pid}", patient)
    assert journal.status == 200, journal.body
    outcomes = [e["resource"]["outcome"] for e in journal.json["entry"]]
    assert outcomes.count("4") == 2

    revoked = world.call(f"DELETE /fhir/Consent/{granted.json['id']}", patient)
    assert revoked.status == 204, revoked.body
    assert world.call(f"GET /fhir/Observation/{name}", doctor).status == 403
    assert world.call(f"GET /fhir/Observation/{name}", patient).status == 200
