"""Notices on their way: an SQS message names patient and entry, and says nothing else."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dmp.domain.refusals import Unavailable


class NoticeQueue:
    """Implements the port `Queue`."""

    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def hand_on(self, patient: str, entry: str) -> None:
        """One SendMessage."""
        body = json.dumps({"patient": patient, "entry": entry})
        try:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=body)
        except (ClientError, BotoCoreError):
            raise Unavailable("sqs") from None
