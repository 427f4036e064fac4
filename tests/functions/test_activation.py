"""The activation API through the real handlers: what it takes, refuses, counts and tells."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from infra.template import ROOT
from tests.register import NADIA, Town, asked, code_of, sms
from tests.stack import Context, stack

EVENTS = ROOT / "events" / "activation"
MISSING = object()


@pytest.fixture(scope="module")
def deployed() -> Iterator[Town]:
    with stack() as made:
        town = Town(made)
        town.register()
        yield town


@pytest.fixture
def started(deployed: Town, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What was asked of the state machine; the tests play its part themselves."""
    calls: list[dict[str, Any]] = []
    stepfunctions = deployed.api.desk().workflow._stepfunctions
    for name in ("start_execution", "send_task_success", "send_task_failure"):
        monkeypatch.setattr(stepfunctions, name, lambda **named: calls.append(named))
    return calls


@pytest.fixture
def town(deployed: Town, started: list[dict[str, Any]]) -> Iterator[Town]:
    dynamodb, table = deployed.stack.client("dynamodb"), deployed.stack.output("RegistryTable")
    for item in dynamodb.scan(TableName=table, ProjectionExpression="pk")["Items"]:
        dynamodb.delete_item(TableName=table, Key=item)
    del started[:]
    with time_machine.travel(time.time() // 3600 * 3600 + 10, tick=False) as travel:
        deployed.travel = travel
        yield deployed


def step(town: Town, name: str, activation: str, **more: str) -> Any:
    event = {"step": name, "activation": activation, **more}
    return town.steps.step(event, Context("ActivationSteps"))


def waiting(town: Town, **changes: Any) -> str:
    """An activation whose code was sent."""
    name: str = town.call("POST /activations", json.dumps(asked(**changes))).json["id"]
    assert step(town, "verify", name) == {"next": "code"}
    step(town, "send-code", name, token="token-1")
    return name


def confirm(town: Town, activation: str, code: object) -> tuple[int, dict[str, Any]]:
    reply = town.call(f"POST /activations/{activation}/confirmation", json.dumps({"code": code}))
    return reply.status, reply.json


def test_the_events_kept_for_developers_are_answered(town: Town) -> None:
    expected = {"ask": 202, "progress": 404, "confirm": 404}
    for path in sorted(EVENTS.glob("*.json")):
        event = json.loads(path.read_text("utf-8"))
        if path.stem.startswith("step_"):
            assert set(town.steps.step(event, Context("ActivationSteps"))) == {"next"}
        else:
            answered = town.api.handler(event, Context("ActivationApi"))
            assert answered["statusCode"] == expected.pop(path.stem), path.stem
    assert not expected


def test_an_execution_is_started_by_name_with_the_id_alone(
    town: Town, started: list[dict[str, Any]]
) -> None:
    reply = town.call("POST /activations", json.dumps(asked()))
    name = reply.json["id"]

    assert reply.json == {"id": name, "status": "verifying"}
    assert len(name) == 32
    [call] = started
    assert call["name"] == f"{name}-1"
    assert json.loads(call["input"]) == {"activation": name}


WRONG: list[tuple[str, object, str]] = [
    ("identifier", MISSING, "identifier"),
    ("identifier", "BE742318", "identifier"),
    ("identifier", {"system": "urn:ma:inpe", "value": "100000001"}, "identifier.system"),
    ("identifier", {"system": "urn:ma:cin"}, "identifier.value"),
    ("identifier", {"system": "urn:ma:cin", "value": "B" * 21}, "identifier.value"),
    ("identifier", {"system": "urn:ma:cin", "value": 7}, "identifier.value"),
    ("identifier", {"system": "urn:ma:cin", "value": "BE1", "use": "x"}, "identifier"),
    ("family", MISSING, "family"),
    ("family", "", "family"),
    ("family", "123", "family"),
    ("family", "x" * 101, "family"),
    ("family", "a\u0000b", "family"),
    ("given", MISSING, "given"),
    ("given", [], "given"),
    ("given", "Nadia", "given"),
    ("given", ["Nadia", 7], "given"),
    ("given", ["N"] * 11, "given"),
    ("birthDate", MISSING, "birthDate"),
    ("birthDate", "14/03/1985", "birthDate"),
    ("birthDate", "1985-02-30", "birthDate"),
    ("birthDate", "2999-01-01", "birthDate"),
    ("birthDate", "1899-12-31", "birthDate"),
    ("birthDate", 1985, "birthDate"),
    ("telecom", MISSING, "telecom"),
    ("telecom", [], "telecom"),
    ("telecom", {}, "telecom.phone"),
    ("telecom", {"phone": "0522345678"}, "telecom.phone"),
    ("telecom", {"phone": "+33612345678"}, "telecom.phone"),
    ("telecom", {"phone": 612345678}, "telecom.phone"),
    ("telecom", {"phone": "0612345678", "email": "nadia"}, "telecom.email"),
    ("telecom", {"phone": "0612345678", "email": None}, "telecom.email"),
    ("telecom", {"phone": "0612345678", "fax": "1"}, "telecom"),
    ("language", MISSING, "language"),
    ("language", "FR", "language"),
    ("notify", MISSING, "notify"),
    ("notify", "post", "notify"),
    ("notify", "email", "telecom.email"),
    ("policy", "allow", "policy"),
    ("policy", None, "policy"),
    ("consent", True, "body"),
]


@pytest.mark.parametrize(("member", "value", "field"), WRONG)
def test_every_fault_is_told_by_its_field(
    town: Town, started: list[dict[str, Any]], member: str, value: object, field: str
) -> None:
    body = asked()
    if value is MISSING:
        del body[member]
    else:
        body[member] = value
    reply = town.call("POST /activations", json.dumps(body))

    assert reply.status == 422
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.json["code"] == "invalid"
    assert field in [error["field"] for error in reply.json["errors"]]
    assert started == []


def test_all_faults_are_told_at_once_and_no_value_is_repeated(town: Town) -> None:
    reply = town.call("POST /activations", json.dumps({"family": "Zzyzx9 1", "secret": "Zzyzx8"}))

    assert {e["field"] for e in reply.json["errors"]} >= {
        "body", "identifier", "given", "birthDate", "telecom", "language", "notify",
    }  # fmt: skip
    assert "Zzyzx" not in reply.body


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[]", 400), ('{"family": 1, "family": 2}', 400), ("", 400), ("null", 400)],
)
def test_what_is_not_an_object_is_refused(town: Town, body: str, status: int) -> None:
    assert town.call("POST /activations", body).status == status


