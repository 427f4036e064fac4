"""Dead letters back on their way: only what is still owed or unsealed, and twice is as once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from botocore.exceptions import ClientError

from infra import redrive as command
from tests.post import Post
from tests.register import sms
from tests.stack import Stack
from tests.world import World, observation

OUTPUTS = (
    "RecordsTable", "RegistryTable", "NoticesQueueUrl", "NoticesDeadLettersUrl", "LeavesQueueUrl",
    "LeavesDeadLettersUrl", "StreamFailuresUrl",
)  # fmt: skip


class Drive:
    """The command on a stack under moto, and what its queues hold."""

    def __init__(self, stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
        self.post = Post(World(stack), None)
        self.outputs = {name: stack.output(name) for name in OUTPUTS}
        self._capsys = capsys

    def run(self, queue: str, *words: str) -> str:
        """What the command prints."""
        assert command.main(["dmp", queue, *words]) == 0
        return self._capsys.readouterr().out

    def put(self, queue: str, body: object) -> None:
        """A dead letter."""
        text = body if isinstance(body, str) else json.dumps(body)
        self.post.sqs.send_message(QueueUrl=self.outputs[f"{queue}Url"], MessageBody=text)

    def counts(self) -> dict[str, int]:
        """How many messages wait in each queue."""
        return {
            name: len(self.post.waiting(name))
            for name in ("NoticesQueue", "LeavesQueue", *command.QUEUES)
        }

    def owed(self) -> dict[str, str]:
        """A new record's welcome, as the dead letters would hold it."""
        patient = str(self.post.world.open_record().patient)
        [notice] = self.post.notices(patient)
        return {"patient": patient, "entry": notice["sk"][2:]}

    def failed(self, first: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
        """What Lambda puts into StreamFailures for a batch it gave up."""
        table = self.post.stack.client("dynamodb").describe_table(
            TableName=self.outputs["RecordsTable"]
        )["Table"]
        streams = self.post.stack.client("dynamodbstreams")
        told = streams.describe_stream(StreamArn=table["LatestStreamArn"])["StreamDescription"]
        return {
            "requestContext": {"functionArn": "arn:…:NotificationsAnnouncer"},
            "DDBStreamBatchInfo": {
                "shardId": told["Shards"][0]["ShardId"],
                "startSequenceNumber": first["dynamodb"]["SequenceNumber"],
                "endSequenceNumber": last["dynamodb"]["SequenceNumber"],
                "streamArn": table["LatestStreamArn"],
            },
        }


@pytest.fixture
def drive(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Iterator[Drive]:
    made = Drive(stack, capsys)
    with (
        mock.patch.object(command, "outputs", return_value=made.outputs),
        mock.patch.object(command, "WAIT_S", 0),
    ):
        yield made


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(drive: Drive) -> None:
    notice = drive.owed()
    drive.put("NoticesDeadLetters", notice)
    before = drive.counts()

    told = drive.run("NoticesDeadLetters", "--dry-run")
    assert "1 sent again: a notice still owed" in told
    assert "nothing was changed" in told
    assert notice["patient"] not in told
    assert notice["entry"] not in told
    assert drive.counts() == before


def test_a_notice_still_owed_is_sent_once_however_often_it_is_redriven(drive: Drive) -> None:
    notice = drive.owed()
    for _ in range(3):
        drive.put("NoticesDeadLetters", notice)

    assert "3 sent again: a notice still owed" in drive.run("NoticesDeadLetters")
    assert drive.counts()["NoticesDeadLetters"] == 0
    while drive.post.waiting():
        assert drive.post.deliver() == []
    assert len(sms()) == 1

    drive.put("NoticesDeadLetters", notice)  # once more, after it was told
    assert "1 dropped: the notice is settled" in drive.run("NoticesDeadLetters")
    assert drive.run("NoticesDeadLetters") == "messages: 0\n"
    assert set(drive.counts().values()) == {0}


def test_a_digest_is_a_notice_too(drive: Drive) -> None:
    notice = drive.owed()
    table = {"TableName": drive.outputs["RecordsTable"]}
    dynamodb = drive.post.stack.client("dynamodb")
    key = {"pk": {"S": notice["patient"]}, "sk": {"S": f"N#{notice['entry']}"}}
    row = dynamodb.get_item(**table, Key=key)["Item"]
    dynamodb.put_item(**table, Item={**row, "sk": {"S": "N#digest-20261122"}})
    drive.put("NoticesDeadLetters", {**notice, "entry": "digest-20261122"})

    assert "1 sent again: a notice still owed" in drive.run("NoticesDeadLetters")


@pytest.mark.parametrize("queue", command.QUEUES)
def test_what_is_no_message_of_the_queue_stays_and_stops_nothing(drive: Drive, queue: str) -> None:
    poison = ("not json", "null", "[]", "{}", '{"patient": "x", "entry": 1}', '{"id": "x"}')
    for body in poison:
        drive.put(queue, body)

    assert f"{len(poison)} left: not a message of this queue" in drive.run(queue)
    assert drive.counts()[queue] == len(poison)
    assert sum(drive.counts().values()) == len(poison)


def test_a_leaf_is_queued_unless_it_is_sealed(drive: Drive) -> None:
    patient = str(drive.post.world.open_record().patient)
    leaf = {"id": f"{patient}.{'0' * 16}", "leaf": "11" * 32}
    drive.put("LeavesDeadLetters", leaf)
    assert "1 sent again: an entry not yet sealed" in drive.run("LeavesDeadLetters")
    assert [json.loads(body) for body in drive.post.waiting("LeavesQueue")] == [leaf]

    drive.post.world.put_row(f"leaf#{leaf['id']}", n={"N": "0"}, h={"B": b"\x11" * 32})
    drive.put("LeavesDeadLetters", leaf)
    assert "1 dropped: the entry is sealed" in drive.run("LeavesDeadLetters")
    assert drive.counts()["LeavesQueue"] == 1


def test_a_batch_that_the_stream_gave_up_is_read_again(drive: Drive) -> None:
    patient = drive.post.world.open_record()
    made = observation(str(patient.patient))
    drive.post.world.call("POST /fhir/Observation", patient, made)
    records = drive.post.stream(lambda _: True)
    drive.put("StreamFailures", drive.failed(records[0], records[-1]))

    drive.run("StreamFailures", "--dry-run")  # what the write itself logged goes before it
    dry = drive.run("StreamFailures", "--dry-run")
    assert drive.counts()["NoticesQueue"] == 0
    assert "1 sent again: a notice still owed" in dry
    assert "2 sent again: an entry not yet sealed" in dry
    assert f"{len(records)} read again from the stream" in dry
    did = drive.run("StreamFailures")
    assert did == dry.replace(", nothing was changed (dry run)", "")
    assert drive.counts() == {
        "NoticesQueue": 1, "LeavesQueue": 2, **dict.fromkeys(command.QUEUES, 0)
    }  # fmt: skip


def test_of_the_stream_only_the_batch_is_read(drive: Drive) -> None:
    for _ in range(3):
        drive.owed()
    second = drive.post.stream()[1]
    drive.put("StreamFailures", drive.failed(second, second))

    assert "1 read again from the stream" in drive.run("StreamFailures")
    [body] = drive.post.waiting()
    assert json.loads(body)["patient"] == second["dynamodb"]["Keys"]["pk"]["S"]


def test_a_batch_older_than_the_stream_is_left_to_the_sweeps(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive.owed()
    [record] = drive.post.stream()
    drive.put("StreamFailures", drive.failed(record, record))

    def trimmed(_: object) -> Any:
        error: Any = {"Error": {"Code": "TrimmedDataAccessException"}}
        raise ClientError(error, "GetShardIterator")

    monkeypatch.setattr(command, "_changes", trimmed)
    assert "1 dropped: older than the stream, left to the sweeps" in drive.run("StreamFailures")
    assert set(drive.counts().values()) == {0}


def test_while_the_queue_is_down_the_dead_letter_stays(
    drive: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive.put("NoticesDeadLetters", drive.owed())
    with monkeypatch.context() as down:
        down.setattr(command.NoticeQueue, "hand_on", mock.Mock(side_effect=command.Unavailable()))
        assert "1 left: a service did not answer" in drive.run("NoticesDeadLetters")
    assert "1 sent again" in drive.run("NoticesDeadLetters")
