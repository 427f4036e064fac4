"""The activation workflow itself, executed by moto with the real steps and the real API."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dmp.domain.refusals import Unavailable
from tests.register import IDCS, NADIA, Town, asked, code_of, sms
from tests.stack import stack

pytestmark = pytest.mark.slow


@pytest.fixture
def town() -> Iterator[Town]:
    with stack() as made:
        yield Town(made)


@pytest.fixture
def hasty() -> Iterator[Town]:
    """A deployment whose codes live two seconds."""
    with stack(CodeSeconds="2") as made:
        yield Town(made)


def begun(town: Town, body: dict[str, Any]) -> str:
    answered = town.call("POST /activations", json.dumps(body))
    assert answered.status == 202, answered.body
    assert answered.json["status"] == "verifying"
    assert answered.headers["Location"] == f"/activations/{answered.json['id']}"
    name: str = answered.json["id"]
    assert town.wait_for(name, "awaiting-code") == {"id": name, "status": "awaiting-code"}
    return name


def confirm(town: Town, activation: str, code: str) -> tuple[int, dict[str, Any]]:
    reply = town.call(f"POST /activations/{activation}/confirmation", json.dumps({"code": code}))
    return reply.status, reply.json


def wrong_for(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def nothing_left(town: Town) -> bool:
    return not [k for t in ("RecordsTable", "KeysTable", "RegistryTable") for k in town.rows(t)]


def test_the_right_person_has_a_record_and_is_welcome(town: Town) -> None:
    person = town.register()
    name = begun(town, asked(person))
    [(number, text)] = sms()
    assert number == person.phone

    status, _ = confirm(town, name, code_of(text))
    assert status == 202
    view = town.wait_for(name, "active")
    patient = view["patient"]
    assert town.ends(name) == "SUCCEEDED"
    assert town.rows("KeysTable") == [patient]
    kinds = [key.split(" ")[1].partition("#")[0] for key in town.rows("RecordsTable")]
    assert sorted(kinds) == ["CONTACT", "GUARD", "J", "K", "N", "STANDING", "U"]
    known = [key.partition("#")[0] for key in town.rows("RegistryTable")]
    assert known == ["first-sign-in", *("identifier" for _ in person.identifiers)]
    row = town.row(name)
    assert row["finding"] == "matched"
    assert not {"asked", "token", "code_mac"} & set(row)

    assert confirm(town, name, code_of(text))[0] == 410
    assert len(sms()) == 1


@pytest.mark.parametrize(
    ("body", "finding"),
    [
        ({"birthDate": "1985-03-15"}, "differs"),
        ({"family": "Bennis"}, "differs"),
        ({"identifier": {"system": IDCS, "value": "1234567890"}}, "unknown"),
        ({"telecom": {"phone": "+212661111111"}}, "other-phone"),
    ],
)
def test_whoever_does_not_match_waits_and_is_refused_like_anyone(
    town: Town, body: dict[str, Any], finding: str
) -> None:
    town.register()
    name = begun(town, asked(**body))
    assert sms() == []

    for left in (2, 1, 0):
        status, problem = confirm(town, name, "123456")
        assert (status, problem["tries_left"]) == (422, left)
    view = town.wait_for(name, "refused")
    assert view == {"id": name, "status": "refused", "reason": "not-confirmed"}
    assert town.ends(name) == "SUCCEEDED"
    assert confirm(town, name, "123456")[0] == 410
    assert town.row(name)["finding"] == finding
    assert nothing_left(town)


@pytest.mark.parametrize(
    ("changes", "finding"), [({"phone": None}, "in-person"), ({"died": True}, "died")]
)
def test_a_person_without_phone_or_no_longer_living_gets_no_code(
    town: Town, changes: dict[str, Any], finding: str
) -> None:
    person = town.register(**changes)
    name = begun(town, asked(person))

    assert sms() == []
    assert town.row(name)["finding"] == finding


def test_a_second_record_is_not_opened_under_any_identifier(town: Town) -> None:
    person = town.register()
    first = begun(town, asked(person))
    confirm(town, first, code_of(sms()[0][1]))
    town.wait_for(first, "active")
    kept = town.rows("RegistryTable"), town.rows("RecordsTable")

    system, value = person.identifiers[1]
    second = begun(town, asked(person, identifier={"system": system, "value": value}))
    assert len(sms()) == 1
    assert confirm(town, second, "123456")[0] == 422
    assert town.row(second)["finding"] == "duplicate"
    assert (town.rows("RegistryTable"), town.rows("RecordsTable")) == kept


def test_of_two_activations_of_one_person_one_opens(town: Town) -> None:
    person = town.register()
    first, second = begun(town, asked(person)), begun(town, asked(person))
    codes = [code_of(text) for _, text in sms()]

    assert confirm(town, first, codes[0])[0] == 202
    town.wait_for(first, "active")
    assert confirm(town, second, codes[1])[0] == 202
    view = town.wait_for(second, "refused")
    assert view["reason"] == "not-confirmed"
    assert "patient" not in view
    assert town.row(second)["finding"] == "duplicate"
    assert len(town.rows("KeysTable")) == 1


def test_three_wrong_codes_end_it_and_the_right_one_comes_too_late(town: Town) -> None:
    name = begun(town, asked(town.register()))
    code = code_of(sms()[0][1])

    for left in (2, 1, 0):
        assert confirm(town, name, wrong_for(code))[1]["tries_left"] == left
    assert town.wait_for(name, "refused")["reason"] == "not-confirmed"
    assert confirm(town, name, code)[0] == 410
    assert town.row(name)["finding"] == "not-confirmed"
    assert town.ends(name) == "SUCCEEDED"
    assert nothing_left(town)


@pytest.mark.parametrize(
    ("changes", "finding"), [({}, "expired"), ({"family": "Bennis"}, "differs")]
)
def test_a_code_not_given_in_time_is_over(
    hasty: Town, changes: dict[str, Any], finding: str
) -> None:
    hasty.register()
    name = begun(hasty, asked(**changes))

    assert hasty.wait_for(name, "expired") == {"id": name, "status": "expired"}
    assert hasty.ends(name) == "SUCCEEDED"
    assert hasty.row(name)["status"] == "expired"
    assert hasty.row(name)["finding"] == finding
    assert confirm(hasty, name, "123456")[0] == 410
    assert nothing_left(hasty)


@pytest.mark.parametrize("step", ["verify", "send-code", "open"])
def test_a_step_that_was_busy_runs_again(town: Town, step: str) -> None:
    town.hinder = once(step, Unavailable)
    name = begun(town, asked(town.register()))

    assert confirm(town, name, code_of(sms()[-1][1]))[0] == 202
    town.wait_for(name, "active")
    assert len(town.rows("KeysTable")) == 1


def test_a_step_whose_answer_was_lost_changes_nothing_twice(town: Town) -> None:
    """Opening is done, its answer is not heard, and it is done again."""
    heard: list[str] = []

    def deaf(step: str) -> None:
        heard.append(step)
        if heard.count(step) == 1 and step in ("send-code", "open"):
            raise Unavailable

    town.deafen = deaf
    name = begun(town, asked(town.register()))
    while heard.count("send-code") < 2:
        time.sleep(0.1)
    assert confirm(town, name, code_of(sms()[-1][1]))[0] == 202
    view = town.wait_for(name, "active")
    assert town.ends(name) == "SUCCEEDED"
    assert heard.count("open") == 2
    assert town.rows("KeysTable") == [view["patient"]]


def test_a_step_that_fails_for_good_leaves_nothing_and_says_so(town: Town) -> None:
    def broken(step: str) -> None:
        if step == "open":
            raise ValueError("Nadia El Idrissi")

    town.hinder = broken
    name = begun(town, asked(town.register()))
    confirm(town, name, code_of(sms()[0][1]))

    assert town.wait_for(name, "failed") == {"id": name, "status": "failed"}
    assert town.ends(name) == "FAILED"
    assert town.row(name)["finding"] == "error"
    assert nothing_left(town)


def test_an_execution_lost_while_waiting_is_run_again_by_the_right_code(town: Town) -> None:
    """An emulator's restart, or a stopped execution: the token answers to nobody any more."""
    name = begun(town, asked(town.register()))
    stepfunctions = town.stack.client("stepfunctions")
    arn = town.machine.replace(":stateMachine:", ":execution:") + f":{name}-1"
    stepfunctions.stop_execution(executionArn=arn)
    workflow = town.api.desk().workflow
    with pytest.MonkeyPatch.context() as patch:  # moto keeps the token of a stopped execution
        patch.setattr(workflow._stepfunctions, "send_task_success", gone)
        assert confirm(town, name, code_of(sms()[0][1]))[0] == 202

    town.wait_for(name, "active")
    assert town.ends(name, run=2) == "SUCCEEDED"


def test_nothing_but_the_activations_id_is_in_the_history(town: Town) -> None:
    person = town.register()
    name = begun(town, asked(person))
    code = code_of(sms()[0][1])
    confirm(town, name, code)
    view = town.wait_for(name, "active")
    town.ends(name)

    arn = town.machine.replace(":stateMachine:", ":execution:") + f":{name}-1"
    history = town.stack.client("stepfunctions").get_execution_history(executionArn=arn)
    told = json.dumps(history["events"], default=str, ensure_ascii=False)
    for private in (code, view["patient"], person.family, person.given[0], NADIA.phone or ""):
        assert private not in told
    assert name in told


def once(step: str, error: type[Exception]) -> Callable[[str], None]:
    """Fails the step's first call."""
    failed: list[str] = []

    def hinder(called: str) -> None:
        if called == step and not failed:
            failed.append(called)
            raise error

    return hinder


def gone(**_: str) -> None:
    raise ClientError({"Error": {"Code": "TaskDoesNotExist", "Message": ""}}, "SendTaskSuccess")
