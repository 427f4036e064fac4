"""Faults of AWS at the border: each answer that a call may get, the first time or every time.

Call sites are found by recording a flow that goes well, never listed by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from tests.aws_calls import disturbed

SERVICES = ("dynamodb", "kms", "sns")
URL = "https://service.test"
FAULTS = (
    "throttled", "500", "503 in HTML", "conflict", "cancelled", "time-out before",
    "time-out after", "access denied", "key disabled",
)  # fmt: skip
MODES = ("first", "every")
Site = tuple[str, int]  # an operation, and which of its calls
_CODES = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "500": (500, "InternalServerError"),
    "conflict": (400, "TransactionConflictException"),
    "access denied": (400, "AccessDeniedException"),
    "key disabled": (400, "DisabledException"),
}
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")


def possible(operation: str, fault: str) -> bool:
    """Whether AWS gives that answer to such a call."""
    if fault == "conflict":
        return operation in _WRITES
    return fault != "cancelled" or operation == "TransactWriteItems"


def recorded(flow: Callable[[], object]) -> list[Site]:
    """The call sites of a flow, in order."""
    seen: list[Site] = []

    def note(operation: str, _: Any) -> None:
        seen.append((operation, sum(name == operation for name, _ in seen)))

    with disturbed(*SERVICES, by=note):
        flow()
    return seen


@contextmanager
def faulty(site: Site, fault: str, mode: str) -> Iterator[list[str]]:
    """The site's call gets the fault; `every`: each call of that operation from it on."""
    struck: list[str] = []
    calls = 0

    def strike(operation: str, request: Any) -> AWSResponse | None:
        nonlocal calls
        if operation != site[0]:
            return None
        calls += 1
        if calls <= site[1] or (struck and mode == "first"):
            return None
        struck.append(operation)
        return _answer(operation, fault, request)

    with (
        disturbed(*SERVICES, by=strike),
        mock.patch("botocore.endpoint.time.sleep"),
        mock.patch("dmp.adapters.dynamodb.conflicts.time.sleep"),
    ):
        yield struck


def _answer(operation: str, fault: str, request: Any) -> AWSResponse:
    if fault == "time-out before":
        raise ConnectTimeoutError(endpoint_url=URL)
    if fault == "time-out after":
        service = _service_of(request)
        assert botocore_stubber(f"before-send.{service}.{operation}", request) is not None
        raise ReadTimeoutError(endpoint_url=URL)
    if fault == "503 in HTML":
        return _response(503, "<html><body>busy", "text/html")
    status, code = _CODES.get(fault, (400, "TransactionCanceledException"))
    body: dict[str, Any] = {"__type": f"com.amazonaws#{code}", "message": "no"}
    if operation == "TransactWriteItems" and fault in ("conflict", "cancelled"):
        count = len(json.loads(request.body)["TransactItems"])
        reason = "TransactionConflict" if fault == "conflict" else "ThrottlingError"
        reasons = [{"Code": "None"}] * (count - 1) + [{"Code": reason}]
        body["__type"] = "com.amazonaws#TransactionCanceledException"
        body["CancellationReasons"] = reasons
    return _response(status, json.dumps(body), "application/x-amz-json-1.0")


def _service_of(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    text = target.decode() if isinstance(target, bytes) else str(target)
    if text.startswith("DynamoDB"):
        return "dynamodb"
    return "kms" if text.startswith("Trent") else "sns"


def _response(status: int, body: str, kind: str) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"Content-Type": kind})
    return AWSResponse(URL, status, headers, MockRawResponse(body))
