"""A patient's sealed contact, opened with the notice key alone."""

from __future__ import annotations

from typing import Any

from pynamodb.connection import Connection
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.authorization_items import AppItem
from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.journal_items import notice_item, notice_side_item, written_once
from dmp.adapters.dynamodb.marks import MarkItem, mark_item
from dmp.adapters.dynamodb.tables import CONTACT, RecordItem
from dmp.adapters.envelope import PatientKeys, Ring, Vault
from dmp.domain.authorization import App
from dmp.domain.contact import Contact
from dmp.domain.identifiers import commit_millis
from dmp.domain.journal import Entry
from dmp.domain.marks import Mark, app_key, live
from dmp.domain.notices import Notice
from dmp.domain.refusals import Unavailable


class SealedContacts:
    """Where a patient is reached: never what the record's content says; and what they did there."""

    def __init__(self, vault: Vault, records: str, keys: str, registry: str) -> None:
        self._vault = vault
        self._records = records
        self._keys = keys
        self._registry = registry
        bind(MarkItem, registry)
        bind(AppItem, registry)
        self._connection: Connection = bind(RecordItem, records)

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
        ring = self._ring(entry.patient, batch.fetch()[self._keys])
        item = notice_side_item(ring, entry)
        available(lambda: item.save(condition=written_once(item)))

    def journal_once(self, entry: Entry, notice: Notice, mark: Mark, now: int) -> bool:
        """As `journal` where the mark stands; else one TransactWriteItems in place of the PutItem.

        True when the patient is told.
        """
        batch = Batch(dynamodb())
        batch.want(self._keys, pk=entry.patient)
        for key in filter(None, (mark.key, mark.first)):
            batch.want(self._registry, pk=key)
        found = batch.fetch()
        ring = self._ring(entry.patient, found[self._keys])
        rows = {row["pk"]: row for row in found[self._registry]}
        if mark.stands(rows.get(mark.key), now):
            item = notice_side_item(ring, entry)
            available(lambda: item.save(condition=written_once(item)))
            return False
        kept = mark_item(mark.over(rows.get(mark.key), now))
        if live(rows.get(mark.first), now):
            try:
                retrying(lambda: self._quietly(ring, entry, kept, mark.first))
            except ConditionsFailed:  # another sign-in was the first
                pass
            else:
                return False
        retrying(lambda: self._told(ring, entry, notice, kept))
        return True

    def end_app(self, app: App, entry: Entry) -> None:
        """One BatchGetItem, one TransactWriteItems and, cold, one Decrypt."""
        batch = Batch(dynamodb())
        batch.want(self._keys, pk=entry.patient)
        item = notice_side_item(self._ring(entry.patient, batch.fetch()[self._keys]), entry)
        over = commit_millis(entry.entry) // 1000
        told = mark_item(Mark(app_key(entry.patient, app.given.client_id), over))

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                ended, out = AppItem(f"app#{app.id}"), AppItem.active.set(False)
                transaction.update(ended, [out], condition=AppItem.pk.exists())
                transaction.save(item, condition=RecordItem.pk.does_not_exist())
                transaction.save(told)

        try:
            retrying(write)
        except ConditionsFailed:
            raise Unavailable("app") from None

    def _quietly(self, ring: Ring, entry: Entry, kept: MarkItem, first: str) -> None:
        with TransactWrite(connection=self._connection) as transaction:
            transaction.save(
                notice_side_item(ring, entry), condition=RecordItem.pk.does_not_exist()
            )
            transaction.save(kept)
            transaction.delete(MarkItem(first), condition=MarkItem.pk.exists())

    def _told(self, ring: Ring, entry: Entry, notice: Notice, kept: MarkItem) -> None:
        items = notice_side_item(ring, entry, owes=True), notice_item(ring, entry, notice)
        with TransactWrite(connection=self._connection) as transaction:
            for item in items:
                transaction.save(item, condition=RecordItem.pk.does_not_exist())
            transaction.save(kept)

    def _ring(self, patient: str, found: list[dict[str, Any]]) -> Ring:
        row = next(iter(found), None)
        keys = None if row is None else PatientKeys(row["kv"], row["rec"], row["ntc"])
        return self._vault.notice_ring(patient, keys)
