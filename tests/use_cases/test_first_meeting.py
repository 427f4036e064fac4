"""A first meeting: `$request`, the patient's code, `$grant`; nothing is learnt without it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from dmp.adapters.dynamodb.tables import CONTACT, RecordItem
from tests.aws_calls import before, counted, forget
from tests.clinic import Clinic
from tests.patients import code_of, texts, wrong
from tests.world import BENNIS, Reply, World, consent

NOBODY = "0" * 19 + "v"
TABLE = "Parameters.parameter"


@pytest.fixture
def clinic(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("dmp.edge.oauth.time.sleep", lambda _: None)
    made = Clinic(world, granted=False)
    with time_machine.travel(datetime(2026, 11, 22, 9, tzinfo=UTC), tick=False):
        yield made
    forget(made.id)


def parameters(patient: str, **more: Mapping[str, Any]) -> dict[str, Any]:
    given = [{"name": name, **value} for name, value in more.items()]
    about = {"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}}
    return {"resourceType": "Parameters", "parameter": [about, *given]}


def request(clinic: Clinic, patient: str = "", caller: Any = None, **more: Any) -> Reply:
    body = parameters(patient or clinic.id, **more)
    return clinic.world.call("POST /fhir/Consent/$request", caller or clinic.doctor, body)


def grant(
    clinic: Clinic, code: str, patient: str = "", caller: Any = None, **headers: str
) -> Reply:
    body = parameters(patient or clinic.id, code={"valueString": code})
    return clinic.world.call("POST /fhir/Consent/$grant", caller or clinic.doctor, body, **headers)


def asked(clinic: Clinic, **more: Any) -> str:
    """The code that the patient was sent."""
    reply = request(clinic, **more)
    assert reply.status == 202, reply.body
    return code_of(texts()[-1])


def may_read(clinic: Clinic, caller: Any = None) -> bool:
    reply = clinic.world.call(f"GET /fhir/Patient/{clinic.id}", caller or clinic.doctor)
    assert reply.status in (200, 403)
    return reply.status == 200


def kinds(clinic: Clinic) -> list[str]:
    """The rules of what practitioners did, in no order: the clock stands still."""
    return sorted(rule for _, _, rule in clinic.told())


def test_the_patients_code_lets_that_practitioner_in_for_a_day(clinic: Clinic) -> None:
    code = asked(clinic)
    text = texts()[-1]
    assert "Dr Salma Amrani" in text
    assert "Clinique Atlas" in text
    assert "23/11 10:00" in text  # Morocco's time
    assert not may_read(clinic)

    granted = grant(clinic, f" {code[:3]} {code[3:]} ")

    assert granted.status == 201, granted.body
    made = granted.json
    assert made["extension"] == [{"url": "urn:dmp:grant", "valueCode": "request"}]
    assert made["provision"]["period"]["end"] == "2026-11-23T09:00:00.000Z"
    who = [a["reference"]["identifier"]["value"] for a in made["provision"]["actor"]]
    assert who == [clinic.doctor.practitioner, clinic.doctor.organization]
    assert granted.headers["Location"].endswith(f"/Consent/{made['id']}/_history/1")
    assert may_read(clinic)
    assert not may_read(clinic, clinic.world.doctor(BENNIS))
    clinic.observe()
    rules = ["consent-permit", "consent-permit", "grant", "policy-deny", "policy-deny", "request"]
    assert kinds(clinic) == rules
    assert [row["ref"] for row in clinic.rows("N#")][1:]  # told of it


def test_the_grant_ends_by_itself_and_the_patient_may_end_it(clinic: Clinic) -> None:
    made = grant(clinic, asked(clinic)).json
    with time_machine.travel(datetime(2026, 11, 23, 9, tzinfo=UTC), tick=False):
        assert not may_read(clinic)
    assert may_read(clinic)

    url = f"/fhir/Consent/{made['id']}"
    stopped = clinic.world.call(f"PUT {url}", clinic.patient, {**made, "status": "inactive"})

    assert stopped.status == 200, stopped.body
    assert not may_read(clinic)
    assert clinic.world.call(f"DELETE {url}", clinic.patient).status == 204


@pytest.mark.parametrize(
    "change",
    [
        {"status": "active"},
        {"status": "inactive", "dateTime": "2026-11-22"},
        {"status": "inactive", "extension": []},
        {"status": "active", "extension": []},
    ],
    ids=["kept", "redated", "stripped", "lasting"],
)
def test_a_grant_is_the_patients_to_end_and_nothing_else(
    clinic: Clinic, change: dict[str, Any]
) -> None:
    made = grant(clinic, asked(clinic)).json
    body = {k: v for k, v in {**made, **change}.items() if v != []}

    reply = clinic.world.call(f"PUT /fhir/Consent/{made['id']}", clinic.patient, body)

    assert reply.status == 422
    assert reply.json["issue"][0]["expression"] == ["Consent"]


def test_nobody_writes_the_servers_extension(clinic: Clinic) -> None:
    forged = {**consent(clinic.id), "extension": [{"url": "urn:dmp:grant", "valueCode": "request"}]}
    plain = clinic.grant()

    made = clinic.world.call("POST /fhir/Consent", clinic.patient, forged)
    put = clinic.world.call(f"PUT /fhir/Consent/{plain}", clinic.patient, {**forged, "id": plain})

    for reply in (made, put):
        assert reply.status == 422
        assert reply.json["issue"][0]["expression"] == ["Consent.extension[0]"]


@pytest.mark.parametrize("policy", ["deny", "break-glass-only"])
def test_what_is_sealed_stays_sealed(world: World, policy: Any, clinic: Clinic) -> None:
    made = Clinic(world, policy=policy)
    kept = made.observe()
    made.seal(f"Observation/{kept}")
    made.revoke()

    assert grant(made, asked(made)).status == 201

    assert may_read(made)
    assert world.call(f"GET /fhir/Observation/{kept}", made.doctor).status == 404
    assert clinic.id != made.id


def test_wrong_codes_and_absent_records_are_told_alike(clinic: Clinic) -> None:
    code, absent = asked(clinic), clinic.id[::-1]
    nobody = request(clinic, absent)
    blocked = Clinic(clinic.world, granted=False)
    blocked.grant(type="deny")
    sent = len(texts())
    shut = request(clinic, blocked.id)
    assert (nobody.status, nobody.body) == (shut.status, shut.body)
    assert len(texts()) == sent
    assert blocked.told() == [("consent", "refuse", "block")]

    for left in (2, 1, 0):
        tries = [grant(clinic, wrong(code), pid) for pid in (clinic.id, absent, blocked.id)]
        assert {reply.body for reply in tries} == {tries[0].body}
        (issue,) = tries[0].json["issue"]
        assert (tries[0].status, issue["details"]["coding"][0]["code"]) == (422, "wrong-code")
        assert f"{left} tries left" in issue["details"]["text"]
    spent = [grant(clinic, code, pid) for pid in (clinic.id, absent, blocked.id, "v" * 20)]
    assert {reply.status for reply in spent} == {410}
    assert {reply.body for reply in spent} == {spent[0].body}
    assert not may_read(clinic)


def test_a_code_is_good_for_five_minutes_once_and_for_nobody_else(clinic: Clinic) -> None:
    other = clinic.world.doctor(BENNIS)
    code = asked(clinic)
    assert grant(clinic, code, caller=other).status == 410
    with time_machine.travel(datetime(2026, 11, 22, 9, 5, tzinfo=UTC), tick=False):
        assert grant(clinic, code).status == 410
    assert grant(clinic, code).status == 201
    assert grant(clinic, code).status == 410
    first, second = asked(clinic, caller=other), asked(clinic, caller=other)
    if first != second:
        assert grant(clinic, first, caller=other).status == 422
    assert grant(clinic, second, caller=other).status == 201


def test_three_requests_a_day(clinic: Clinic) -> None:
    for patient in (clinic.id, clinic.id[::-1]):
        replies = [request(clinic, patient) for _ in range(4)]

        assert [reply.status for reply in replies] == [202, 202, 202, 429]
        assert int(replies[-1].headers["Retry-After"]) > 0
    assert request(clinic, caller=clinic.world.doctor(BENNIS)).status == 202


def test_a_repeat_with_its_key_is_the_first_answer(clinic: Clinic) -> None:
    code = asked(clinic)

    first, again = (grant(clinic, code, Idempotency_Key="k") for _ in range(2))

    assert (first.status, first.body) == (again.status, again.body)
    assert grant(clinic, wrong(code), Idempotency_Key="k").status == 409
    assert len(clinic.rows("K#")) == 2


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_of_two_grants_at_once_one_wins(clinic: Clinic) -> None:
    code, statuses = asked(clinic), []

    with before("TransactWriteItems", lambda: statuses.append(grant(clinic, code).status)):
        statuses.append(grant(clinic, code).status)

    assert statuses == [201, 410]
    assert len(clinic.rows("K#")) == 2


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_a_block_that_comes_meanwhile_is_not_lifted(clinic: Clinic) -> None:
    code = asked(clinic)

    with before("TransactWriteItems", lambda: clinic.grant(type="deny")):
        reply = grant(clinic, code)

    assert reply.status == 403
    assert kinds(clinic) == ["block", "request"]
    assert not may_read(clinic)


def test_no_grant_within_a_day_of_another_address(clinic: Clinic) -> None:
    code = asked(clinic)
    until = int(datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp())
    RecordItem(clinic.id, CONTACT).update(actions=[RecordItem.until.set(until)])

    reply = grant(clinic, code)

    assert reply.status == 403
    assert reply.json["issue"][0]["details"]["coding"][0]["code"] == "contact-just-changed"
    assert kinds(clinic) == ["contact-just-changed", "request"]
    with time_machine.travel(datetime.fromtimestamp(until, UTC), tick=False):
        assert grant(clinic, asked(clinic)).status == 201


def test_what_a_meeting_costs_in_calls(clinic: Clinic) -> None:
    grant(
        clinic,
        asked(clinic, caller=clinic.world.doctor(BENNIS)),
        caller=clinic.world.doctor(BENNIS),
    )
    with counted() as requested:
        code = asked(clinic)
    with counted() as granted:
        assert grant(clinic, code).status == 201

    assert requested == [
        "UpdateItem", "UpdateItem", "BatchGetItem", "GenerateMac", "PutItem", "UpdateItem",
        "PutItem", "GetItem",
    ]  # fmt: skip
    assert granted == ["BatchGetItem", "GenerateMac", "UpdateItem", "TransactWriteItems"]


BAD_PERIODS = {
    "past": {"end": "2026-11-22T08:00:00Z"},
    "too-long": {"end": "2026-11-30"},
    "later": {"start": "2026-11-22T10:00:00Z"},
}


@pytest.mark.parametrize("case", BAD_PERIODS)
def test_a_period_is_from_now_and_a_week_at_most(clinic: Clinic, case: str) -> None:
    reply = request(clinic, period={"valuePeriod": BAD_PERIODS[case]})

    assert reply.status == 422
    assert "where(name='period')" in reply.json["issue"][0]["expression"][0]
    assert not clinic.entries()


def test_a_period_that_is_asked_for_is_the_grants(clinic: Clinic) -> None:
    end = datetime(2026, 11, 25, 18, tzinfo=UTC)
    code = asked(clinic, period={"valuePeriod": {"end": end.isoformat()}})
    assert "25/11 19:00" in texts()[-1]

    made = grant(clinic, code).json

    assert made["provision"]["period"]["end"] == "2026-11-25T18:00:00.000Z"
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert may_read(clinic)


@pytest.mark.parametrize(
    ("body", "expression"),
    [
        ({"resourceType": "Consent"}, "resourceType"),
        (parameters("x"), f"{TABLE}.where(name='patient').value.reference"),
        (parameters(NOBODY, why={"valueString": "y"}), f"{TABLE}[1].name"),
        (parameters(NOBODY, period={"valueString": "y"}), f"{TABLE}[1]"),
        ({"resourceType": "Parameters"}, f"{TABLE}.where(name='patient')"),
    ],
    ids=["type", "patient", "unknown", "member", "none"],
)
def test_bad_input_names_its_element(clinic: Clinic, body: Any, expression: str) -> None:
    reply = clinic.world.call("POST /fhir/Consent/$request", clinic.doctor, body)

    assert reply.status == 422
    assert reply.json["issue"][0]["expression"] == [expression]


def test_a_practitioner_who_treats_asks_and_nobody_else(clinic: Clinic) -> None:
    for caller in (
        clinic.patient,
        clinic.world.doctor(purpose="BTG"),
        clinic.world.doctor(purpose="HOPERAT"),
        clinic.world.doctor(scopes=("user/Observation.cruds",)),
    ):
        assert request(clinic, caller=caller).status == 403
        assert grant(clinic, "123456", caller=caller).status == 403
    assert grant(clinic, "12345").status == 422


@pytest.mark.parametrize("operation", ["$grants", "$everything", "c1"])
def test_no_other_operation_is_served(clinic: Clinic, operation: str) -> None:
    reply = clinic.world.call(
        f"POST /fhir/Consent/{operation}",
        clinic.doctor,
        json.loads('{"resourceType":"Parameters"}'),
    )

    assert reply.status == 405
