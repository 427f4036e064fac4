"""Batches of a stream or a queue, record by record: what failed is reported, the rest is done."""

# ruff: noqa: PLC0415  # Powertools' batches bring every event class: the sealer needs none of it
from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from dmp.domain.refusals import Unavailable
from dmp.edge.clock import agree_with_queue
from dmp.edge.logs import count, log_unknown, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a table: INSERT, MODIFY or REMOVE, the item's key and what it is now."""

    event: str
    keys: Mapping[str, Any]
    image: Mapping[str, Any] = field(default_factory=dict)


class Redeliver(Exception):
    """Tells Powertools that this record comes again; says nothing of what it held."""


def queue_handler(take: Callable[[dict[str, Any]], None]) -> Handler:
    """A handler that gives each message's JSON body to `take`; those that raise come again."""

    def one(record: SQSRecord) -> None:
        _guarded(lambda: take(_body(record.raw_event)))

    return _handler(one, "SQS")


def gathering_handler(
    parse: Callable[[dict[str, Any]], T], take: Callable[[list[T]], None]
) -> Handler:
    """A handler that gives what it could parse of a batch to `take` at once.

    A message that cannot be parsed comes again alone; if `take` raises, the whole batch does.
    """

    def handle(event: dict[str, Any], _: object) -> dict[str, Any]:
        failed: list[str] = []
        parsed: list[tuple[str, T]] = []

        def one(record: Mapping[str, Any]) -> None:
            parsed.append((record["messageId"], parse(_body(record))))

        for record in event["Records"]:
            try:
                _guarded(partial(one, record))
            except Redeliver:
                failed.append(record["messageId"])
        try:
            _guarded(lambda: take([what for _, what in parsed]))
        except Redeliver:
            failed += [name for name, _ in parsed]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}

    return _wrapped(handle)


def stream_handler(take: Callable[[Change], None]) -> Handler:
    """A handler that gives each change of a table to `take`; those that raise come again."""

    def one(record: DynamoDBRecord) -> None:
        _guarded(lambda: take(_change(record)))

    return _handler(one, "DynamoDBStreams")


def topic_handler(take: Callable[[dict[str, Any]], None]) -> Handler:
    """A handler that gives each notification's JSON message to `take`.

    One that raises fails the invocation, and Lambda brings it again: twice, minutes apart.
    """

    def handle(event: dict[str, Any], _: object) -> dict[str, Any]:
        for record in event["Records"]:
            _guarded(partial(_told, take, record))
        return {}

    return _wrapped(handle)


def scheduled_handler(run: Callable[[], None]) -> Handler:
    """A handler of a schedule's event, whose content is of no interest."""

    def handle(_: dict[str, Any], __: object) -> dict[str, Any]:
        _guarded(run)
        return {}

    return _wrapped(handle)


def _handler(one: Callable[[Any], None], kind: Literal["SQS", "DynamoDBStreams"]) -> Handler:
    from aws_lambda_powertools.utilities.batch import (
        BatchProcessor,
        EventType,
        process_partial_response,
    )

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        processor = BatchProcessor(event_type=EventType[kind], raise_on_entire_batch_failure=False)
        return dict(
            process_partial_response(
                event=event, record_handler=one, processor=processor, context=context
            )
        )

    return _wrapped(handle)


def _told(take: Callable[[dict[str, Any]], None], record: Mapping[str, Any]) -> None:
    take(json.loads(record["Sns"]["Message"]))


def _body(record: Mapping[str, Any]) -> dict[str, Any]:
    agree_with_queue(record.get("attributes") or {})
    body: dict[str, Any] = json.loads(record["body"])
    return body


def _change(record: DynamoDBRecord) -> Change:
    told = record.dynamodb
    keys, image = (told.keys, told.new_image) if told else (None, None)
    return Change(str(record.raw_event.get("eventName")), keys or {}, image or {})


def _wrapped(handle: Handler) -> Handler:
    wrapped: Handler = logger.inject_lambda_context(
        metrics.log_metrics(handle, raise_on_empty_metrics=False), clear_state=True
    )
    return wrapped


def _guarded(work: Callable[[], None]) -> None:
    count("Records")
    try:
        work()
    except Unavailable:
        count("Unavailable")
        raise Redeliver from None
    except Exception as error:  # noqa: BLE001  # whatever it was, one record alone fails
        log_unknown(error)
        count("Failed")
        raise Redeliver from None
