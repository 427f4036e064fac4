"""The port `Credentials`: proofs of persons in the registry, and the notices that tell of them.

credential#<holder> · passkey#<handle> → holder · ceremony#<id> · enrolment#<hash> ·
enrolled#<organisation>#<practitioner>#<instant>, which stays.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.batch import Batch, deserialize
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.journal_items import notice_item, notice_side_item
from dmp.adapters.dynamodb.marks import MarkItem, mark_item
from dmp.adapters.dynamodb.registry import PractitionerSessionItem, SessionItem, SessionsItem, found
from dmp.adapters.dynamodb.sign_ins import begin
from dmp.adapters.dynamodb.tables import GUARD, RecordItem
from dmp.adapters.envelope import PatientKeys, Vault
from dmp.domain.credential import Credential, handle_of, is_patient_holder
from dmp.domain.sign_in import PractitionerSession, Session
from dmp.use_cases.credential_ports import Ceremony, Change, CredentialDoor, Enrolment


class _Table:
    """Filled by `client.bind`; each model has its own, for PynamoDB keeps the name there."""

    table_name = "registry"
    region = "eu-west-1"


class CredentialItem(Model):
    """credential#<holder>; `known` is what `Caller.is_strong` reads."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    known = BooleanAttribute()
    version = NumberAttribute()
    content = UnicodeAttribute()


class PasskeyItem(Model):
    """passkey#<handle>: whose it is."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    holder = UnicodeAttribute()


class PassingItem(Model):
    """ceremony#<id> or enrolment#<hash>: `content` is its JSON, good until `expires`."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    content = UnicodeAttribute()
    expires = NumberAttribute()
    ttl = NumberAttribute()


class EnrolledItem(Model):
    """enrolled#…: which administrator let which practitioner register a passkey, and when."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    by = UnicodeAttribute()
    at = NumberAttribute()


@dataclass(frozen=True, slots=True)
class SealingDoor(CredentialDoor):
    """A door with the wrapped keys of the patient whom notices are sealed for."""

    keys: PatientKeys | None = None


class CredentialRows:
    """One call each; a notice costs one Decrypt when cold."""

    def __init__(self, vault: Vault, records: str, keys: str, registry: str) -> None:
        self._vault = vault
        self._tables = (records, keys, registry)
        bind(RecordItem, records)
        for model in (PasskeyItem, PassingItem, EnrolledItem, MarkItem):
            bind(model, registry)
        bind(SessionItem, registry)
        bind(SessionsItem, registry)
        bind(PractitionerSessionItem, registry)
        self._connection: Connection = bind(CredentialItem, registry)

    def enter(self, holder: str, registry_keys: Sequence[str] = ()) -> CredentialDoor:
        """One consistent BatchGetItem."""
        records, keys, registry = self._tables
        batch = Batch(dynamodb())
        patient = is_patient_holder(holder)
        if patient:
            batch.want(records, pk=holder, sk=GUARD)
            batch.want(keys, pk=holder)
        for key in (_key(holder), *registry_keys):
            batch.want(registry, pk=key)
        got = batch.fetch()
        rows = {row["pk"]: row for row in got[registry]}
        known = rows.get(_key(holder))
        credential = Credential(holder) if known is None else Credential.from_text(known["content"])
        active = [item for item in got[records] if item.get("st") == "active"]
        return SealingDoor(credential, rows, not patient or bool(active), keys=_wrapped(got[keys]))

    def holder_of(self, handle: str) -> str | None:
        """One GetItem."""
        item = found(PasskeyItem, f"passkey#{handle}")
        return None if item is None else item.holder

    def keep(self, door: CredentialDoor, change: Change, now: int) -> bool:
        """One TransactWriteItems."""
        before = door.credential
        after = replace(change.credential, version=before.version + 1)
        told = self._told(door, change)
        kept = credential_item(after)
        unmoved: Condition = CredentialItem.pk.does_not_exist()
        if before.version:
            unmoved = CredentialItem.version == before.version

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.save(kept, condition=unmoved)
                _passkeys(transaction, before, after)
                for item in told:
                    transaction.save(item, condition=RecordItem.pk.does_not_exist())
                _sessions(transaction, change)
                if change.mark:
                    transaction.save(mark_item(change.mark))
                if change.spent:
                    spent = PassingItem(f"enrolment#{change.spent.hash}")
                    transaction.delete(spent, condition=PassingItem.expires > now)

        try:
            retrying(write)
        except ConditionsFailed:
            return False
        return True

    def _told(self, door: CredentialDoor, change: Change) -> list[RecordItem]:
        """What a patient's journal tells of it, and the notice owed."""
        if change.act is None or not isinstance(door, SealingDoor):
            return []
        ring = self._vault.notice_ring(door.credential.holder, door.keys)
        told = [notice_side_item(ring, change.act, owes=change.notice is not None)]
        return [*told, notice_item(ring, change.act, change.notice)] if change.notice else told

    def begin(self, ceremony: Ceremony) -> None:
        """One PutItem."""
        content = {**asdict(ceremony), "challenge": ceremony.challenge.hex()}
        available(_passing(f"ceremony#{ceremony.id}", content, ceremony.expires).save)

    def take(self, ceremony: str, now: int) -> Ceremony | None:
        """One DeleteItem, whose answer is what was there."""
        try:
            answered = available(
                lambda: dynamodb().delete_item(
                    TableName=self._tables[2],
                    Key={"pk": {"S": f"ceremony#{ceremony}"}},
                    ConditionExpression="expires > :now",
                    ExpressionAttributeValues={":now": {"N": str(now)}},
                    ReturnValues="ALL_OLD",
                )
            )
        except ConditionsFailed:
            return None
        members = json.loads(deserialize(answered["Attributes"])["content"])
        return Ceremony(**{**members, "challenge": bytes.fromhex(members["challenge"])})

    def enrol(self, enrolment: Enrolment, now: int) -> None:
        """One TransactWriteItems."""
        item = _passing(f"enrolment#{enrolment.hash}", asdict(enrolment), enrolment.expires)
        trace = f"enrolled#{enrolment.organization}#{enrolment.practitioner}#{enrolment.hash[:16]}"

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.save(item, condition=PassingItem.pk.does_not_exist())
                transaction.save(EnrolledItem(trace, by=enrolment.by, at=now))

        retrying(write)

    def enrolment(self, hashed: str, now: int) -> Enrolment | None:
        """One GetItem."""
        item = found(PassingItem, f"enrolment#{hashed}")
        if item is None or now >= item.expires:
            return None
        return Enrolment(**json.loads(item.content))

    def practitioner_session(self, session: str, now: int) -> PractitionerSession | None:
        """One GetItem."""
        item = found(PractitionerSessionItem, f"session#{session}")
        if item is None or not item.active or not item.practitioner or now >= item.expires:
            return None
        return PractitionerSession(
            id=session,
            practitioner=item.practitioner,
            organization=item.organization,
            role=item.role,
            secret=item.secret,
            expires=int(item.expires),
            until=int(item.until),
        )

    def touch(self, session: PractitionerSession, expires: int) -> None:
        """One UpdateItem."""
        self._session(session.id, PractitionerSessionItem.expires.set(expires))

    def end(self, session: str) -> None:
        """One UpdateItem."""
        self._session(session, PractitionerSessionItem.active.set(False))

    def _session(self, session: str, action: Any) -> None:
        item = PractitionerSessionItem(f"session#{session}")
        live = PractitionerSessionItem.active == True  # noqa: E712
        try:
            available(lambda: item.update(actions=[action], condition=live))
        except ConditionsFailed:
            return


