"""Every AWS call of an activation, failing in every way: at the API and in each step.

The workflow's service repeats a step that died or was busy, a person asks again: one record in the
end, under every identifier, welcomed once, or none and the true word for it.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
import time_machine
from moto.stepfunctions.exceptions import ExecutionAlreadyExists
from moto.stepfunctions.parser.models import StepFunctionsParserBackend

from dmp.domain.person import Person
from dmp.domain.refusals import Unavailable
from tests.faults import CRASHES, FAULTS, Outcome, Trial, walked
from tests.register import CIN, IDCS, NADIA, Town, asked, code_of, sms
from tests.stack import Context
from tests.stack import stack as deployed

_serial = itertools.count(100_000)


@dataclass
class Machine:
    """What the workflow's service was told; the tests play its part themselves."""

    started: list[str] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def start(self, state_machine_arn: str, name: str, execution_input: str) -> Any:
        """By name, once; the input is the id alone."""
        if name in self.started:
            raise ExecutionAlreadyExists("it runs")
        assert set(json.loads(execution_input)) == {"activation"}
        self.started.append(name)
        named = f"{state_machine_arn}:{name}"
        return SimpleNamespace(execution_arn=named, start_date=datetime.now(UTC))


@dataclass
class Office:
    """A town whose machine stands still, and the person who comes to it now."""

    town: Town
    machine: Machine
    clock: Any
    person: Person = NADIA

    def comes(self) -> Office:
        """Somebody else, two hours later."""
        self.clock.shift(7200)
        number = next(_serial)
        own = ((CIN, f"BE{number}"), (IDCS, f"77{number}00"))
        self.person = self.town.register(NADIA, identifiers=own, phone=f"+2126{number}00")
        self.town.steps.steps().records._openings._vault._rings.clear()
        return self

    def asks(self) -> str:
        """Their activation."""
        reply = self.town.call("POST /activations", json.dumps(asked(self.person)))
        assert reply.status == 202, reply.body
        return str(reply.json["id"])

    def step(self, name: str, activation: str, **more: str) -> Outcome:
        """One invocation of the steps' function by the machine."""
        event = {"step": name, "activation": activation, **more}
        try:
            self.town.steps.step(event, Context("ActivationSteps"))
        except Unavailable:
            return "busy"
        return "done"

    def waits(self) -> tuple[str, str]:
        """Verified, and a code sent: the activation and the code."""
        activation = self.asks()
        assert self.step("verify", activation) == "done"
        assert self.step("send-code", activation, token="t-1") == "done"
        return activation, code_of(sms()[-1][1])

    def confirms(self, activation: str, code: str, *good: int) -> Outcome:
        """The code is said."""
        body = json.dumps({"code": code})
        reply = self.town.call(f"POST /activations/{activation}/confirmation", body)
        assert reply.status in (202, 503, *good), reply.body
        return "busy" if reply.status == 503 else "done"

    def opened(self, activation: str) -> None:
        """What must be there once it is over: one record, two identifiers, one welcome."""
        view = self.town.view(activation)
        assert view["status"] == "active", self.town.row(activation)
        patient = view["patient"]
        assert len(self._of(patient, "RecordsTable", "N#")) == 1
        assert len(self._of(patient, "RecordsTable", "J#")) == 1
        for system, value in self.person.identifiers:
            key = {"pk": {"S": f"identifier#{self.town.macs.identifier(system, value)}"}}
            table = self.town.stack.output("RegistryTable")
            found = self.town.stack.client("dynamodb").get_item(TableName=table, Key=key)["Item"]
            assert found["patient"]["S"] == patient

    def _of(self, patient: str, table: str, prefix: str) -> list[Any]:
        rows: list[Any] = self.town.stack.client("dynamodb").query(
            TableName=self.town.stack.output(table),
            KeyConditionExpression="pk = :p AND begins_with(sk, :s)",
            ExpressionAttributeValues={":p": {"S": patient}, ":s": {"S": prefix}},
        )["Items"]
        return rows