def test_only_json_is_read(town: Town) -> None:
    event = json.loads((EVENTS / "ask.json").read_text("utf-8"))
    event["headers"]["Content-Type"] = "text/plain"

    assert town.api.handler(event, Context("ActivationApi"))["statusCode"] == 415


@pytest.mark.parametrize(
    "body",
    [
        asked(given=["Nadia", "Zahra"], policy="break-glass-only"),
        asked(telecom={"phone": "06 12 34 56 78", "email": "n@example.org"}, notify="email"),
        asked(identifier={"system": "urn:ma:cin", "value": "be 742318"}, family="EL  IDRISSI"),
        asked(family="El-Idrissi", given=["Nàdia"]),
    ],
)
def test_other_spellings_of_the_same_person_get_the_code(town: Town, body: dict[str, Any]) -> None:
    before = len(sms())
    waiting(town, **body)

    assert len(sms()) == before + 1


def test_an_identifier_is_asked_for_five_times_an_hour(town: Town) -> None:
    for _ in range(5):
        assert town.call("POST /activations", json.dumps(asked())).status == 202
    town.source = "192.0.2.77"
    reply = town.call("POST /activations", json.dumps(asked()))
    assert reply.status == 429
    assert 0 < int(reply.headers["Retry-After"]) <= 3600
    again = {"system": "urn:ma:cin", "value": "be-742318"}
    assert town.call("POST /activations", json.dumps(asked(identifier=again))).status == 429

    town.travel.shift(3600)
    assert town.call("POST /activations", json.dumps(asked())).status == 202


def test_a_source_asks_twenty_times_an_hour(town: Town) -> None:
    def ask(n: int) -> int:
        identifier = {"system": "urn:ma:cin", "value": f"ZZ{n}"}
        return town.call("POST /activations", json.dumps(asked(identifier=identifier))).status

    town.source = "2001:db8:1:2::1"
    assert [ask(n) for n in range(20)] == [202] * 20
    town.source = "2001:db8:1:2::ffff"  # the same household
    assert ask(20) == 429
    town.source = "2001:db8:1:3::1"
    assert ask(21) == 202


@pytest.mark.parametrize("code", ["12345", "1234567", "12a456", "", None, 123456, ["1"]])
def test_what_is_not_six_digits_costs_no_try(town: Town, code: object) -> None:
    name = waiting(town)
    status, problem = confirm(town, name, code)

    assert (status, problem["expression"], problem["tries_left"]) == (422, "code", 3)


