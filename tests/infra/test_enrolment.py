"""The operator lets an organisation's first administrator in."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest

from infra import enrolment as command
from tests.authenticator import Authenticator
from tests.proving import Prover, directory
from tests.stack import Stack
from tests.world import AMRANI, CLINIC, World

OUTPUTS = ("RegistryTable", "RecordsTable", "KeysTable", "RecordKeyArn")


@pytest.fixture
def prover(stack: Stack) -> Iterator[Prover]:
    outputs = {**{name: stack.output(name) for name in OUTPUTS}, "ApiUrl": "https://dmp.test"}
    with mock.patch.object(command, "outputs", return_value=outputs):
        yield Prover(World(stack), mock.Mock())


def asked(*more: str) -> list[str]:
    return ["--stack", "dmp", "--practitioner", AMRANI, "--organization", CLINIC, *more]


def test_the_code_is_printed_and_lets_the_administrator_in(
    prover: Prover, capsys: pytest.CaptureFixture[str]
) -> None:
    directory(prover.world, AMRANI, "administrator")
    command.main(asked())
    code = capsys.readouterr().out.strip()
    device = Authenticator()

    assert prover.join(code, device).status == 201
    assert prover.sign_in(device).json["role"] == "administrator"


def test_without_a_role_there_is_none(prover: Prover) -> None:
    directory(prover.world, AMRANI, "administrator", active=False)

    with pytest.raises(SystemExit, match="no such practitioner"):
        command.main(asked("--replaces"))
