"""SQS messages: ids of what is on its way, and a leaf's hash; nothing of what they are about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dmp.domain.identifiers import is_entry_id
from dmp.domain.merkle import HASH_BYTES
from dmp.domain.refusals import Unavailable
from dmp.use_cases.sealing import Leaf


class _Queue:
    def __init__(self, sqs: Any, url: str) -> None:
        self._sqs = sqs
        self._url = url

    def _send(self, members: dict[str, str]) -> None:
        try:
            self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(members))
        except (ClientError, BotoCoreError):
            raise Unavailable("sqs") from None


class NoticeQueue(_Queue):
    """Implements the port `Queue`."""

    def hand_on(self, patient: str, entry: str) -> None:
        """One SendMessage."""
        self._send({"patient": patient, "entry": entry})


class LeavesQueue(_Queue):
    """Implements the port `LeafQueue`."""

    def hand_on(self, leaf: Leaf) -> None:
        """One SendMessage; `leaf_of` reads it."""
        self._send({"id": leaf.id, "leaf": leaf.hash.hex()})


def leaf_of(message: Mapping[str, Any]) -> Leaf:
    """The leaf that a message names; ValueError, KeyError or TypeError for another message."""
    name, digest = str(message["id"]), bytes.fromhex(message["leaf"])
    if not is_entry_id(name) or len(digest) != HASH_BYTES:
        raise ValueError("not a leaf")
    return Leaf(name, digest)
