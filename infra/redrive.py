"""What was given up, back on its way: `python -m infra.redrive STACK QUEUE [--dry-run]`.

QUEUE is NoticesDeadLetters, LeavesDeadLetters or StreamFailures. Sent again is only what is still
owed or not yet sealed; a second run changes nothing. What nothing can be done with stays. Printed
are message ids and numbers: nothing of whom they are about.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.adapters.queues import LeavesQueue, NoticeQueue, leaf_of
from dmp.domain.identifiers import is_entry_id
from dmp.domain.notices import DIGEST
from dmp.domain.refusals import Unavailable
from dmp.use_cases.sealing import Leaf
from infra.stacks import outputs

QUEUES = ("NoticesDeadLetters", "LeavesDeadLetters", "StreamFailures")
HELD_S = 600
WAIT_S = 1  # a short poll may miss what is there
_GONE = ("TrimmedDataAccessException", "ExpiredIteratorException", "ResourceNotFoundException")
Told = Counter[str]


class Unreadable(Exception):
    """The message is none of this queue's: it stays for somebody to look at."""


@dataclass(slots=True)
class Redrive:
    """One queue of one stack; `outputs` are the stack's."""

    outputs: Mapping[str, str]
    dry: bool
    told: dict[str, Told] = field(default_factory=dict)

    def run(self, queue: str) -> None:
        """Every message that waits; `told` is what was done, or would be, by message id."""
        sqs, url = boto3.client("sqs"), self.outputs[f"{queue}Url"]
        held = []
        for message in _messages(sqs, url):
            self.told[message["MessageId"]] = told = Counter[str]()
            try:
                self._one(queue, json.loads(message["Body"]), told)
            except (Unreadable, KeyError, TypeError, ValueError):
                told["left: not a message of this queue"] += 1
            except Unavailable:
                told["left: a service did not answer, run it again"] += 1
            handle = message["ReceiptHandle"]
            if self.dry or any(what.startswith("left") for what in told):
                held.append(handle)
            else:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=handle)
        for handle in held:
            sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)

    def _one(self, queue: str, body: Mapping[str, Any], told: Told) -> None:
        if queue == "NoticesDeadLetters":
            self._notices([(body["patient"], body["entry"])], told)
        elif queue == "LeavesDeadLetters":
            self._leaves([leaf_of(body)], told)
        else:
            self._batch(body["DDBStreamBatchInfo"], told)

    def _notices(self, notices: Sequence[tuple[str, str]], told: Told) -> None:
        """Hand on those that are still owed. Two of one notice are told once: it is claimed."""
        table, batch = self.outputs["RecordsTable"], Batch(dynamodb())
        for patient, entry in notices:
            if not is_entry_id(f"{patient}.{entry}") and not str(entry).startswith(DIGEST):
                raise Unreadable
            batch.want(table, pk=patient, sk=f"N#{entry}")
        rows = {(row["pk"], row["sk"][2:]): row for row in batch.fetch()[table]}
        again = NoticeQueue(boto3.client("sqs"), self.outputs["NoticesQueueUrl"])
        for notice in notices:
            if notice not in rows:
                told["dropped: no such notice"] += 1
            elif "due" not in rows[notice]:
                told["dropped: the notice is settled"] += 1
            else:
                told["sent again: a notice still owed"] += 1
                if not self.dry:
                    again.hand_on(*notice)

    def _leaves(self, leaves: Sequence[Leaf], told: Told) -> None:
        """Hand on those that are not in the log. Two of one leaf stand there once."""
        sealed = DynamoLogRows(self.outputs["RegistryTable"]).leaves([leaf.id for leaf in leaves])
        again = LeavesQueue(boto3.client("sqs"), self.outputs["LeavesQueueUrl"])
        for leaf in leaves:
            if leaf.id in sealed:
                told["dropped: the entry is sealed"] += 1
            else:
                told["sent again: an entry not yet sealed"] += 1
                if not self.dry:
                    again.hand_on(leaf)

    def _batch(self, batch: Mapping[str, Any], told: Told) -> None:
        """A batch that the stream gave up on, read again; a day later the sweeps have done it.

        Commits need nothing: reads fold them, and the next one of that record compacts them all.
        """
        try:
            for changes in _changes(batch):
                self._changed(changes, told)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _GONE:
                raise
            told["dropped: older than the stream, left to the sweeps"] += 1

    def _changed(self, changes: Sequence[Mapping[str, Any]], told: Told) -> None:
        notices: list[tuple[str, str]] = []
        leaves: list[Leaf] = []
        for change in changes:
            told["read again from the stream"] += 1
            image = change["dynamodb"].get("NewImage", {})
            key = change["dynamodb"]["Keys"]
            kind, _, entry = key["sk"]["S"].partition("#")
            if change["eventName"] != "INSERT":
                continue
            if kind == "N" and "due" in image:
                notices.append((key["pk"]["S"], entry))
            elif kind == "J":
                leaves.append(Leaf(f"{key['pk']['S']}.{entry}", image["leaf"]["B"]))
        if notices:
            self._notices(notices, told)
        if leaves:
            self._leaves(leaves, told)


def _messages(sqs: Any, url: str) -> Iterator[dict[str, Any]]:
    """Each message once: those that are put back are hidden until the run is over."""
    seen: set[str] = set()
    while True:
        got = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=HELD_S, WaitTimeSeconds=WAIT_S
        ).get("Messages", [])
        fresh = [message for message in got if message["MessageId"] not in seen]
        if not fresh:
            return
        seen |= {message["MessageId"] for message in fresh}
        yield from fresh


def _changes(batch: Mapping[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """The batch's records, by page of the stream."""
    streams, last = boto3.client("dynamodbstreams"), int(batch["endSequenceNumber"])
    iterator: str | None = streams.get_shard_iterator(
        StreamArn=batch["streamArn"],
        ShardId=batch["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        SequenceNumber=batch["startSequenceNumber"],
    )["ShardIterator"]
    while iterator:
        page = streams.get_records(ShardIterator=iterator, Limit=100)
        found = [r for r in page["Records"] if int(r["dynamodb"]["SequenceNumber"]) <= last]
        if found:
            yield found
        ended = any(int(r["dynamodb"]["SequenceNumber"]) >= last for r in page["Records"])
        iterator = None if ended else page.get("NextShardIterator")


def report(told: Mapping[str, Told], *, dry: bool) -> str:
    """A line for each message, and the sums."""
    lines = [
        f"{name}  {', '.join(f'{what} ({n})' for what, n in sorted(did.items())) or 'nothing'}"
        for name, did in told.items()
    ]
    total = sum(told.values(), Counter[str]())
    lines.append(f"messages: {len(told)}" + (", nothing was changed (dry run)" if dry else ""))
    lines += [f"  {n} {what}" for what, n in sorted(total.items())]
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> int:
    """The command; see the top of this file."""
    parser = argparse.ArgumentParser(prog="infra.redrive", description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("queue", choices=QUEUES)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    asked = parser.parse_args(words)
    redrive = Redrive(outputs(asked.stack), asked.dry_run)
    redrive.run(asked.queue)
    sys.stdout.write(report(redrive.told, dry=asked.dry_run) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
