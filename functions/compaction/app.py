"""The compactor: fed by the records stream with new commits, it makes segments."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.segments import DynamoSegments
from dmp.adapters.envelope import Vault
from dmp.edge.batch import Change, stream_handler
from dmp.settings import RecordSettings
from dmp.use_cases.compaction import Compaction, worth_a_look

settings = RecordSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
segments = DynamoSegments(
    vault, settings.records_table, settings.keys_table, settings.registry_table
)
compaction = Compaction(segments, SystemClock())


def take(change: Change) -> None:
    """One new commit; its record is looked at for one commit in eight."""
    if change.keys and worth_a_look(change.keys["sk"]):
        compaction.compact(change.keys["pk"])


handler = stream_handler(take)
