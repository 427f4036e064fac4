"""Activation: the API that takes requests and codes, and the steps of the state machine."""

# ruff: noqa: PLC0415  # only the steps' function has the layer that seals, and pays for Babel

from __future__ import annotations

from functools import cache

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.activations import ActivationRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.macs import Macs
from dmp.adapters.phones import mobile
from dmp.adapters.workflow import StateMachine
from dmp.edge.activation import activation_api, activation_tasks
from dmp.settings import ActivationSettings
from dmp.use_cases.activation import Desk, Steps

settings = ActivationSettings.from_environment()
clock = SystemClock()
activations = ActivationRows(settings.registry_table)
macs = Macs(client("kms"), settings.identifier_key_arn)


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
    vault = Vault(client("kms"), settings.record_key_arn)
    tables = (settings.records_table, settings.keys_table, settings.registry_table)
    messages = Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender)
    return Steps(
        activations=activations,
        population=PopulationTable(dynamodb(), settings.population_table, macs),
        records=NewRecords(vault, *tables),
        macs=macs,
        codes=ActivationCodes(messages, Texts(), settings.code_seconds),
        clock=clock,
        code_seconds=settings.code_seconds,
    )


api = activation_api(desk)
handler = api.handler
step = activation_tasks(steps)
