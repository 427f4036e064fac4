"""Receipts: what the mail provider tells of notices, back to the notice."""

from __future__ import annotations

from functools import cache

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.told_notices import MailedNotices
from dmp.adapters.queues import NoticeQueue
from dmp.edge.receipts import receiving
from dmp.settings import ReceiptsSettings
from dmp.use_cases.receipts import Receipts

settings = ReceiptsSettings.from_environment()


@cache
def receipts() -> Receipts:
    """What the handler does."""
    notices = MailedNotices(dynamodb(), settings.records_table)
    return Receipts(notices, NoticeQueue(client("sqs"), settings.notices_queue_url), SystemClock())


handler = receiving(receipts)