def credential_item(credential: Credential) -> CredentialItem:
    """The row of a credential."""
    return CredentialItem(
        _key(credential.holder),
        known=credential.known,
        version=credential.version,
        content=credential.to_text(),
    )


def _passkeys(transaction: TransactWrite, before: Credential, after: Credential) -> None:
    """Whose each passkey is; an id that is somebody else's already is refused."""
    old, new = {p.id for p in before.passkeys}, {p.id for p in after.passkeys}
    for name in sorted(new - old):
        item = PasskeyItem(f"passkey#{handle_of(name)}", holder=after.holder)
        transaction.save(item, condition=PasskeyItem.pk.does_not_exist())
    for name in sorted(old - new):
        transaction.delete(PasskeyItem(f"passkey#{handle_of(name)}"))


def _sessions(transaction: TransactWrite, change: Change) -> None:
    if change.strong:
        name, until = change.strong
        transaction.update(
            SessionItem(f"session#{name}"),
            [SessionItem.strong_until.set(until)],
            condition=SessionItem.active == True,  # noqa: E712
        )
    match change.session:
        case Session() as session:
            begin(transaction, session)
        case PractitionerSession() as session:
            item = PractitionerSessionItem(f"session#{session.id}", active=True, ttl=session.until)
            item.practitioner, item.organization = session.practitioner, session.organization
            item.role, item.secret = session.role, session.secret
            item.expires, item.until = session.expires, session.until
            transaction.save(item, condition=PractitionerSessionItem.pk.does_not_exist())


def _passing(key: str, content: Mapping[str, object], expires: int) -> PassingItem:
    return PassingItem(key, content=json.dumps(content), expires=expires, ttl=expires)


def _key(holder: str) -> str:
    return f"credential#{holder}"


def _wrapped(rows: Sequence[Mapping[str, Any]]) -> PatientKeys | None:
    return PatientKeys(int(rows[0]["kv"]), rows[0]["rec"], rows[0]["ntc"]) if rows else None
