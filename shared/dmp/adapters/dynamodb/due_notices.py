"""The sparse index of notices owed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from dmp.adapters.dynamodb.conflicts import available
from dmp.domain.notices import SHARDS

INDEX = "due-index"


class DueIndex:
    """Implements the port `DueNotices`; one Query a shard and page."""

    def __init__(self, client: Any, records: str) -> None:
        self._client = client
        self._records = records

    def before(self, due: int) -> Iterator[tuple[str, str]]:
        """Oldest first within each shard; keys alone are read."""
        for shard in range(SHARDS):
            query: dict[str, Any] = {
                "TableName": self._records,
                "IndexName": INDEX,
                "KeyConditionExpression": "due_shard = :s AND due < :d",
                "ExpressionAttributeValues": {":s": {"S": str(shard)}, ":d": {"N": str(due)}},
            }
            while True:
                page = available(partial(self._client.query, **query))
                for item in page["Items"]:
                    yield item["pk"]["S"], item["sk"]["S"].removeprefix("N#")
                if "LastEvaluatedKey" not in page:
                    break
                query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
