"""A consent that names a care team is for who is in it now, if the patient wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clinic import Clinic
from tests.world import AMRANI, BENNIS, World


@pytest.fixture
def clinic(world: World) -> Clinic:
    return Clinic(world, granted=False)


def member(inpe: str, **more: Any) -> dict[str, Any]:
    identifier = {"system": "urn:ma:inpe", "value": inpe}
    return {"member": {"type": "Practitioner", "identifier": identifier}, **more}


def care_team(clinic: Clinic, *participants: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": f"Patient/{clinic.id}"},
        "participant": list(participants),
        **changes,
    }


def write(clinic: Clinic, *participants: dict[str, Any], **changes: Any) -> str:
    content = care_team(clinic, *participants, **changes)
    made = clinic.world.call("POST /fhir/CareTeam", clinic.patient, content)
    assert made.status == 201, made.body
    return str(made.json["id"])


def name(clinic: Clinic, team: str, **changes: Any) -> None:
    role = {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
        ]
    }
    clinic.grant(actor=[{"role": role, "reference": {"reference": f"CareTeam/{team}"}}], **changes)


def enters(clinic: Clinic, practitioner: str = AMRANI) -> bool:
    doctor = clinic.world.doctor(practitioner)
    reply = clinic.world.call(f"GET /fhir/Patient/{clinic.id}", doctor)
    assert reply.status in (200, 403), reply.body
    return reply.status == 200


def test_who_is_in_the_team_may_enter(clinic: Clinic) -> None:
    name(clinic, write(clinic, member(AMRANI)))

    assert enters(clinic)
    assert not enters(clinic, BENNIS)


def test_who_leaves_the_team_is_out_at_once_and_who_joins_is_in(clinic: Clinic) -> None:
    team = write(clinic, member(AMRANI))
    name(clinic, team)
    changed = {**care_team(clinic, member(BENNIS)), "id": team}

    assert clinic.world.call(f"PUT /fhir/CareTeam/{team}", clinic.patient, changed).status == 200

    assert not enters(clinic)
    assert enters(clinic, BENNIS)


def test_a_deleted_team_is_nobody(clinic: Clinic) -> None:
    team = write(clinic, member(AMRANI))
    name(clinic, team)

    assert clinic.world.call(f"DELETE /fhir/CareTeam/{team}", clinic.patient).status == 204

    assert not enters(clinic)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "suspended"},
        {"period": {"end": "2020"}},
        {"participant": [member(AMRANI, period={"end": "2020"})]},
        {"participant": [member(AMRANI, onBehalfOf={"reference": "Organization/elsewhere"})]},
        {"participant": [{"member": {"display": "Dr Amrani"}}]},
        {"participant": []},
    ],
)
def test_who_is_not_in_it_now_stays_out(clinic: Clinic, changes: dict[str, Any]) -> None:
    content = {k: v for k, v in {**care_team(clinic, member(AMRANI)), **changes}.items() if v}
    made = clinic.world.call("POST /fhir/CareTeam", clinic.patient, content)
    name(clinic, made.json["id"])

    assert not enters(clinic)


def test_a_team_that_the_patient_did_not_write_counts_for_nothing(clinic: Clinic) -> None:
    clinic.grant()
    content = care_team(clinic, member(AMRANI))
    team = clinic.world.call("POST /fhir/CareTeam", clinic.doctor, content).json["id"]

    with pytest.raises(AssertionError, match="only if the patient wrote it"):
        name(clinic, team)


@pytest.mark.parametrize("team", ["x", "0" * 20 + "." + "0" * 16 + ".0000"])
def test_a_team_of_no_record_or_anothers_is_refused(clinic: Clinic, team: str) -> None:
    with pytest.raises(AssertionError, match="only if the patient wrote it"):
        name(clinic, team)


def test_a_team_that_never_was_is_refused(clinic: Clinic) -> None:
    with pytest.raises(AssertionError, match="only if the patient wrote it"):
        name(clinic, f"{clinic.id}.{'0' * 16}.0000")


def test_a_new_member_asks_for_a_strong_session_and_a_leaving_one_does_not(
    clinic: Clinic,
) -> None:
    team = write(clinic, member(AMRANI))
    name(clinic, team)
    clinic.world.put_row(f"credential#{clinic.id}", known={"BOOL": True})
    more = {**care_team(clinic, member(AMRANI), member(BENNIS)), "id": team}
    fewer = {**care_team(clinic), "id": team}

    refused = clinic.world.call(f"PUT /fhir/CareTeam/{team}", clinic.patient, more)

    assert refused.status == 403
    assert "stronger-sign-in" in refused.body
    assert not enters(clinic, BENNIS)
    del fewer["participant"]
    assert clinic.world.call(f"PUT /fhir/CareTeam/{team}", clinic.patient, fewer).status == 200
    assert not enters(clinic)