def test_a_code_before_it_was_sent_costs_no_try(town: Town) -> None:
    name = town.call("POST /activations", json.dumps(asked())).json["id"]

    assert confirm(town, name, "123456")[1]["tries_left"] == 3


def test_a_code_may_be_typed_with_spaces_and_eastern_digits(town: Town) -> None:
    for digits in ("0123456789", "٠١٢٣٤٥٦٧٨٩"):
        name = waiting(town)
        code = code_of(sms()[-1][1]).translate(str.maketrans("0123456789", digits))
        assert confirm(town, name, f" {code[:3]} {code[3:]}")[0] == 202


def test_a_code_opens_only_its_own_activation(town: Town) -> None:
    first, second = waiting(town), waiting(town)
    codes = [code_of(text) for _, text in sms()[-2:]]
    if codes[0] != codes[1]:
        assert confirm(town, first, codes[1])[0] == 422
    assert confirm(town, second, codes[1])[0] == 202


def test_a_repeated_send_is_the_code_that_counts(town: Town, started: list[dict[str, Any]]) -> None:
    name = waiting(town)
    step(town, "send-code", name, token="token-2")
    code = code_of(sms()[-1][1])

    assert confirm(town, name, code)[0] == 202
    assert started[-1]["taskToken"] == "token-2"


def test_nothing_is_known_of_other_ids(town: Town) -> None:
    assert town.call("GET /activations/" + "0" * 32).status == 404
    assert confirm(town, "0" * 32, "123456")[0] == 404


def test_an_ended_activation_is_forgotten_after_a_day_even_if_its_row_is_still_there(
    town: Town,
) -> None:
    name = waiting(town)
    town.travel.shift(1000)
    assert town.view(name)["status"] == "expired"
    town.travel.shift(86_400 + 900)
    assert town.call(f"GET /activations/{name}").status == 404


def test_a_code_that_came_in_the_last_moment_still_opens(town: Town) -> None:
    """The wait timed out while the right code was being taken in."""
    name = waiting(town)
    assert confirm(town, name, code_of(sms()[-1][1]))[0] == 202
    assert step(town, "expire", name) == {"next": "open"}
    step(town, "open", name)
    assert town.view(name)["status"] == "active"
    registry = town.stack.client("dynamodb").scan(TableName=town.stack.output("RegistryTable"))
    assert sum(i["pk"]["S"].startswith("identifier#") for i in registry["Items"]) == 2


def test_an_opening_that_stalled_is_run_again_when_asked(
    town: Town, started: list[dict[str, Any]]
) -> None:
    name = waiting(town)
    code = code_of(sms()[-1][1])
    confirm(town, name, code)
    assert confirm(town, name, code)[0] == 202
    assert [c.get("name") for c in started if "name" in c] == [f"{name}-1"]

    town.travel.shift(61)
    assert confirm(town, name, code)[0] == 202
    assert started[-1]["name"] == f"{name}-2"
    assert step(town, "verify", name) == {"next": "open"}


@pytest.mark.parametrize("dependency", ["kms", "stepfunctions", "dynamodb"])
def test_a_service_that_fails_is_503_and_may_be_asked_again(
    town: Town, monkeypatch: pytest.MonkeyPatch, dependency: str
) -> None:
    def down(**_: object) -> None:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "x"}}, "Any")

    desk = town.api.desk()
    where = {
        "kms": (desk.macs._kms, "generate_mac"),
        "stepfunctions": (desk.workflow._stepfunctions, "start_execution"),
        "dynamodb": (desk.rates._dynamodb, "update_item"),
    }
    monkeypatch.setattr(*where[dependency], down)
    reply = town.call("POST /activations", json.dumps(asked()))

    assert reply.status == 503
    assert reply.headers["Retry-After"] == "1"
    monkeypatch.undo()


def test_a_failed_mac_costs_no_try(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(**_: object) -> None:
        raise ClientError({"Error": {"Code": "KMSInternalException", "Message": "x"}}, "Any")

    name = waiting(town)
    with monkeypatch.context() as patch:
        patch.setattr(town.api.desk().macs._kms, "generate_mac", down)
        assert confirm(town, name, "123456")[0] == 503
    assert town.row(name)["tries"] == "3"


def test_a_person_is_not_in_the_row_once_it_has_ended(town: Town) -> None:
    name = waiting(town, family="Bennis")
    assert "Bennis" in town.row(name)["asked"]
    step(town, "expire", name)

    told = json.dumps(town.row(name), default=str)
    for private in ("Bennis", NADIA.birth_date, "612345678", "BE742318"):
        assert private not in told
