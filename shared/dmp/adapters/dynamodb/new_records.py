"""The port `Records` of activation: is there a record, and opening one with fresh keys."""

from __future__ import annotations

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.opening import AlreadyOpen, Opening, Openings
from dmp.adapters.envelope import Vault
from dmp.use_cases.activation_ports import NewRecord


class NewRecords:
    """Keys are made by each attempt and written only with the record they open."""

    def __init__(self, vault: Vault, records: str, keys: str, registry: str) -> None:
        self._vault = vault
        self._registry = registry
        self._openings = Openings(vault, records, keys, registry)

    def has_record(self, identifier_macs: tuple[str, ...]) -> bool:
        """One consistent BatchGetItem."""
        batch = Batch(dynamodb())
        for mac in identifier_macs:
            batch.want(self._registry, pk=f"identifier#{mac}")
        return bool(batch.fetch()[self._registry])

    def open_record(self, record: NewRecord) -> bool:
        """Three KMS calls and one TransactWriteItems."""
        keys = self._vault.new_keys(record.standing.owner)
        opening = Opening(
            keys=keys,
            standing=record.standing,
            contact=record.contact,
            person=record.person,
            entry=record.entry,
            notice=record.notice,
            identifier_macs=record.identifier_macs,
            pin=record.pin,
        )
        try:
            self._openings.open_record(opening)
        except AlreadyOpen:
            return False
        return True
