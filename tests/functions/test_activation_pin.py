"""A PIN chosen at activation: kept with the record it opens, or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.adapters.dynamodb.credentials import CredentialRows
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.domain.credential import stretched
from tests.register import Town, asked, code_of, sms
from tests.stack import Context, stack

PIN = "860413"


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    with stack() as made:
        town = Town(made)
        town.register()
        stepfunctions = town.api.desk().workflow._stepfunctions
        for name in ("start_execution", "send_task_success", "send_task_failure"):
            monkeypatch.setattr(stepfunctions, name, lambda **_: None)
        yield town


def step(town: Town, name: str, activation: str, **more: str) -> None:
    event = {"step": name, "activation": activation, **more}
    town.steps.step(event, Context("ActivationSteps"))


def waiting(town: Town) -> str:
    name: str = town.call("POST /activations", json.dumps(asked())).json["id"]
    step(town, "verify", name)
    step(town, "send-code", name, token="token-1")
    return name


def confirm(town: Town, activation: str, code: str, pin: object) -> Any:
    body = json.dumps({"code": code, "pin": pin})
    return town.call(f"POST /activations/{activation}/confirmation", body)


def opened(town: Town, activation: str) -> Any:
    """The credential of the record that was opened."""
    step(town, "open", activation)
    patient = town.row(activation)["patient"]
    kms, names = town.stack.client("kms"), ("RecordsTable", "KeysTable", "RegistryTable")
    vault = Vault(kms, town.stack.output("RecordKeyArn"))
    return CredentialRows(vault, *map(town.stack.output, names)).enter(patient).credential


def test_the_pin_is_the_records_from_its_first_moment(town: Town) -> None:
    name = waiting(town)

    assert confirm(town, name, code_of(sms()[-1][1]), PIN).status == 202
    assert PIN not in json.dumps(town.row(name), default=str)
    credential = opened(town, name)

    assert (credential.known, credential.version, credential.recovery) == (True, 1, ())
    macs = Macs(town.stack.client("kms"), town.stack.output("IdentifierKeyArn"))
    pin = credential.pin
    assert macs.code(f"pin#{pin.salt}", stretched(PIN, pin.salt, pin.cost)).hex() == pin.mac
    assert "pin" not in town.row(name)


@pytest.mark.parametrize("pin", ["123456", "86041", "", 860413, ["860413"]])
def test_a_pin_that_will_not_do_costs_no_try(town: Town, pin: object) -> None:
    name, code = waiting(town), code_of(sms()[-1][1])

    refused = confirm(town, name, code, pin)

    assert (refused.status, refused.json["expression"]) == (422, "pin")
    assert town.row(name)["tries"] == "3"
    assert confirm(town, name, code, PIN).status == 202


def test_without_a_pin_there_is_no_credential(town: Town) -> None:
    name = waiting(town)
    confirm(town, name, code_of(sms()[-1][1]), None)

    assert opened(town, name).version == 0


def test_a_pin_beside_a_wrong_code_is_not_kept(town: Town) -> None:
    name = waiting(town)
    code = code_of(sms()[-1][1])
    assert confirm(town, name, f"{(int(code) + 1) % 10**6:06}", PIN).status == 422

    confirm(town, name, code, None)

    assert opened(town, name).version == 0
