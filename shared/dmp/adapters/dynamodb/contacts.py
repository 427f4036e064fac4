"""A patient's sealed contact, opened with the notice key alone."""

from __future__ import annotations

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import available
from dmp.adapters.dynamodb.journal_items import notice_side_item
from dmp.adapters.dynamodb.tables import CONTACT, RecordItem
from dmp.adapters.envelope import PatientKeys, Vault
from dmp.domain.contact import Contact
from dmp.domain.journal import Entry


class SealedContacts:
    """Where a patient is reached: never what the record's content says; and what they did there."""

    def __init__(self, vault: Vault, records: str, keys: str) -> None:
        self._vault = vault
        self._records = records
        self._keys = keys
        bind(RecordItem, records)

    def contact(self, patient: str) -> Contact | None:
        """The contact: one BatchGetItem and, cold, one Decrypt. None when there is none.

        Gone when the keys are destroyed, Unavailable when it cannot be opened.
        """
        batch = Batch(dynamodb())
        batch.want(self._records, pk=patient, sk=CONTACT)
        batch.want(self._keys, pk=patient)
        found = batch.fetch()
        kept = next(iter(found[self._records]), None)
        row = next(iter(found[self._keys]), None)
        if kept is None or row is None:
            return None
        ring = self._vault.notice_ring(patient, PatientKeys(row["kv"], row["rec"], row["ntc"]))
        return Contact.from_bytes(ring.open("notice", CONTACT, kept["b"]))

    def journal(self, entry: Entry) -> None:
        """One BatchGetItem of the keys, one PutItem and, cold, one Decrypt."""
        batch = Batch(dynamodb())
        batch.want(self._keys, pk=entry.patient)
        row = next(iter(batch.fetch()[self._keys]), None)
        keys = None if row is None else PatientKeys(row["kv"], row["rec"], row["ntc"])
        item = notice_side_item(self._vault.notice_ring(entry.patient, keys), entry)
        available(lambda: item.save(condition=RecordItem.pk.does_not_exist()))
