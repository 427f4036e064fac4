"""The border to AWS, watched and disturbed: calls counted, answers replaced, writes half told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends

from dmp.adapters import aws
from tests.stack import ACCOUNT, REGION

Disturbance = Callable[[str, Any], AWSResponse | None]


@contextmanager
def disturbed(*services: str, by: Disturbance) -> Iterator[None]:
    """Each call of the functions' clients goes through `by` first; None lets it pass."""

    def hook(request: Any, event_name: str, **_: object) -> AWSResponse | None:
        answer = by(event_name.rpartition(".")[2], request)
        if answer is not None:  # botocore asks every handler: moto must not do it all the same
            botocore_stubber.enabled = False
        return answer

    def restore(**_: object) -> None:
        botocore_stubber.enabled = True

    clients = [(service, aws.client(service)) for service in services]
    for service, client in clients:
        client.meta.events.register_first(f"before-send.{service}.*", hook)
        client.meta.events.register_last("before-send", restore)  # after moto's, which is there
    try:
        yield
    finally:
        for service, client in clients:
            client.meta.events.unregister(f"before-send.{service}.*", hook)
            client.meta.events.unregister("before-send", restore)


@contextmanager
def counted() -> Iterator[list[str]]:
    """The names of DynamoDB and KMS operations, in order."""
    calls: list[str] = []

    def note(operation: str, _: Any) -> None:
        calls.append(operation)

    with disturbed("dynamodb", "kms", by=note):
        yield calls


@contextmanager
def before(operation: str, act: Callable[[], object], *, times: int = 1) -> Iterator[None]:
    """Do something just before a call is sent; what it does itself is not disturbed."""
    left = times
    busy = False

    def once(name: str, _: Any) -> None:
        nonlocal left, busy
        if name == operation and left and not busy:
            left -= 1
            busy = True
            act()
            busy = False

    with disturbed("dynamodb", by=once):
        yield


@contextmanager
def failing(
    operation: str, code: str, *, service: str = "dynamodb", times: int = 99, **members: Any
) -> Iterator[None]:
    """The operation is answered with this error."""
    left = times

    def refuse(name: str, request: Any) -> AWSResponse | None:
        nonlocal left
        if name != operation or not left:
            return None
        left -= 1
        body = json.dumps({"__type": f"com.amazonaws#{code}", "message": "no", **members})
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 400, headers, MockRawResponse(body))

    with disturbed(service, by=refuse):
        yield


@contextmanager
def answer_lost(operation: str) -> Iterator[None]:
    """The operation is done, and its answer never arrives."""

    def lose(name: str, request: Any) -> AWSResponse | None:
        if name != operation:
            return None
        assert botocore_stubber(f"before-send.dynamodb.{name}", request) is not None
        raise ReadTimeoutError(endpoint_url="https://dynamodb.test")

    with disturbed("dynamodb", by=lose):
        yield


def forget(patient: str) -> None:
    """Take a record out of moto's tables, so that those stay small."""
    for table in dynamodb_backends[ACCOUNT][REGION].tables.values():
        table.items.pop(patient, None)
