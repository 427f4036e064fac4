"""Both sides of the notices' ledger by one scan: keys, states and digests; nothing is opened."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from dmp.adapters.dynamodb.conflicts import available
from dmp.use_cases.reconciliation import Row


class ScannedLedger:
    """Implements the port `LedgerRows`; one Scan a MB, consistent."""

    def __init__(self, client: Any, records: str) -> None:
        self._client = client
        self._records = records

    def rows(self) -> Iterator[Row]:
        """A scan gives a partition's items one after the other."""
        scan: dict[str, Any] = {
            "TableName": self._records,
            "ConsistentRead": True,
            "FilterExpression": "begins_with(sk, :n) OR (begins_with(sk, :j) AND owes = :yes)",
            "ExpressionAttributeValues": {
                ":n": {"S": "N#"}, ":j": {"S": "J#"}, ":yes": {"BOOL": True},
            },
            "ProjectionExpression": "pk, sk, #state, claimed_until, digest",
            "ExpressionAttributeNames": {"#state": "state"},
        }  # fmt: skip
        while True:
            page = available(partial(self._client.scan, **scan))
            for item in page["Items"]:
                yield Row(
                    patient=item["pk"]["S"],
                    entry=item["sk"]["S"][2:],
                    state=item.get("state", {}).get("S", ""),
                    until=int(item.get("claimed_until", {}).get("N", 0)),
                    day=item.get("digest", {}).get("S", ""),
                )
            if "LastEvaluatedKey" not in page:
                return
            scan["ExclusiveStartKey"] = page["LastEvaluatedKey"]
