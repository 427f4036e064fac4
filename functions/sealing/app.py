"""The region's sealed log: leaves from the queue, and the hourly comparison with the records."""

from __future__ import annotations

from functools import cache

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.journal_rows import ScannedJournal
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.adapters.log_key import LogKey
from dmp.adapters.queues import LeavesQueue, leaf_of
from dmp.adapters.tiles import TilesBucket
from dmp.edge.batch import gathering_handler, scheduled_handler
from dmp.edge.logs import count
from dmp.settings import SealingSettings
from dmp.use_cases.sealing import Comparison, Leaf, LogRolledBack, Sealer

settings = SealingSettings.from_environment()
rows = DynamoLogRows(settings.registry_table)
sealer = Sealer(
    rows=rows,
    published=TilesBucket(client("s3"), settings.tiles_bucket),
    signer=LogKey(client("kms"), settings.log_key_arn),
    origin=settings.origin,
)


@cache
def comparison() -> Comparison:
    """The records beside the log."""
    settings.need("leaves_queue_url")
    queue = LeavesQueue(client("sqs"), settings.leaves_queue_url)
    return Comparison(
        ScannedJournal(dynamodb(), settings.records_table), rows, queue, SystemClock()
    )


def take(leaves: list[Leaf]) -> None:
    """A batch into the log."""
    try:
        count("LeavesSealed", sealer.seal(leaves))
    except LogRolledBack:
        count("LogRolledBack")
        raise


def compare() -> None:
    """One part of the records, by the hour."""
    part = SystemClock().now_ms() // 3_600_000 % settings.sweep_parts
    count("LeavesMissing", comparison().sweep(part, settings.sweep_parts))


seal = gathering_handler(leaf_of, take)
sweep = scheduled_handler(compare)
