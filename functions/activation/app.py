"""Activation: the API that takes requests and codes, and the steps of the state machine."""

# ruff: noqa: PLC0415  # only the steps' function has the layer that seals, and pays for Babel

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import orjson

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.activations import ActivationRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.macs import Macs
from dmp.adapters.phones import mobile
from dmp.adapters.workflow import StateMachine
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.steps import step_handler
from dmp.fhir.json_reader import read_object
from dmp.settings import ActivationSettings
from dmp.use_cases.activation import Desk, Steps

settings = ActivationSettings.from_environment()
clock = SystemClock()
activations = ActivationRows(settings.registry_table)
macs = Macs(client("kms"), settings.identifier_key_arn)
api = Api("activation")
handler = api.handler


@cache
def desk() -> Desk:
    """What the API does; its function has no key to any record."""
    settings.need("activation_machine_arn")
    return Desk(
        activations=activations,
        workflow=StateMachine(client("stepfunctions"), settings.activation_machine_arn),
        macs=macs,
        rates=Rates(dynamodb(), settings.registry_table),
        clock=clock,
        phone=mobile,
        code_seconds=settings.code_seconds,
        per_address_hour=settings.activations_per_address,
    )


@cache
def steps() -> Steps:
    """What the state machine calls."""
    from dmp.adapters.code_messages import ActivationCodes
    from dmp.adapters.dynamodb.new_records import NewRecords
    from dmp.adapters.envelope import Vault
    from dmp.adapters.messages import Messages
    from dmp.adapters.population import PopulationTable
    from dmp.adapters.texts import Texts

    settings.need("sms_sender", "mail_sender")
    messages = Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender)
    return Steps(
        activations=activations,
        population=PopulationTable(dynamodb(), settings.population_table, macs),
        records=NewRecords(
            Vault(client("kms"), settings.record_key_arn),
            settings.records_table,
            settings.keys_table,
            settings.registry_table,
        ),
        macs=macs,
        codes=ActivationCodes(messages, Texts(), settings.code_seconds),
        clock=clock,
        code_seconds=settings.code_seconds,
    )


@api.route("/activations", methods=["POST"], reads=(JSON,))
def ask(request: Request) -> Answer:
    """Ask for a record."""
    view = desk().ask(read_object(request.body), request.source_ip)
    return _json(202, view, {"Location": f"/activations/{view['id']}"})


@api.route("/activations/{id}", methods=["GET"])
def progress(request: Request) -> Answer:
    """How far it is."""
    return _json(200, desk().progress(request.parameters["id"]))


@api.route("/activations/{id}/confirmation", methods=["POST"], reads=(JSON,))
def confirm(request: Request) -> Answer:
    """Give the code that came by SMS."""
    body = read_object(request.body)
    return _json(202, desk().confirm(request.parameters["id"], body.get("code")))


def _send_code(event: Mapping[str, str]) -> None:
    steps().send_code(event["activation"], event["token"])


step = step_handler(
    {
        "verify": lambda event: steps().verify(event["activation"]),
        "send-code": _send_code,
        "expire": lambda event: steps().expire(event["activation"]),
        "refuse": lambda event: steps().refuse(event["activation"]),
        "open": lambda event: steps().open(event["activation"]),
        "fail": lambda event: steps().fail(event["activation"]),
    }
)


def _json(status: int, content: dict[str, str], headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, orjson.dumps(content), headers or {}, JSON)
