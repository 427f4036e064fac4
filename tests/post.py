"""The way of a notice under moto: stream records, the queue with its redrive, the handlers."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

from tests.stack import ACCOUNT, REGION, Context, Stack
from tests.world import World


class Post:
    """Moves what the tables and queues hold to the real handlers."""

    def __init__(self, world: World, travel: Any) -> None:
        self.world = world
        self.travel = travel
        self.stack: Stack = world.stack
        self.sqs = self.stack.client("sqs")
        self.seen = ""
        self.announcer = self.stack.app("notifications", "NotificationsAnnouncer")
        self.sender = self.stack.app("notifications", "NotificationsSender")
        self.sweeper = self.stack.app("notifications", "NotificationsSweeper")

    def stream(
        self, wanted: Callable[[dict[str, Any]], bool] | None = None
    ) -> list[dict[str, Any]]:
        """Every record of the table's stream that a mapping's filter lets through: the notices'."""
        records = self._records()
        return [record_of(r) for r in records if (wanted or _owed)(r)]

    def from_now(self) -> None:
        """What the stream has told so far is over."""
        for record in self._records():
            self.seen = record["dynamodb"]["SequenceNumber"]

    def _records(self) -> list[dict[str, Any]]:
        streams = self.stack.client("dynamodbstreams")
        table = self.stack.output("RecordsTable")
        about = self.stack.client("dynamodb").describe_table(TableName=table)["Table"]
        arn = about["LatestStreamArn"]
        shards = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        begins: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if self.seen:
            begins = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self.seen}
        shard = shards[0]["ShardId"]
        at = streams.get_shard_iterator(StreamArn=arn, ShardId=shard, **begins)["ShardIterator"]
        got: list[dict[str, Any]] = []
        while (page := streams.get_records(ShardIterator=at))["Records"]:
            got += page["Records"]
            at = page["NextShardIterator"]
        return got

    def announce(self, records: Sequence[dict[str, Any]]) -> list[str]:
        """Give stream records to the announcer; the failures it reports."""
        answered = self.announcer.announce(
            {"Records": list(records)}, Context("NotificationsAnnouncer")
        )
        return [failure["itemIdentifier"] for failure in answered["batchItemFailures"]]

    def deliver(self) -> list[str]:
        """One round of the queue's mapping: what is reported failed stays, and is seen at once."""
        queue = self.stack.output("NoticesQueueUrl")
        got = self.sqs.receive_message(
            QueueUrl=queue,
            MaxNumberOfMessages=10,
            AttributeNames=["All"],
            VisibilityTimeout=0,
        ).get("Messages", [])
        if not got:
            return []
        answered = self.sender.deliver(
            {"Records": [message_of(m) for m in got]}, Context("NotificationsSender")
        )
        failed = [failure["itemIdentifier"] for failure in answered["batchItemFailures"]]
        for message in got:
            if message["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return failed

    def sweep(self) -> None:
        """The schedule's event."""
        self.sweeper.sweep({"source": "aws.events"}, Context("NotificationsSweeper"))

    def waiting(self, queue: str = "NoticesQueue") -> list[str]:
        """Bodies in a queue; they stay."""
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        got = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in got.get("Messages", [])]

    def notices(self, patient: str) -> list[dict[str, Any]]:
        """The N# rows of a record, oldest first."""
        items = self.stack.client("dynamodb").query(
            TableName=self.stack.output("RecordsTable"),
            KeyConditionExpression="pk = :p AND begins_with(sk, :n)",
            ExpressionAttributeValues={":p": {"S": patient}, ":n": {"S": "N#"}},
        )["Items"]
        return [{name: next(iter(v.values())) for name, v in item.items()} for item in items]


def _owed(record: dict[str, Any]) -> bool:
    new = record["dynamodb"].get("NewImage", {})
    return (
        record["eventName"] == "INSERT"
        and record["dynamodb"]["Keys"]["sk"]["S"].startswith("N#")
        and "due" in new
    )


def commits(record: dict[str, Any]) -> bool:
    """The filter of the compactor's mapping."""
    return record["eventName"] == "INSERT" and record["dynamodb"]["Keys"]["sk"]["S"].startswith(
        "K#"
    )


def record_of(record: dict[str, Any]) -> dict[str, Any]:
    """A stream record as Lambda gets it; of the image the leaf alone, for nothing else is read."""
    told = record["dynamodb"]
    image = told.get("NewImage", {})
    raw = {"B": base64.b64encode(image["leaf"]["B"]).decode()} if "leaf" in image else None
    leaf = {"leaf": raw} if raw else {}
    return {
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "eventSourceARN": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/RecordsTable/stream/1",
        "dynamodb": {
            "Keys": told["Keys"],
            "NewImage": {**told["Keys"], **leaf},
            "SequenceNumber": told["SequenceNumber"],
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
    }


def message_of(message: dict[str, Any]) -> dict[str, Any]:
    """A queue's message as Lambda gets it."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:NoticesQueue",
        "awsRegion": REGION,
    }
