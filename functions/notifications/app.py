"""Notifications: preferences, and the way of a notice from the stream to phone or mail."""

# ruff: noqa: PLC0415  # announcer and sweeper have no layer that opens anything, and need no Babel

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import orjson
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.due_notices import DueIndex
from dmp.adapters.queues import NoticeQueue
from dmp.edge.batch import queue_handler, scheduled_handler, stream_handler
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.fhir.json_reader import read_object
from dmp.settings import NotificationsSettings
from dmp.use_cases.notifications import Announcer, Sender, Sweeper
from dmp.use_cases.preferences import Preferences

settings = NotificationsSettings.from_environment()
clock = SystemClock()
api = Api("notifications")
handler = api.handler


@cache
def announcer() -> Announcer:
    """From the stream to the queue."""
    settings.need("notices_queue_url", "notices_dlq_url")
    sqs = client("sqs")
    return Announcer(
        NoticeQueue(sqs, settings.notices_queue_url), NoticeQueue(sqs, settings.notices_dlq_url)
    )


@cache
def sweeper() -> Sweeper:
    """From the index of what is owed to the queue."""
    queue = announcer().queue
    return Sweeper(DueIndex(dynamodb(), settings.records_table), queue, clock)


@cache
def sender() -> Sender:
    """From the queue to phone or mail."""
    from dmp.adapters.dynamodb.notices import SealedNotices
    from dmp.adapters.envelope import Vault
    from dmp.adapters.messages import Messages
    from dmp.adapters.texts import Texts

    settings.need("sms_sender", "mail_sender")
    vault = Vault(client("kms"), settings.record_key_arn)
    return Sender(
        SealedNotices(dynamodb(), vault, settings.records_table, settings.keys_table),
        Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender),
        Texts(),
        clock,
    )


@cache
def preferences() -> Preferences:
    """What the API does."""
    from dmp.adapters.dynamodb.preferences import SealedPreferences
    from dmp.adapters.envelope import Vault
    from dmp.adapters.macs import Macs
    from dmp.adapters.phones import mobile

    told = sender()
    kms = client("kms")
    return Preferences(
        SealedPreferences(
            Vault(kms, settings.record_key_arn),
            settings.records_table,
            settings.keys_table,
            settings.registry_table,
        ),
        told.messages,
        told.texts,
        Macs(kms, settings.identifier_key_arn),
        clock,
        mobile,
    )


@api.route("/preferences", methods=["GET"])
def shown(request: Request) -> Answer:
    """How the patient is told."""
    return _json(200, preferences().shown(request.authenticated()))


@api.route("/preferences", methods=["PUT"], reads=(JSON,))
def prefer(request: Request) -> Answer:
    """Choose language, channel and rhythm."""
    body = read_object(request.body)
    return _json(200, preferences().prefer(request.authenticated(), body))


@api.route("/preferences/contact", methods=["POST"], reads=(JSON,))
def ask_address(request: Request) -> Answer:
    """Send a code to a new address."""
    body = read_object(request.body)
    return _json(202, preferences().ask_address(request.authenticated(), body))


@api.route("/preferences/contact/confirmation", methods=["POST"], reads=(JSON,))
def confirm_address(request: Request) -> Answer:
    """Give the code that came to the new address."""
    code = read_object(request.body).get("code")
    return _json(200, preferences().confirm_address(request.authenticated(), code))


def _announce(record: DynamoDBRecord) -> None:
    """A notice owed goes to the queue; whatever else the filter lets through is left."""
    keys = (record.dynamodb.keys if record.dynamodb else None) or {}
    if record.raw_event.get("eventName") == "INSERT" and keys["sk"].startswith("N#"):
        queued = announcer().announce(keys["pk"], keys["sk"].removeprefix("N#"))
        count("NoticesQueued" if queued else "NoticesToDeadLetters")


def _deliver(message: dict[str, Any]) -> None:
    count(f"Notices{sender().deliver(message['patient'], message['entry']).capitalize()}")


def _sweep() -> None:
    count("NoticesOverdue", sweeper().sweep())


announce = stream_handler(_announce)
deliver = queue_handler(_deliver)
sweep = scheduled_handler(_sweep)


def _json(status: int, content: Mapping[str, object]) -> Answer:
    return Answer(status, orjson.dumps(content), media_type=JSON)
