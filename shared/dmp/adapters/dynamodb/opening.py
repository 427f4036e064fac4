"""Opening a record: everything of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pynamodb.connection import Connection
from pynamodb.transactions import TransactWrite

from dmp.adapters.compression import compress
from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.credentials import CredentialItem, credential_item
from dmp.adapters.dynamodb.journal_items import journal_item, notice_item
from dmp.adapters.dynamodb.marks import MarkItem, first_item
from dmp.adapters.dynamodb.tables import (
    CONTACT,
    GUARD,
    STANDING,
    IdentifierItem,
    KeysItem,
    RecordItem,
)
from dmp.adapters.envelope import PatientKeys, Ring, Vault
from dmp.domain.consent import Standing
from dmp.domain.contact import Contact
from dmp.domain.credential import Credential, Pin
from dmp.domain.identifiers import commit_millis
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.domain.record import Version, encode
from dmp.domain.refusals import Refusal


class AlreadyOpen(Refusal):
    """An identifier of the person already has a record."""

    code = "already-open"


@dataclass(frozen=True, slots=True)
class Opening:
    """All that a new record consists of. `identifier_macs` are the registry's keys in hex."""

    keys: PatientKeys
    standing: Standing
    contact: Contact
    person: Version
    entry: Entry
    notice: Notice
    identifier_macs: tuple[str, ...]
    pin: Pin | None = None


class Openings:
    """Writes new records, sealed under their new keys."""

    def __init__(self, vault: Vault, records: str, keys: str, registry: str) -> None:
        self._vault = vault
        self._connection: Connection = bind(RecordItem, records)
        bind(KeysItem, keys)
        bind(IdentifierItem, registry)
        bind(CredentialItem, registry)
        bind(MarkItem, registry)

    def open_record(self, opening: Opening) -> bool:
        """One TransactWriteItems. False when this very opening was written before.

        AlreadyOpen when an identifier belongs to another record; then nothing is written.
        """
        ring = self._vault.record_ring(opening.standing.owner, opening.keys)
        try:
            retrying(lambda: self._write(ring, opening))
        except ConditionsFailed:
            if self._written(opening):
                return False
            raise AlreadyOpen("the person already has a record") from None
        return True

    def _written(self, opening: Opening) -> bool:
        """Whether the record stands and was opened by this entry: a repeated step, then."""
        patient, entry = opening.standing.owner, opening.entry.entry

        def kept() -> bool:
            try:
                RecordItem.get(patient, f"J#{entry}", consistent_read=True)
            except RecordItem.DoesNotExist:
                return False
            return True

        return available(kept)

    def _write(self, ring: Ring, opening: Opening) -> None:
        patient, keys = opening.standing.owner, opening.keys
        with TransactWrite(connection=self._connection) as transaction:
            transaction.save(
                KeysItem(patient, kv=keys.kv, rec=keys.rec, ntc=keys.ntc),
                condition=KeysItem.pk.does_not_exist(),
            )
            for item in _items(ring, opening):
                transaction.save(item, condition=RecordItem.pk.does_not_exist())
            for mac in opening.identifier_macs:
                transaction.save(
                    IdentifierItem(f"identifier#{mac}", patient=patient),
                    condition=IdentifierItem.pk.does_not_exist(),
                )
            if opening.pin:
                transaction.save(
                    credential_item(Credential(patient, 1, opening.pin)),
                    condition=CredentialItem.pk.does_not_exist(),
                )
            transaction.save(first_item(patient, commit_millis(opening.entry.entry) // 1000))


def _items(ring: Ring, opening: Opening) -> Iterator[RecordItem]:
    standing, person = opening.standing, opening.person
    patient, version = standing.owner, standing.version
    sealed = ring.seal("record", STANDING, standing.to_bytes())
    yield RecordItem(patient, GUARD, st="active", pv=version)
    yield RecordItem(patient, STANDING, b=sealed, pv=version)
    contact = ring.seal("notice", CONTACT, opening.contact.to_bytes())
    yield RecordItem(patient, CONTACT, b=contact)
    commit = ring.seal("record", person.commit, compress(encode([person])))
    yield RecordItem(patient, f"K#{person.commit}", b=commit, n=1)
    pointer = f"U#{person.type}#{person.id}"
    yield RecordItem(patient, pointer, v=1, cs=[person.commit], own=True)
    yield journal_item(ring, opening.entry, owes=True)
    yield notice_item(ring, opening.entry, opening.notice)
