"""Counters that refuse: how often something may be asked for in a window of time."""

from __future__ import annotations

from typing import Any

from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.domain.refusals import TooMany


class Rates:
    """Rows `rate#<key>#<window>` of the registry, each one number that lives for its window."""

    def __init__(self, dynamodb: Any, registry: str) -> None:
        self._dynamodb = dynamodb
        self._registry = registry

    def spend(self, key: str, limit: int, window_s: int, now: int) -> None:
        """Count one more; TooMany, and nothing counted, when `limit` were counted already.

        Windows are fixed (`now // window_s`), so two may be spent back to back at their border.
        One UpdateItem; serialisable, since the condition and the sum are one write.
        """
        window = now // window_s
        ends = (window + 1) * window_s
        try:
            available(
                lambda: self._dynamodb.update_item(
                    TableName=self._registry,
                    Key={"pk": {"S": f"rate#{key}#{window}"}},
                    UpdateExpression="SET #ttl = :ttl ADD n :one",
                    ConditionExpression="attribute_not_exists(n) OR n < :limit",
                    ExpressionAttributeNames={"#ttl": "ttl"},
                    ExpressionAttributeValues={
                        ":ttl": {"N": str(ends + window_s)},
                        ":one": {"N": "1"},
                        ":limit": {"N": str(limit)},
                    },
                )
            )
        except ConditionsFailed:
            raise TooMany("too many requests of this kind", max(1, ends - now)) from None
