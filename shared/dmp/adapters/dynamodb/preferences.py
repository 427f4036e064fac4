"""The port `Contacts`: the sealed contact, changed by condition, and an address on trial.

`address#<patient>` in the registry holds the address on trial, sealed with the notice key, the MAC
of its code, and when the codes of the last day were sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from pynamodb.attributes import (
    BinaryAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.connection import Connection
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.directory_rows import settled
from dmp.adapters.dynamodb.journal_items import notice_item, notice_side_item, written_once
from dmp.adapters.dynamodb.registry import found
from dmp.adapters.dynamodb.tables import CONTACT, GUARD, RecordItem
from dmp.adapters.envelope import PatientKeys, Ring, Vault
from dmp.domain.contact import NO_GRANT_S, Contact
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.domain.sign_in import DAY_S
from dmp.use_cases.notice_ports import Address, ContactDoor, NewAddress


class AddressItem(Model):
    """address#<patient>; `mac`, `b` and `kind` are there while a code is awaited."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    b = BinaryAttribute(legacy_encoding=False, null=True)
    kind = UnicodeAttribute(null=True)
    mac = BinaryAttribute(legacy_encoding=False, null=True)
    tries = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)
    sent: ListAttribute[int] = ListAttribute()
    last = NumberAttribute()
    ttl = NumberAttribute()


@dataclass(frozen=True, slots=True)
class OpenContactDoor(ContactDoor):
    """A door with the notice key."""

    ring: Ring | None = None


class SealedPreferences:
    """Each method is one call, or one transaction."""

    def __init__(self, vault: Vault, records: str, keys: str, registry: str) -> None:
        self._vault = vault
        self._records, self._keys, self._registry = records, keys, registry
        self._connection: Connection = bind(RecordItem, records)
        bind(AddressItem, registry)

    def enter(self, patient: str, registry_keys: Sequence[str]) -> ContactDoor:
        """One consistent BatchGetItem; cold, one Decrypt. No contact unless the record is active.

        Gone when the keys are destroyed.
        """
        batch = Batch(dynamodb())
        for sk in (GUARD, CONTACT):
            batch.want(self._records, pk=patient, sk=sk)
        batch.want(self._keys, pk=patient)
        for key in registry_keys:
            batch.want(self._registry, pk=key)
        got = batch.fetch()
        rows = {row["pk"]: row for row in settled(self._registry, got[self._registry])}
        items = {item["sk"]: item for item in got[self._records]}
        if items.get(GUARD, {}).get("st") != "active" or CONTACT not in items:
            return OpenContactDoor(patient, rows)
        keys = got[self._keys]
        wrapped = PatientKeys(int(keys[0]["kv"]), keys[0]["rec"], keys[0]["ntc"]) if keys else None
        ring = self._vault.notice_ring(patient, wrapped)
        sealed = items[CONTACT]["b"]
        contact = Contact.from_bytes(ring.open("notice", CONTACT, sealed))
        return OpenContactDoor(patient, rows, contact, sealed, ring)

    def journal(self, door: ContactDoor, entry: Entry) -> None:
        """One PutItem."""
        item = notice_side_item(_ring(door), entry)
        available(lambda: item.save(condition=written_once(item)))

    def change(self, door: ContactDoor, contact: Contact, entry: Entry) -> bool:
        """One TransactWriteItems, on the very message that was read."""
        ring = _ring(door)
        sealed = ring.seal("notice", CONTACT, contact.to_bytes())

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                item = notice_side_item(ring, entry)
                transaction.save(item, condition=RecordItem.pk.does_not_exist())
                transaction.update(
                    RecordItem(door.patient, CONTACT),
                    [RecordItem.b.set(sealed)],
                    condition=RecordItem.b == door.sealed,
                )

        return _holds(lambda: retrying(write))

    def pending(self, door: ContactDoor) -> NewAddress:
        """One consistent GetItem."""
        item = found(AddressItem, _key(door))
        return NewAddress() if item is None else _address(door, item)

    def await_code(self, door: ContactDoor, before: NewAddress, pending: NewAddress) -> bool:
        """One PutItem; `last` is what two at once would both have read."""
        now = pending.sent[-1]
        item = AddressItem(
            _key(door),
            b=_ring(door).seal("notice", _key(door), pending.value.encode()),
            kind=pending.address,
            mac=pending.mac,
            tries=pending.tries,
            expires=pending.expires,
            sent=list(pending.sent),
            last=now,
            ttl=now + DAY_S,
        )
        unmoved = AddressItem.pk.does_not_exist()
        if before.sent:
            unmoved = unmoved | (AddressItem.last == before.sent[-1])
        return _holds(lambda: item.save(condition=unmoved))

    def spend_try(self, door: ContactDoor, now: int) -> NewAddress | None:
        """One UpdateItem, before the code is looked at."""
        item = AddressItem(_key(door))
        live = AddressItem.mac.exists() & (AddressItem.tries > 0) & (AddressItem.expires > now)
        tried = AddressItem.tries.set(AddressItem.tries - 1)
        if not _holds(lambda: item.update(actions=[tried], condition=live)):
            return None
        return _address(door, item)

    def move(
        self, door: ContactDoor, contact: Contact, entry: Entry, notice: Notice, now: int
    ) -> bool:
        """One TransactWriteItems. `until` at CONTACT tells until when no new grant is made."""
        ring = _ring(door)
        sealed = ring.seal("notice", CONTACT, contact.to_bytes())
        owed = notice_item(ring, entry, notice)

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.save(owed, condition=RecordItem.pk.does_not_exist())
                told = notice_side_item(ring, entry, owes=True)
                transaction.save(told, condition=RecordItem.pk.does_not_exist())
                transaction.update(
                    RecordItem(door.patient, CONTACT),
                    [RecordItem.b.set(sealed), RecordItem.until.set(now + NO_GRANT_S)],
                    condition=RecordItem.b == door.sealed,
                )
                transaction.update(
                    AddressItem(_key(door)),
                    [AddressItem.mac.remove(), AddressItem.b.remove(), AddressItem.kind.remove()],
                    condition=AddressItem.mac.exists(),
                )

        return _holds(lambda: retrying(write))


def _holds(write: Callable[[], object]) -> bool:
    try:
        available(write)
    except ConditionsFailed:
        return False
    return True


def _key(door: ContactDoor) -> str:
    return f"address#{door.patient}"


def _ring(door: ContactDoor) -> Ring:
    if not isinstance(door, OpenContactDoor) or door.ring is None:
        raise TypeError("a door without its key")
    return door.ring


def _address(door: ContactDoor, item: AddressItem) -> NewAddress:
    sent = tuple(int(at) for at in item.sent)
    if not item.mac or not item.b:
        return NewAddress(sent=sent)
    return NewAddress(
        address=cast("Address", item.kind),
        value=_ring(door).open("notice", _key(door), item.b).decode(),
        mac=item.mac,
        tries=int(item.tries or 0),
        expires=int(item.expires or 0),
        sent=sent,
    )
