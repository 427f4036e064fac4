"""The leaves that the records hold, by a scan of one segment: keys and hashes alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from dmp.adapters.dynamodb.conflicts import available
from dmp.use_cases.sealing import Leaf


class ScannedJournal:
    """Implements the port `JournalRows`."""

    def __init__(self, client: Any, records: str) -> None:
        self._client = client
        self._records = records

    def written(self, part: int, parts: int) -> Iterator[Leaf]:
        """One Scan a MB of the segment."""
        scan: dict[str, Any] = {
            "TableName": self._records,
            "Segment": part,
            "TotalSegments": parts,
            "FilterExpression": "begins_with(sk, :j)",
            "ExpressionAttributeValues": {":j": {"S": "J#"}},
            "ProjectionExpression": "pk, sk, leaf",
        }
        while True:
            page = available(partial(self._client.scan, **scan))
            for item in page["Items"]:
                entry = item["sk"]["S"].removeprefix("J#")
                yield Leaf(f"{item['pk']['S']}.{entry}", bytes(item["leaf"]["B"]))
            if "LastEvaluatedKey" not in page:
                return
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"]
