"""ITI-108: Consents are found by patient, patient.identifier, status and actor, by GET and POST.

PCF has clients send patient and status; a search without either is answered as FHIR has it.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.clinic import Clinic
from tests.world import AMRANI, BENNIS, World

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def clinic(world: World) -> Clinic:
    return Clinic(world)


def grant(clinic: Clinic, **changes: Any) -> str:
    reference = {"reference": "Practitioner/doctor-1"}
    role = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
        ]
    }
    return clinic.grant(actor=[{"role": role, "reference": reference}], **changes)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("patient={id}", "both"),
        ("patient=Patient/{id}&status=active", "both"),
        ("patient={id}&status=inactive", "none"),
        ("patient={id}&status=active,inactive", "both"),
        ("patient={id}&status=active&actor=Practitioner/doctor-1", "named"),
        ("patient={id}&status=active&actor=Practitioner/doctor-2", "none"),
        ("patient.identifier=urn:ma:cin|AB12345&status=active", "both"),
        ("patient.identifier=urn:ma:cin|ZZ99999&status=active", "none"),
        ("status=active", "both"),
    ],
)
def test_consents_are_found(clinic: Clinic, query: str, expected: str, method: str) -> None:
    first, named = clinic.consent, grant(clinic)
    asked = query.format(id=clinic.id)
    if method == "GET":
        reply = clinic.world.call(f"GET /fhir/Consent?{asked}", clinic.patient)
    else:
        reply = clinic.world.call("POST /fhir/Consent/_search", clinic.patient, asked, **FORM)

    assert reply.status == 200, reply.body
    found = {entry["resource"]["id"] for entry in reply.json.get("entry", ())}
    assert found == {"both": {first, named}, "named": {named}, "none": set()}[expected]
    assert reply.json["total"] == len(found)


@pytest.mark.parametrize("practitioner", [AMRANI, BENNIS])
def test_practitioners_find_none(clinic: Clinic, practitioner: str) -> None:
    doctor = clinic.world.doctor(practitioner)
    reply = clinic.world.call(f"GET /fhir/Consent?patient={clinic.id}", doctor)

    assert reply.status == 403