def _asks(office: Office) -> Trial:
    told: list[str] = []
    before = len(office.machine.started)

    def send() -> Outcome:
        reply = office.town.call("POST /activations", json.dumps(asked(office.person)))
        assert reply.status in (202, 503), reply.body
        told.extend([reply.json["id"]] if reply.status == 202 else [])
        return "busy" if reply.status == 503 else "done"

    def holds() -> None:
        assert f"{told[-1]}-1" in office.machine.started[before:]
        assert office.step("verify", told[-1]) == "done"
        assert office.step("send-code", told[-1], token="t") == "done"
        assert office.confirms(told[-1], code_of(sms()[-1][1])) == "done"

    return Trial(send, holds)


def _confirms(office: Office) -> Trial:
    activation, code = office.waits()
    before = len(office.machine.started)

    def again() -> Outcome:
        nonlocal activation, code
        office.clock.shift(61)
        done = office.confirms(activation, code, 410)
        if office.town.row(activation)["status"] == "opening":
            return done
        activation, code = office.waits()  # each repetition of the SDK's cost a try
        return office.confirms(activation, code)

    def holds() -> None:
        """The machine goes on, or is begun again, or comes to the end of its time."""
        going = bool(office.machine.confirmed) or len(office.machine.started) > before
        assert going or office.town.row(activation)["status"] == "opening"
        assert office.step("expire", activation) == "done"
        assert office.step("open", activation) == "done"
        office.opened(activation)

    office.machine.confirmed.clear()
    return Trial(lambda: office.confirms(activation, code), holds, again)


def _mistypes(office: Office) -> Trial:
    activation, code = office.waits()
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for _ in range(2):
        office.confirms(activation, wrong, 422)

    def send() -> Outcome:
        return office.confirms(activation, wrong, 422, 410)

    def holds() -> None:
        assert office.step("refuse", activation) == "done"
        assert office.town.view(activation)["status"] == "refused"
        body = json.dumps({"code": code})
        path = f"POST /activations/{activation}/confirmation"
        assert office.town.call(path, body).status == 410

    return Trial(send, holds)


def _verifies(office: Office) -> Trial:
    activation = office.asks()

    def holds() -> None:
        assert office.town.row(activation)["finding"] == "matched"

    return Trial(lambda: office.step("verify", activation), holds)


def _sends_the_code(office: Office) -> Trial:
    activation = office.asks()
    assert office.step("verify", activation) == "done"
    before = len(sms())
    tokens = iter(("t-1", "t-2"))

    def send() -> Outcome:
        return office.step("send-code", activation, token=next(tokens))

    def holds() -> None:
        assert 1 <= len(sms()) - before <= 2
        assert office.confirms(activation, code_of(sms()[-1][1])) == "done"  # the last one counts

    return Trial(send, holds)


def _expires(office: Office) -> Trial:
    activation, _ = office.waits()
    office.clock.shift(1000)

    def holds() -> None:
        assert office.town.view(activation)["status"] == "expired"
        assert office.town.row(activation)["finding"] == "expired"

    return Trial(lambda: office.step("expire", activation), holds)


def _opens(office: Office) -> Trial:
    activation, code = office.waits()
    assert office.confirms(activation, code) == "done"

    def holds() -> None:
        office.opened(activation)
        assert office.step("open", activation) == "done"  # once more: nothing is done twice
        office.opened(activation)

    return Trial(lambda: office.step("open", activation), holds)


FLOWS: dict[str, Callable[[Office], Trial]] = {
    "asks": _asks, "confirms": _confirms, "mistypes": _mistypes, "verifies": _verifies,
    "sends the code": _sends_the_code, "expires": _expires, "opens": _opens,
}  # fmt: skip


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    machine = Machine()
    with (
        deployed() as made,
        time_machine.travel(1_795_345_200, tick=False) as clock,
        mock.patch.multiple(
            StepFunctionsParserBackend,
            start_execution=lambda _, *given: machine.start(*given),
            send_task_success=lambda _, token, __: machine.confirmed.append(token),
            send_task_failure=lambda _, token, **__: machine.refused.append(token),
        ),
    ):
        yield Office(Town(made), machine, clock)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", FLOWS)
def test_each_call_of_an_activation_fails(
    office: Office, name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = walked(lambda: FLOWS[name](office.comes()), fault)

    assert tried or fault not in CRASHES
    capsys.readouterr()
