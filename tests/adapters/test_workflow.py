"""Executions: started once by name, and answered as what waits allows."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from dmp.adapters.workflow import StateMachine
from dmp.domain.refusals import Unavailable


class StepFunctions:
    """Fails every call with one error, if given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[dict[str, Any]] = []

    def _call(self, **named: Any) -> None:
        self.calls.append(named)
        if self.error:
            raise self.error

    start_execution = send_task_success = send_task_failure = _call


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "x"}}, "Any")


def test_what_travels_is_the_id_alone() -> None:
    stepfunctions = StepFunctions()
    machine = StateMachine(stepfunctions, "arn")
    machine.start("a1", 2)
    assert machine.confirmed("token") is True
    machine.not_confirmed("token")

    assert stepfunctions.calls == [
        {"stateMachineArn": "arn", "name": "a1-2", "input": '{"activation": "a1"}'},
        {"taskToken": "token", "output": "{}"},
        {"taskToken": "token", "error": "NotConfirmed"},
    ]


def test_an_execution_that_runs_already_is_no_error() -> None:
    StateMachine(StepFunctions(refused("ExecutionAlreadyExists")), "arn").start("a1", 1)


@pytest.mark.parametrize("code", ["TaskDoesNotExist", "TaskTimedOut", "InvalidToken"])
def test_a_wait_that_is_over_is_told(code: str) -> None:
    machine = StateMachine(StepFunctions(refused(code)), "arn")

    assert machine.confirmed("token") is False
    machine.not_confirmed("token")


@pytest.mark.parametrize(
    "error", [refused("ThrottlingException"), ReadTimeoutError(endpoint_url="x")]
)
def test_anything_else_may_be_asked_again(error: Exception) -> None:
    machine = StateMachine(StepFunctions(error), "arn")
    for call in (
        lambda: machine.start("a1", 1),
        lambda: machine.confirmed("token"),
        lambda: machine.not_confirmed("token"),
    ):
        with pytest.raises(Unavailable):
            call()
