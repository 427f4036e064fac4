"""The port `DirectoryReader`: the caller's rows and the load in force in one batch."""

from __future__ import annotations

from collections.abc import Mapping

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.directory_loads import POINTER, DirectoryBooks
from dmp.adapters.dynamodb.directory_rows import settled
from dmp.adapters.dynamodb.rates import Rates
from dmp.domain.caller import Caller


class DynamoDirectory(DirectoryBooks):
    """Implements the port `DirectoryReader` over the registry."""

    def enter(self, caller: Caller) -> tuple[Mapping[str, Mapping[str, object]], str]:
        """One consistent BatchGetItem; one more while a load is staged."""
        batch = Batch(dynamodb())
        for key in (*caller.registry_keys(), POINTER):
            batch.want(self._registry, pk=key)
        found = {str(row["pk"]): row for row in batch.fetch()[self._registry]}
        load = str(found.pop(POINTER, {}).get("load", ""))
        return {str(row["pk"]): row for row in settled(self._registry, found.values())}, load

    def spend(self, who: str, limit: int, window_s: int, now: int) -> None:
        """One UpdateItem."""
        Rates(dynamodb(), self._registry).spend(f"directory#{who}", limit, window_s, now)
