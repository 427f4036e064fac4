"""The compactor: fed by the records stream with new commits, it makes segments."""

from __future__ import annotations

from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.segments import DynamoSegments
from dmp.adapters.envelope import Vault
from dmp.edge.batch import stream_handler
from dmp.settings import RecordSettings
from dmp.use_cases.compaction import Compaction, worth_a_look

settings = RecordSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
segments = DynamoSegments(
    vault, settings.records_table, settings.keys_table, settings.registry_table
)
compaction = Compaction(segments, SystemClock())


def take(record: DynamoDBRecord) -> None:
    """One new commit; its record is looked at for one commit in eight."""
    keys = record.dynamodb.keys if record.dynamodb else None
    if keys and worth_a_look(keys["sk"]):
        compaction.compact(keys["pk"])


handler = stream_handler(take)
