"""Break-glass: four hours without the patient, in full view, and never over what was forbidden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from dmp.adapters.dynamodb.tables import CONTACT
from dmp.domain.caller import Caller
from dmp.domain.contact import Contact
from dmp.domain.notices import Notice
from dmp.use_cases.ports import Door
from tests.aws_calls import before, counted, failing, forget
from tests.clinic import Clinic
from tests.world import BENNIS, Reply, World, observation

TEXT = "Trouvé inconscient sur la voie publique"
NINE = datetime(2026, 11, 22, 9, tzinfo=UTC)
WHERE = "Parameters.parameter.where(name='{}').value"


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world, granted=False)
    with time_machine.travel(NINE, tick=False):
        yield made
    forget(made.id)


def emergency(clinic: Clinic, practitioner: str = BENNIS, **changes: Any) -> Caller:
    return clinic.world.doctor(practitioner, **{"purpose": "BTG", **changes})


def parameters(patient: str, reason: str = "UNCONSCIOUS", text: str = TEXT) -> dict[str, Any]:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}},
            {"name": "reason", "valueCode": reason},
            {"name": "text", "valueString": text},
        ],
    }


def opened(
    clinic: Clinic, caller: Caller | None = None, patient: str = "", **headers: str
) -> Reply:
    body = parameters(patient or clinic.id)
    url = "POST /fhir/Consent/$break-glass"
    return clinic.world.call(url, caller or emergency(clinic), body, **headers)


def status(clinic: Clinic, caller: Caller | None = None, path: str = "") -> int:
    url = f"GET /fhir/{path or 'Patient/' + clinic.id}"
    return clinic.world.call(url, caller or emergency(clinic)).status


def rules(clinic: Clinic) -> list[tuple[str, str]]:
    """Outcome and rule of what practitioners did, in no order: the clock stands still."""
    return sorted((outcome, rule) for _, outcome, rule in clinic.told())


def notices(clinic: Clinic) -> list[Notice]:
    door = clinic.store.enter(clinic.id, clinic.patient)
    assert isinstance(door, Door)
    ring = door.ring  # type: ignore[attr-defined]  # the adapter's own door
    return [
        Notice.from_bytes(ring.open("notice", row["sk"][2:], row["b"])) for row in clinic.rows("N#")
    ]


def test_the_record_opens_for_that_practitioner_alone_for_four_hours(clinic: Clinic) -> None:
    assert status(clinic) == 403

    reply = opened(clinic)

    assert reply.status == 201, reply.body
    made = reply.json
    assert made["extension"] == [{"url": "urn:dmp:grant", "valueCode": "break-glass"}]
    assert made["provision"]["period"]["end"] == "2026-11-22T13:00:00.000Z"
    assert status(clinic) == 200
    written = clinic.world.call("POST /fhir/Observation", emergency(clinic), observation(clinic.id))
    assert written.status == 201, written.body
    for caller in (
        clinic.world.doctor(BENNIS),
        emergency(clinic, organization="100000001", client_id="app-100000001"),
    ):
        assert status(clinic, caller) in (401, 403)
    with time_machine.travel(NINE.replace(hour=13), tick=False):
        assert status(clinic) == 403
    assert ("permit", "break-glass") in rules(clinic)


def test_every_query_is_journalled_under_its_rule(clinic: Clinic) -> None:
    opened(clinic)
    for path in ("", f"Observation?patient={clinic.id}", f"Patient/{clinic.id}/$everything"):
        assert status(clinic, path=path) == 200

    assert rules(clinic) == [("permit", "break-glass")] * 4


def test_reason_and_words_are_sealed_and_the_patient_reads_them(clinic: Clinic) -> None:
    opened(clinic)

    journal = clinic.world.call(f"GET /fhir/AuditEvent?patient={clinic.id}", clinic.patient)

    told = [e["resource"] for e in journal.json["entry"]]
    (reason,) = [x for e in told for x in e["extension"] if x["url"] == "urn:dmp:reason"]
    assert reason["extension"] == [
        {"url": "code", "valueCode": "UNCONSCIOUS"},
        {"url": "text", "valueString": TEXT},
    ]
    kept = str([clinic.rows("!"), clinic.world.stack.client("dynamodb").scan(
        TableName=clinic.world.tables["REGISTRY_TABLE"])["Items"]])  # fmt: skip
    assert "inconscient" not in kept
    assert "UNCONSCIOUS" not in kept


@pytest.mark.parametrize("hour", [2, 14])
def test_the_patient_is_told_at_once_whatever_they_prefer(clinic: Clinic, hour: int) -> None:
    door = clinic.store.enter(clinic.id, clinic.patient)
    contact = Contact("+212612345678", None, "ar", "sms", "daily")
    sealed = door.ring.seal("notice", CONTACT, contact.to_bytes())  # type: ignore[union-attr]
    clinic.world.stack.client("dynamodb").update_item(
        TableName=clinic.world.tables["RECORDS_TABLE"],
        Key={"pk": {"S": clinic.id}, "sk": {"S": CONTACT}},
        UpdateExpression="SET b = :b",
        ExpressionAttributeValues={":b": {"B": sealed}},
    )
    with time_machine.travel(NINE.replace(hour=hour), tick=False):
        opened(clinic)
        assert status(clinic) == 200

        (told,) = [n for n in notices(clinic) if n.kind == "break-glass"]
        assert told.due == int(NINE.replace(hour=hour).timestamp())
    assert (told.practitioner, told.organization) == ("Dr Youssef Bennis", "Hôpital Ibn Sina")


FORBIDDING: dict[str, dict[str, Any]] = {
    "blocked": {"practitioner": BENNIS, "type": "deny"},
    "forbidden": {"actor": None, "type": "deny", "purpose": [{"code": "BTG"}]},
}


@pytest.mark.parametrize("case", FORBIDDING)
def test_what_was_forbidden_is_told_as_what_does_not_exist(clinic: Clinic, case: str) -> None:
    clinic.grant(**FORBIDDING[case])

    refused, absent = opened(clinic), opened(clinic, patient=clinic.id[::-1])

    assert refused.status == absent.status == 403
    assert refused.body == absent.body
    assert dict(refused.headers) == dict(absent.headers)
    (entry,) = clinic.entries()
    expected = {"blocked": "block", "forbidden": "break-glass-forbidden"}[case]
    assert (entry.outcome, entry.rule, entry.reason["text"]) == ("refuse", expected, TEXT)
    assert status(clinic) == 403


def test_what_is_sealed_even_in_emergency_stays_sealed(clinic: Clinic) -> None:
    clinic.grant()
    ordinary, always = clinic.observe(), clinic.observe()
    clinic.seal(f"Observation/{ordinary}", purpose=[{"code": "TREAT"}])
    clinic.seal(f"Observation/{always}", purpose=[{"code": "BTG"}])

    opened(clinic)

    assert status(clinic, path=f"Observation/{ordinary}") == 200
    assert status(clinic, path=f"Observation/{always}") == 404


def test_only_an_emergency_of_a_role_that_may(clinic: Clinic) -> None:
    for caller in (
        clinic.patient,
        clinic.world.doctor(BENNIS),
        emergency(clinic, role="pharmacist"),
        emergency(clinic, scopes=("user/Observation.cruds",)),
    ):
        reply = opened(clinic, caller)
        assert reply.status == 403
        assert reply.body == opened(clinic, caller, clinic.id[::-1]).body
    assert not clinic.entries()


@pytest.mark.parametrize(
    ("reason", "text", "wrong"),
    [
        ("BORED", TEXT, "reason"),
        ("OTHER", "trop court", None),
        ("OTHER", "court", "text"),
        ("OTHER", "x" * 501, "text"),
        ("OTHER", "  .      .  ", "text"),
    ],
)
def test_a_reason_is_a_code_and_some_words(
    clinic: Clinic, reason: str, text: str, wrong: str | None
) -> None:
    body = parameters(clinic.id, reason, text)

    reply = clinic.world.call("POST /fhir/Consent/$break-glass", emergency(clinic), body)

    if wrong is None:
        assert reply.status == 201
        return
    assert reply.status == 422
    assert reply.json["issue"][0]["expression"] == [WHERE.format(wrong)]
    assert not clinic.entries()


def test_it_is_one_transaction(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    kept = clinic.rows("!")
    with failing("TransactWriteItems", "ThrottlingException"):
        assert opened(clinic).status == 503
    assert clinic.rows("!") == kept

    with counted() as calls:
        assert opened(clinic).status == 201

    assert [c for c in calls if c != "Decrypt"] == ["BatchGetItem", "TransactWriteItems"]
    assert len(clinic.rows("A#")) == 1
    assert int(clinic.rows("GUARD")[0]["pv"]) == 2


def test_a_repeat_with_its_key_opens_nothing_twice(clinic: Clinic) -> None:
    first, again = (opened(clinic, Idempotency_Key="k") for _ in range(2))

    assert (first.status, first.body) == (again.status, again.body)
    assert opened(clinic).status == 201  # without it, another: told and reviewed too
    assert len([n for n in notices(clinic) if n.kind == "break-glass"]) == 2


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_who_is_blocked_meanwhile_is_refused(clinic: Clinic) -> None:
    with before("TransactWriteItems", lambda: clinic.grant(practitioner=BENNIS, type="deny")):
        reply = opened(clinic)

    assert reply.status == 403
    assert rules(clinic) == [("refuse", "block")]


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_two_at_once_both_open(clinic: Clinic) -> None:
    statuses: list[int] = []
    other = replace(emergency(clinic, "200000001"))

    with before("TransactWriteItems", lambda: statuses.append(opened(clinic, other).status)):
        statuses.append(opened(clinic).status)

    assert statuses == [201, 201]
    assert status(clinic) == status(clinic, other) == 200
