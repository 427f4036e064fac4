"""Providers that throttle, fail, hang and lie: what becomes of a notice, and nothing is lost.

A provider that says it took a message is believed. One that took it and does not say so (a
time-out, a 500) is asked again, same words, same reference: the patient may get two, never none.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import time_machine
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from moto.core.botocore_stubber import MockRawResponse
from moto.core.models import botocore_stubber
from moto.ses import ses_backends
from moto.sns import sns_backends

from dmp.adapters import aws
from dmp.adapters.messages import Messages
from dmp.domain.contact import Contact
from dmp.domain.notices import Message
from dmp.domain.refusals import Unavailable
from infra.template import load
from tests.aws_calls import disturbed
from tests.post import Post
from tests.register import mails, sms
from tests.stack import ACCOUNT, REGION
from tests.stack import stack as deployed
from tests.world import World

NOW = 1_795_000_000
DAY = 86_400
_days = itertools.count(0, 7)
CONTACTS = {
    "sns": Contact("+212612345678", None, "fr", "sms"),
    "ses": Contact(None, "nadia@example.org", "fr", "email"),
}
NAMES = {"sns": "Publish", "ses": "SendEmail"}
URL = "https://provider.test"
# fault → (state after it, messages that the provider took in all, attempts in all)
FATES = {
    "throttled": ("claimed", 1, 2),
    "500": ("claimed", 1, 2),
    "503 in HTML": ("claimed", 1, 2),
    "access denied": ("claimed", 1, 2),
    "time-out before": ("claimed", 1, 2),
    "time-out after": ("claimed", 2, 2),
    "taken, yet 500": ("claimed", 2, 2),
    "taken, without id": ("sent", 1, 1),
    "taken, and not XML": ("claimed", 2, 2),
}
FINAL = {"sns": ("OptedOut", "InvalidParameter"), "ses": ("InvalidParameterValue",)}


def _xml(status: int, body: str) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"Content-Type": "text/xml"})
    return AWSResponse(URL, status, headers, MockRawResponse(body))


def _refused(status: int, code: str, text: str = "no") -> AWSResponse:
    return _xml(
        status,
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message>"
        "</Error><RequestId>r</RequestId></ErrorResponse>",
    )


def answer(fault: str, service: str, request: Any) -> AWSResponse:
    """What the provider makes of the request."""
    if fault.startswith("t") and fault not in ("throttled", "time-out before"):
        taken = botocore_stubber(f"before-send.{service}.{NAMES[service]}", request)
        assert taken is not None
    match fault:
        case "time-out before":
            raise ConnectTimeoutError(endpoint_url=URL)
        case "time-out after":
            raise ReadTimeoutError(endpoint_url=URL)
        case "throttled":
            return _refused(400, "Throttling")
        case "access denied":
            return _refused(403, "AccessDenied")
        case "503 in HTML":
            return _xml(503, "<html><body>busy")
        case "taken, without id":
            name = NAMES[service]
            return _xml(200, f"<{name}Response><{name}Result/></{name}Response>")
        case "taken, and not XML":
            return _xml(200, "OK")
    return _refused(500, "InternalFailure")


@pytest.fixture(scope="module")
def office() -> Iterator[Post]:
    with deployed() as made:
        yield Post(World(made), None)


@pytest.fixture
def post(office: Post) -> Iterator[Post]:
    """With empty queues, and nothing told yet."""
    sns_backends[ACCOUNT][REGION].sms_messages.clear()
    ses_backends[ACCOUNT][REGION].sent_messages.clear()
    with time_machine.travel(NOW + next(_days) * DAY, tick=False) as office.travel:
        for name in ("NoticesQueue", "NoticesDeadLetters"):
            office.sqs.purge_queue(QueueUrl=office.stack.output(f"{name}Url"))
        yield office


def owed(post: Post, service: str) -> str:
    """A welcome on its way by that provider."""
    patient = str(post.world.open_record(contact=CONTACTS[service]).patient)
    told = [r for r in post.stream() if r["dynamodb"]["Keys"]["pk"]["S"] == patient]
    assert post.announce(told) == []
    return patient


def texts() -> list[str]:
    """What the patient got."""
    return [text for _, text in sms()] + [mail.body for mail in mails()]


@pytest.mark.parametrize("service", CONTACTS)
@pytest.mark.parametrize("fault", FATES)
def test_a_failing_provider_loses_nothing(post: Post, service: str, fault: str) -> None:
    state, taken, attempts = FATES[fault]
    patient = owed(post, service)
    asked: list[str] = []

    def fail(name: str, request: Any) -> AWSResponse:
        asked.append(name)
        return answer(fault, service, request)

    with disturbed(service, by=fail):
        assert len(post.deliver()) == (state == "claimed")
    assert asked == [NAMES[service]]  # one delivery asks once: whether to ask again is the ledger's
    [row] = post.notices(patient)
    assert (row["state"], "due" in row) == (state, state == "claimed")

    post.travel.shift(3600)
    post.sweep()
    while post.waiting():
        assert post.deliver() == []
    [row] = post.notices(patient)
    assert (row["state"], "due" in row, row["attempts"]) == ("sent", False, str(attempts))
    assert len(texts()) == taken
    assert len(set(texts())) == 1
    assert row["ref"] in texts()[0]


@pytest.mark.parametrize(
    ("service", "code"), [(service, code) for service, codes in FINAL.items() for code in codes]
)
def test_an_address_that_takes_nothing_is_asked_once(post: Post, service: str, code: str) -> None:
    patient = owed(post, service)
    told = _refused(400, code, "Invalid parameter: PhoneNumber")
    asked: list[str] = []

    def refuse(name: str, _: Any) -> AWSResponse:
        asked.append(name)
        return told

    with disturbed(service, by=refuse):
        assert post.deliver() == []
    post.travel.shift(7 * 3600)
    post.sweep()
    assert post.waiting() == []
    [row] = post.notices(patient)
    assert (row["state"], "due" in row, len(asked), texts()) == ("undeliverable", False, 1, [])


@pytest.mark.parametrize("service", CONTACTS)
def test_a_provider_that_fails_for_a_day_is_asked_ever_less_and_tells_in_the_end(
    post: Post, service: str
) -> None:
    patient = owed(post, service)
    asked: list[int] = []

    def fail(*_: Any) -> AWSResponse:
        asked.append(1)
        return _refused(500, "InternalFailure")

    with disturbed(service, by=fail):
        for _ in range(24):
            post.sweep()
            post.deliver()
            post.travel.shift(3600)
    assert 5 < len(asked) < 24
    for _ in range(8):  # dead letters and duplicates of the sweeps included
        post.travel.shift(3600)
        post.sweep()
        post.deliver()
    [row] = post.notices(patient)
    assert (row["state"], len(texts())) == ("sent", 1)


def test_a_provider_that_hangs_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """One call with both time-outs is far below the function's own; nothing repeats it."""
    function = load()["Globals"]["Function"]["Timeout"]
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        for service, contact in CONTACTS.items():
            aws.forget()
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.setenv(name, "testing")
            monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
            config = aws.client(service).meta.config
            assert config.retries["total_max_attempts"] == 1
            assert config.connect_timeout + config.read_timeout < function / 2
            short = config.merge(Config(read_timeout=0.2, connect_timeout=0.2))
            hanging = boto3.client(service, endpoint_url=url, config=short)
            messages = Messages(hanging, hanging, "DMP", "dmp@example.org")
            with pytest.raises(Unavailable):
                messages.send(contact, Message("t", "s", "m", "<p>m</p>"))
    aws.forget()
