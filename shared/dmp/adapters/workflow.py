"""Executions of the activation's state machine: started by name, ended by task token."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dmp.domain.refusals import Unavailable

_OVER = frozenset({"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"})


class StateMachine:
    """Implements the port `Workflow`."""

    def __init__(self, stepfunctions: Any, arn: str) -> None:
        self._stepfunctions = stepfunctions
        self._arn = arn

    def start(self, activation: str, run: int) -> None:
        """`<activation>-<run>`: started twice, it runs once."""
        try:
            self._stepfunctions.start_execution(
                stateMachineArn=self._arn,
                name=f"{activation}-{run}",
                input=json.dumps({"activation": activation}),
            )
        except (ClientError, BotoCoreError) as error:
            if _code(error) != "ExecutionAlreadyExists":
                raise Unavailable("stepfunctions") from None

    def confirmed(self, token: str) -> bool:
        """SendTaskSuccess; nothing travels with it."""
        return self._answered(self._stepfunctions.send_task_success, output="{}", token=token)

    def not_confirmed(self, token: str) -> None:
        """SendTaskFailure, which the state machine catches by name."""
        self._answered(self._stepfunctions.send_task_failure, error="NotConfirmed", token=token)

    def _answered(self, call: Any, token: str, **named: str) -> bool:
        try:
            call(taskToken=token, **named)
        except (ClientError, BotoCoreError) as error:
            if _code(error) in _OVER:
                return False
            raise Unavailable("stepfunctions") from None
        return True


def _code(error: ClientError | BotoCoreError) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""
