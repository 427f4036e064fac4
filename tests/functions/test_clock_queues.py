"""A clock wrong by an hour behind the queues: nothing is taken, nothing told or sealed twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine

from tests.post import Post, message_of
from tests.register import sms
from tests.stack import Context, Stack
from tests.world import World

NOW = 1_795_000_000
HOUR = 3600
WRONG = (-HOUR, HOUR)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_sender_an_hour_off_takes_nothing_and_another_tells_it_once(
    stack: Stack, wrong: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with time_machine.travel(NOW, tick=False) as travel:
        post = Post(World(stack), travel)
        patient = str(post.world.open_record().patient)
        post.announce(post.stream())
        queue = {"QueueUrl": stack.output("NoticesQueueUrl"), "AttributeNames": ["All"]}
        [message] = post.sqs.receive_message(**queue, VisibilityTimeout=0)["Messages"]
        travel.shift(wrong)
        event = {"Records": [message_of(message)]}
        answered = post.sender.deliver(event, Context("NotificationsSender"))
        assert len(answered["batchItemFailures"]) == 1
        assert '"ClockWrong":[1.0]' in capsys.readouterr().out
        [row] = post.notices(patient)
        assert (row["state"], sms()) == ("owed", [])

        travel.shift(-wrong)
        assert post.deliver() == []
        assert len(sms()) == 1


def test_a_message_that_came_before_may_be_old(stack: Stack) -> None:
    """An hour in the queue is no wrong clock, once it was received before."""
    with time_machine.travel(NOW, tick=False) as travel:
        post = Post(World(stack), travel)
        post.world.open_record()
        post.announce(post.stream())
        assert len(post.waiting()) == 1
        travel.shift(HOUR)
        assert post.deliver() == []
        assert len(sms()) == 1


@pytest.mark.parametrize("wrong", WRONG)
def test_a_sealer_an_hour_off_seals_nothing(stack: Stack, wrong: int) -> None:
    patient = str(World(stack).open_record().patient)
    app = stack.app("sealing", "SealingSealer")
    body = json.dumps({"id": f"{patient}.{'0' * 16}", "leaf": "11" * 32})
    attributes = {"ApproximateReceiveCount": "1"}
    record: dict[str, Any] = {
        "messageId": "m", "receiptHandle": "h", "body": body, "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:LeavesQueue", "awsRegion": "x",
        "messageAttributes": {}, "md5OfBody": "",
    }  # fmt: skip
    with time_machine.travel(NOW, tick=False):
        told = {**attributes, "ApproximateFirstReceiveTimestamp": str((NOW + wrong) * 1000)}
        answered = app.seal({"Records": [{**record, "attributes": told}]}, Context("s"))
        assert answered == {"batchItemFailures": [{"itemIdentifier": "m"}]}
        told = {**attributes, "ApproximateFirstReceiveTimestamp": str(NOW * 1000)}
        answered = app.seal({"Records": [{**record, "attributes": told}]}, Context("s"))
        assert answered == {"batchItemFailures": []}


def test_a_sweep_an_hour_ahead_tells_nothing_twice(stack: Stack) -> None:
    with time_machine.travel(NOW, tick=False) as travel:
        post = Post(World(stack), travel)
        patient = str(post.world.open_record().patient)
        post.announce(post.stream())
        travel.shift(HOUR)
        post.sweep()
        travel.shift(-HOUR)
        assert len(post.waiting()) == 2
        while post.waiting():
            assert post.deliver() == []
        assert len(sms()) == 1
        assert [row["state"] for row in post.notices(patient)] == ["sent"]
