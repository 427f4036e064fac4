"""The order of entry, guard and payload: nothing leaves that is not journalled and permitted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from tests.aws_calls import before, failing, forget
from tests.clinic import Clinic
from tests.world import AMRANI, BENNIS, CLINIC, World, consent, observation


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def reads(clinic: Clinic, name: str) -> list[str]:
    return [
        f"GET /fhir/Observation/{name}",
        f"GET /fhir/Observation/{name}/_history/1",
        f"GET /fhir/Observation/{name}/_history",
        f"GET /fhir/Observation?patient={clinic.id}",
        f"GET /fhir/Patient/{clinic.id}/$everything",
    ]


@pytest.mark.parametrize("which", range(5))
def test_a_revocation_between_decision_and_payload_withholds_it(clinic: Clinic, which: int) -> None:
    name = clinic.observe()
    request = reads(clinic, name)[which]
    assert "72.5" in clinic.world.call(request, clinic.doctor).body

    with before("GetItem", clinic.revoke):
        reply = clinic.world.call(request, clinic.doctor)

    assert reply.status == 403
    assert "72.5" not in reply.body
    outcomes = [(outcome, rule) for _, outcome, rule in clinic.told()][-3:]
    assert outcomes == [
        ("permit", "consent-permit"), ("withheld", "policy-moved"), ("refuse", "policy-deny"),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_a_change_that_still_permits_is_decided_again_and_answered(clinic: Clinic) -> None:
    name = clinic.observe()

    with before("GetItem", clinic.grant):
        reply = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)

    assert reply.status == 200
    assert [outcome for _, outcome, _ in clinic.told()][-3:] == ["permit", "withheld", "permit"]


def test_a_policy_that_keeps_moving_ends_in_503(clinic: Clinic) -> None:
    name = clinic.observe()

    with before("GetItem", clinic.grant, times=9):
        reply = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)

    assert reply.status == 503
    assert reply.headers["Retry-After"]
    assert "72.5" not in reply.body


def test_a_revocation_before_the_commit_stops_the_write(clinic: Clinic) -> None:
    clinic.observe()
    commits = len(clinic.rows("K#"))

    with before("TransactWriteItems", clinic.revoke):
        reply = clinic.world.call("POST /fhir/Observation", clinic.doctor, observation(clinic.id))

    assert reply.status == 403
    assert len(clinic.rows("K#")) == commits + 1  # the revocation itself
    assert clinic.told()[-1] == ("create", "refuse", "policy-deny")


@pytest.mark.parametrize("which", range(5))
def test_without_a_journal_nothing_leaves(clinic: Clinic, which: int) -> None:
    name = clinic.observe()

    with failing("PutItem", "InternalServerError", times=9):
        reply = clinic.world.call(reads(clinic, name)[which], clinic.doctor)

    assert reply.status == 503
    assert "72.5" not in reply.body


def test_without_a_journal_no_access_opens_and_nothing_leaves(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    name = clinic.observe()
    other = clinic.world.doctor(BENNIS)

    with failing("TransactWriteItems", "InternalServerError", times=9):
        reply = clinic.world.call(f"GET /fhir/Observation/{name}", other)

    assert reply.status == 503
    assert "72.5" not in reply.body


def test_without_the_guard_nothing_leaves(clinic: Clinic) -> None:
    name = clinic.observe()

    with failing("GetItem", "InternalServerError", times=9):
        reply = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)

    assert reply.status == 503


def test_a_rolled_back_policy_discloses_nothing(clinic: Clinic) -> None:
    name = clinic.observe()
    key = {"pk": {"S": clinic.id}, "sk": {"S": "STANDING"}}
    client = clinic.world.stack.client("dynamodb")
    table = clinic.world.tables["RECORDS_TABLE"]
    old = client.get_item(TableName=table, Key=key)["Item"]
    clinic.revoke()
    client.put_item(TableName=table, Item=old)

    for request in reads(clinic, name):
        reply = clinic.world.call(request, clinic.doctor)
        assert reply.status == 503
        assert "72.5" not in reply.body
    written = clinic.world.call("POST /fhir/Observation", clinic.doctor, observation(clinic.id))
    assert written.status == 503


def test_erased_keys_close_the_record_to_a_warm_function(clinic: Clinic) -> None:
    name = clinic.observe()
    client = clinic.world.stack.client("dynamodb")
    client.delete_item(TableName=clinic.world.tables["KEYS_TABLE"], Key={"pk": {"S": clinic.id}})

    reply = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)

    assert reply.status in (403, 410)
    assert "72.5" not in reply.body


def test_an_access_is_opened_once_an_hour_and_told_once(clinic: Clinic) -> None:
    name = clinic.observe()
    for request in reads(clinic, name):
        assert clinic.world.call(request, clinic.doctor).status == 200
    clinic.observe()
    assert len(clinic.rows("A#")) == 1
    assert len(clinic.rows("N#")) == 2  # the welcome and this access

    now = clinic.world.clock.now_ms() / 1000
    with time_machine.travel(now + 3500, tick=True):
        clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)
        assert len(clinic.rows("N#")) == 2
    with time_machine.travel(now + 3601, tick=True):
        clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)
        clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)
    assert len(clinic.rows("A#")) == 1
    assert len(clinic.rows("N#")) == 3
    assert all(row["state"] == "owed" and row["due"] for row in clinic.rows("N#"))


def test_another_purpose_or_organisation_is_another_access(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    name = clinic.observe()
    others: list[dict[str, Any]] = [{"purpose": "ETREAT"}, {"practitioner": BENNIS}]

    for changes in others:
        who = changes.pop("practitioner", AMRANI)
        caller = clinic.world.doctor(who, **changes)
        assert clinic.world.call(f"GET /fhir/Observation/{name}", caller).status == 200

    assert len(clinic.rows("A#")) == 3
    assert len(clinic.rows("N#")) == 4


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_two_first_queries_at_once_owe_one_notice(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    name = clinic.observe()
    other = clinic.world.doctor(BENNIS)
    request = f"GET /fhir/Observation/{name}"

    def rival() -> None:
        assert clinic.world.call(request, other).status == 200

    with before("TransactWriteItems", rival):
        assert clinic.world.call(request, other).status == 200

    assert len(clinic.rows("A#")) == 2
    assert len(clinic.rows("N#")) == 3
    assert clinic.told()[-2:] == [("read", "permit", "consent-permit")] * 2


def test_the_patients_own_queries_are_journalled_and_owe_no_notice(clinic: Clinic) -> None:
    entries, notices = len(clinic.rows("J#")), len(clinic.rows("N#"))

    assert clinic.world.call(f"GET /fhir/Patient/{clinic.id}", clinic.patient).status == 200
    own = {**observation(clinic.id), "status": "preliminary"}
    assert clinic.world.call("POST /fhir/Observation", clinic.patient, own).status == 201

    assert len(clinic.rows("J#")) == entries + 2
    assert len(clinic.rows("N#")) == notices
    assert clinic.rows("A#") == []


def test_refusals_are_journalled(clinic: Clinic) -> None:
    name = clinic.observe()
    other = clinic.world.doctor(BENNIS)
    for request in reads(clinic, name):
        assert clinic.world.call(request, other).status == 403
    assert clinic.world.call("POST /fhir/Observation", other, observation(clinic.id)).status == 403

    refused = [e for e in clinic.entries() if e.outcome == "refuse"]
    assert [e.action for e in refused] == [
        "read", "vread", "history", "search", "operation", "create",
    ]  # fmt: skip
    assert {(e.rule, e.who["inpe"], e.what) for e in refused} == {("policy-deny", BENNIS, ())}
    assert name in refused[0].query


def test_a_write_that_no_consent_covers_is_journalled_too(clinic: Clinic) -> None:
    clinic.seal(securityLabel=[{"code": "PSY"}])
    labelled = {**observation(clinic.id), "meta": {"security": [{"code": "PSY"}]}}

    assert clinic.world.call("POST /fhir/Observation", clinic.doctor, labelled).status == 403

    assert clinic.told()[-1][:2] == ("create", "refuse")


def test_whatever_is_not_the_authors_is_journalled_too(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    name = clinic.observe()
    other = clinic.world.doctor(BENNIS)
    body = {**observation(clinic.id), "id": name}

    reply = clinic.world.call(f"PUT /fhir/Observation/{name}", other, body)

    assert (reply.status, reply.json["issue"][0]["details"]["coding"][0]["code"]) == (
        403, "not-author",
    )  # fmt: skip
    assert clinic.told()[-1][:2] == ("update", "refuse")


def test_what_left_is_named_in_the_journal_and_digested_beyond_twenty(clinic: Clinic) -> None:
    entry = {
        "resource": observation(clinic.id),
        "request": {"method": "POST", "url": "Observation"},
    }
    many = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 21}
    name = clinic.observe()
    clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor)
    assert clinic.entries()[-1].what == (f"Observation/{name}/_history/1",)

    assert clinic.world.call("POST /fhir", clinic.doctor, many).status == 200
    assert (
        clinic.world.call(f"GET /fhir/Patient/{clinic.id}/$everything", clinic.doctor).status == 200
    )

    written, left = clinic.entries()[-2:]
    assert (len(written.what), written.disclosed["count"]) == (20, 21)
    assert (len(left.what), left.disclosed["count"]) == (20, 23)


def test_a_practitioner_reads_no_consent_whatever_they_are_permitted(clinic: Clinic) -> None:
    everything = clinic.world.call(f"GET /fhir/Patient/{clinic.id}/$everything", clinic.doctor)
    assert "Consent" not in everything.body

    reply = clinic.world.call(f"GET /fhir/Consent/{clinic.consent}", clinic.doctor)
    assert reply.status == 403
    assert CLINIC not in reply.body
    made = clinic.world.call("POST /fhir/Consent", clinic.doctor, consent(clinic.id))
    assert made.status == 403
