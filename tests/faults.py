"""Faults of AWS at the border: each answer that a call may get, the first time or every time.

Call sites are found by recording a flow that goes well, never listed by hand. A crash is the end of
the process: before the call is sent or after AWS took it, and no call follows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from unittest import mock

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber

from tests.aws_calls import disturbed

ALL = os.environ.get("DMP_FAULTS") == "all"
SERVICES = ("dynamodb", "kms", "sns", "ses", "sqs", "s3", "stepfunctions")
URL = "https://service.test"
CRASHES = ("crash before", "crash after")
FAULTS = (
    "throttled", "500", "503 in HTML", "conflict", "cancelled", "time-out before",
    "time-out after", "access denied", "key disabled", *CRASHES,
)  # fmt: skip
MODES = ("first", "every")
Site = tuple[str, int]  # an operation, and which of its calls
Outcome = Literal["done", "busy"]
_CODES = {
    "throttled": (400, "ProvisionedThroughputExceededException"),
    "500": (500, "InternalServerError"),
    "conflict": (400, "TransactionConflictException"),
    "access denied": (400, "AccessDeniedException"),
    "key disabled": (400, "DisabledException"),
}
_WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
_KMS = ("Decrypt", "GenerateMac", "GenerateDataKey", "Sign", "GetPublicKey", "Encrypt")
_OTHERS = {
    "Publish": "sns", "SendEmail": "ses", "SendMessage": "sqs", "GetObject": "s3",
    "PutObject": "s3", "StartExecution": "stepfunctions", "SendTaskSuccess": "stepfunctions",
    "SendTaskFailure": "stepfunctions", **dict.fromkeys(_KMS, "kms"),
}  # fmt: skip
_IN_XML = ("sns", "ses", "s3")


class Died(BaseException):
    """The process is gone: nothing after it runs, and nobody gets an answer."""


@dataclass(frozen=True)
class Trial:
    """What is asked, what whoever got no answer does next, and what must hold in the end.

    `send` and `again` say "done" or "busy" and assert that no other answer came; `again` must get
    through; `twice` asks again even after an answer. `holds` looks at what is kept and told;
    without a fault it must hold after `send` too.
    """

    send: Callable[[], Outcome]
    holds: Callable[[], object]
    again: Callable[[], Outcome] | None = None
    twice: bool = False


def service_of(operation: str) -> str:
    """Whose operation it is."""
    return _OTHERS.get(operation, "dynamodb")


def possible(operation: str, fault: str) -> bool:
    """Whether AWS gives that answer to such a call."""
    if fault == "conflict":
        return operation in _WRITES
    if fault == "key disabled":
        return service_of(operation) == "kms"
    return fault != "cancelled" or operation == "TransactWriteItems"


def pairs(flows: Iterable[str]) -> list[tuple[str, str]]:
    """Each flow with each fault under DMP_FAULTS=all; else every third pair, none left out."""
    every = [(name, fault) for name in flows for fault in FAULTS]
    return every if ALL else every[::3]


def modes(turn: int, fault: str) -> tuple[str, ...]:
    """Every mode under DMP_FAULTS=all; else of every fourth pair one, first and every in turn."""
    if fault in CRASHES:
        return MODES[:1] if ALL or not turn % 2 else ()
    if ALL:
        return MODES
    return () if turn % 4 else (MODES[turn // 4 % 2],)


def recorded(flow: Callable[[], object]) -> list[Site]:
    """The call sites of a flow, in order."""
    seen: list[Site] = []

    def note(operation: str, _: Any) -> None:
        seen.append((operation, sum(name == operation for name, _ in seen)))

    with disturbed(*SERVICES, by=note):
        flow()
    return seen


def walked(ready: Callable[[], Trial], fault: str) -> int:
    """Every call site of a flow gets the fault, each in a scene of its own; how many were tried."""
    well = ready()
    sites = recorded(lambda: _done(well.send))
    well.holds()
    turns = [(n, site) for n, site in enumerate(sites) if possible(site[0], fault)]
    tried = 0
    for turn, site in turns:
        for mode in modes(turn + FAULTS.index(fault), fault):
            trial = ready()
            with faulty(site, fault, mode) as struck:
                first = outcome(trial.send)
            try:
                assert struck
                if first != "done" or trial.twice:
                    _done(trial.again or trial.send)
                trial.holds()
            except AssertionError as error:
                error.add_note(f"{fault} at {site}, {mode}; the first answer: {first}")
                raise
            tried += 1
    return tried


def outcome(send: Callable[[], Outcome]) -> Outcome | Literal["died"]:
    """What came of it, for whoever waits for an answer."""
    try:
        return send()
    except Died:
        return "died"


def _done(send: Callable[[], Outcome]) -> None:
    assert send() == "done"


@contextmanager
def faulty(site: Site, fault: str, mode: str) -> Iterator[list[str]]:
    """The site's call gets the fault; `every`: each call of that operation from it on."""
    struck: list[str] = []
    calls = 0

    def strike(operation: str, request: Any) -> AWSResponse | None:
        nonlocal calls
        if struck and fault in CRASHES:
            raise Died
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
    service = service_of(operation)
    match fault:
        case "crash before":
            raise Died
        case "crash after":
            _taken(service, operation, request)
            raise Died
        case "time-out before":
            raise ConnectTimeoutError(endpoint_url=URL)
        case "time-out after":
            _taken(service, operation, request)
            raise ReadTimeoutError(endpoint_url=URL)
        case "503 in HTML":
            return _response(503, "<html><body>busy", "text/html")
    status, code = _CODES.get(fault, (400, "TransactionCanceledException"))
    if service in _IN_XML:
        return _response(status, _xml(service, code), "text/xml")
    body: dict[str, Any] = {"__type": f"com.amazonaws#{code}", "message": "no"}
    if operation == "TransactWriteItems" and fault in ("conflict", "cancelled"):
        count = len(json.loads(request.body)["TransactItems"])
        reason = "TransactionConflict" if fault == "conflict" else "ThrottlingError"
        reasons = [{"Code": "None"}] * (count - 1) + [{"Code": reason}]
        body["__type"] = "com.amazonaws#TransactionCanceledException"
        body["CancellationReasons"] = reasons
    return _response(status, json.dumps(body), "application/x-amz-json-1.0")


def _taken(service: str, operation: str, request: Any) -> None:
    assert botocore_stubber(f"before-send.{service}.{operation}", request) is not None


def _xml(service: str, code: str) -> str:
    error = f"<Error><Code>{code}</Code><Message>no</Message></Error>"
    return error if service == "s3" else f"<ErrorResponse>{error}</ErrorResponse>"


def _response(status: int, body: str, kind: str) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"Content-Type": kind})
    return AWSResponse(URL, status, headers, MockRawResponse(body))
