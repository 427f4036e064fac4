"""Consents change what is in force in the same transaction that records them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws_calls import before, counted, failing, forget
from tests.clinic import Clinic
from tests.fhir import balp
from tests.world import BENNIS, SOON, World, consent, observation


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def may_read(clinic: Clinic, practitioner: str | None = None) -> bool:
    caller = clinic.world.doctor(practitioner) if practitioner else clinic.doctor
    status = clinic.world.call(f"GET /fhir/Patient/{clinic.id}", caller).status
    assert status in (200, 403)
    return status == 200


def guard(clinic: Clinic) -> tuple[int, int, int]:
    """The policy version in clear, beside the sealed one, and in it."""
    return (
        int(clinic.rows("GUARD")[0]["pv"]),
        int(clinic.rows("STANDING")[0]["pv"]),
        clinic.store.enter(clinic.id, clinic.patient).standing.version,  # type: ignore[union-attr]
    )


def body(clinic: Clinic, **changes: Any) -> dict[str, Any]:
    return {**consent(clinic.id), "id": clinic.consent, **changes}


def test_each_change_is_a_version_and_moves_the_policy_by_one(clinic: Clinic) -> None:
    assert guard(clinic) == (2, 2, 2)
    assert may_read(clinic)
    url = f"/fhir/Consent/{clinic.consent}"

    stopped = clinic.world.call(f"PUT {url}", clinic.patient, body(clinic, status="inactive"))
    assert (stopped.status, stopped.headers["ETag"]) == (200, 'W/"2"')
    assert guard(clinic) == (3, 3, 3)
    assert not may_read(clinic)

    assert clinic.world.call(f"PUT {url}", clinic.patient, body(clinic)).status == 200
    assert may_read(clinic)
    assert clinic.world.call(f"DELETE {url}", clinic.patient).status == 204
    assert guard(clinic) == (5, 5, 5)
    assert not may_read(clinic)
    assert clinic.world.call(f"DELETE {url}", clinic.patient).status == 204
    assert guard(clinic) == (5, 5, 5)
    history = clinic.world.call(f"GET {url}/_history", clinic.patient)
    assert history.json["total"] == 4


def test_one_consent_revoked_leaves_the_others(clinic: Clinic) -> None:
    clinic.world.call("POST /fhir/Consent", clinic.patient, consent(clinic.id, BENNIS))
    assert may_read(clinic, BENNIS)

    clinic.revoke()

    assert (may_read(clinic), may_read(clinic, BENNIS)) == (False, True)


def test_a_change_is_one_transaction(clinic: Clinic) -> None:
    with counted() as calls:
        clinic.grant()

    assert [c for c in calls if c != "Decrypt"] == ["BatchGetItem", "TransactWriteItems"]


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_two_changes_at_once_both_hold(clinic: Clinic) -> None:
    other = consent(clinic.id, BENNIS)

    def rival() -> None:
        clinic.world.call("POST /fhir/Consent", clinic.patient, other)

    with before("TransactWriteItems", rival):
        clinic.revoke()

    assert (may_read(clinic), may_read(clinic, BENNIS)) == (False, True)
    assert guard(clinic) == (4, 4, 4)


def test_a_failed_change_leaves_everything_as_it_was(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    rows = clinic.rows("!")

    with failing("TransactWriteItems", "ThrottlingException"):
        reply = clinic.world.call(f"DELETE /fhir/Consent/{clinic.consent}", clinic.patient)

    assert reply.status == 503
    assert clinic.rows("!") == rows
    assert may_read(clinic)


def test_if_match_guards_a_consent(clinic: Clinic) -> None:
    url = f"/fhir/Consent/{clinic.consent}"

    stale = clinic.world.call(f"DELETE {url}", clinic.patient, If_Match='W/"7"')

    assert stale.status == 412
    assert may_read(clinic)
    assert clinic.world.call(f"DELETE {url}", clinic.patient, If_Match='W/"1"').status == 204


def test_a_retry_with_its_key_makes_one_consent(clinic: Clinic) -> None:
    first, again = (
        clinic.world.call(
            "POST /fhir/Consent", clinic.patient, consent(clinic.id), Idempotency_Key="k"
        )
        for _ in range(2)
    )

    assert (first.status, first.body) == (again.status, again.body)
    other = consent(clinic.id, BENNIS)
    clash = clinic.world.call("POST /fhir/Consent", clinic.patient, other, Idempotency_Key="k")
    assert clash.status == 409
    assert not may_read(clinic, BENNIS)


def test_what_is_no_pcf_consent_changes_nothing(clinic: Clinic) -> None:
    before_ = clinic.rows("!")
    wrong = consent(clinic.id, type="allow")
    third = consent(clinic.id)
    third["provision"]["actor"][0]["reference"] = {"reference": "Group/g"}

    for content in (wrong, third, observation(clinic.id), {"resourceType": "Consent"}):
        assert clinic.world.call("POST /fhir/Consent", clinic.patient, content).status == 422
    assert clinic.rows("!") == before_


def test_a_consent_is_about_ones_own_record(clinic: Clinic) -> None:
    other = Clinic(clinic.world, granted=False)

    reply = clinic.world.call("POST /fhir/Consent", clinic.patient, consent(other.id))

    assert reply.status == 404
    assert guard(other) == (1, 1, 1)
    assert clinic.world.call(f"DELETE /fhir/Consent/{clinic.consent}", other.patient).status == 404
    assert may_read(clinic)


def test_a_consent_that_has_ended_permits_nothing(clinic: Clinic) -> None:
    clinic.revoke()
    clinic.grant(period={"end": "2026-01-01"})
    assert not may_read(clinic)

    clinic.grant(period={"start": "2026-01-01", "end": "9999-12-31"})
    assert may_read(clinic)


def test_read_and_write_are_told_apart(clinic: Clinic) -> None:
    clinic.revoke()
    url = "urn:dmp:consent-direction"
    clinic.grant(extension=[{"url": url, "valueCode": "read"}])

    assert may_read(clinic)
    made = clinic.world.call("POST /fhir/Observation", clinic.doctor, observation(clinic.id))
    assert made.status == 403


def prove(clinic: Clinic, *, until: int = 0) -> None:
    """The patient has a PIN or passkey, proved until then in their session."""
    clinic.world.put_row(f"credential#{clinic.id}", known={"BOOL": True})
    row = {"active": {"BOOL": True}, "expires": {"N": str(SOON)}, "patient": {"S": clinic.id}}
    clinic.world.put_row(f"session#s-{clinic.id}", **row, strong_until={"N": str(until)})


def test_to_open_the_record_further_asks_for_the_pin_or_passkey(clinic: Clinic) -> None:
    prove(clinic)
    url = f"/fhir/Consent/{clinic.consent}"

    wider = clinic.world.call("POST /fhir/Consent", clinic.patient, consent(clinic.id, BENNIS))
    shut = clinic.world.call(f"PUT {url}", clinic.patient, body(clinic, status="inactive"))
    again = clinic.world.call(f"PUT {url}", clinic.patient, body(clinic))

    assert [wider.status, shut.status, again.status] == [403, 200, 403]
    assert wider.json["issue"][0]["details"]["coding"][0]["code"] == "stronger-sign-in"
    assert guard(clinic) == (3, 3, 3)
    prove(clinic, until=SOON)
    assert clinic.world.call(f"PUT {url}", clinic.patient, body(clinic)).status == 200


def test_a_refusal_for_want_of_proof_is_in_the_journal(clinic: Clinic) -> None:
    prove(clinic)
    clinic.world.call("POST /fhir/Consent", clinic.patient, consent(clinic.id, BENNIS))

    door = clinic.store.enter(clinic.id, clinic.patient)
    newest = clinic.store.entries(door, "", 1)[0]  # type: ignore[arg-type]

    assert (newest.outcome, newest.rule) == ("refuse", "stronger-sign-in")


def test_nobody_is_kept_from_closing_their_door(clinic: Clinic) -> None:
    prove(clinic)
    seal = clinic.seal(f"Patient/{clinic.id}")
    clinic.revoke()

    assert seal
    assert not may_read(clinic)


def test_what_ends_a_consent_is_journalled_as_a_deletion_and_a_change_as_one(
    clinic: Clinic,
) -> None:
    ended = body(clinic, status="inactive")
    clinic.world.call(f"PUT /fhir/Consent/{clinic.consent}", clinic.patient, ended)
    clinic.revoke()

    found = clinic.world.call("GET /fhir/AuditEvent", clinic.patient).json
    events = [entry["resource"] for entry in found["entry"]]
    events = [e for e in events if clinic.consent in e["entity"][-1]["what"].get("reference", "")]
    told = {
        event["action"]: (event["subtype"][0]["code"], event["entity"][-1]["what"]["reference"])
        for event in events
    }
    assert told == {
        "C": ("create", f"Consent/{clinic.consent}/_history/1"),
        "U": ("update", f"Consent/{clinic.consent}/_history/2"),
        "D": ("delete", f"Consent/{clinic.consent}/_history/3"),
    }
    (deleted,) = [event for event in events if event["action"] == "D"]
    assert deleted["meta"]["profile"][0].endswith("IHE.BasicAudit.PatientDelete")
    assert [fault for event in events for fault in balp.faults(event)] == []
