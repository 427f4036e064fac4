"""Notices owed in the records table: claimed, opened with the notice key alone, closed.

The low-level client, because a claim must know the state it found (`ALL_OLD`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.batch import Batch, deserialize
from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.log_rows import HEAD
from dmp.adapters.dynamodb.tables import CONTACT, RecordItem
from dmp.adapters.envelope import PatientKeys, Vault
from dmp.domain.checkpoint import checkpoint_of
from dmp.domain.contact import Contact
from dmp.domain.identifiers import commit_id
from dmp.domain.notices import Notice, Undeliverable, digest_name
from dmp.use_cases.notice_ports import Claim, Opened

_CLAIMABLE = (
    "attribute_exists(due) AND (#state = :owed OR (#state = :claimed AND claimed_until <= :now))"
)
_DAYS_S = 3 * 86_400
_MINE = "#state = :claimed AND claimed_until = :mine"


class SealedNotices:
    """Implements the port `Notices`: claim, open (one BatchGetItem; cold one Decrypt), close."""

    def __init__(self, client: Any, vault: Vault, records: str, keys: str, registry: str) -> None:
        self._client = client
        self._registry = registry
        self._vault = vault
        self._records = records
        self._keys = keys
        self._connection = bind(RecordItem, records)

    def claim(self, patient: str, entry: str, now: int, until: int) -> Claim | None:
        """One UpdateItem."""
        old = self._update(
            patient,
            entry,
            "SET #state = :claimed, claimed_until = :until ADD attempts :one",
            _CLAIMABLE,
            {":owed": "owed", ":claimed": "claimed", ":now": now, ":until": until, ":one": 1},
        )
        if old is None:
            return None
        return Claim(
            patient=patient,
            entry=entry,
            sealed=old["b"],
            until=until,
            attempts=int(old.get("attempts", 0)) + 1,
            in_doubt=old["state"] == "claimed",
            bounced="bounced" in old,
        )

    def open(self, claim: Claim) -> Opened:
        """What was sealed at N# and CONTACT, and the log's head, in one BatchGetItem."""
        batch = Batch(self._client)
        batch.want(self._records, pk=claim.patient, sk=CONTACT)
        batch.want(self._keys, pk=claim.patient)
        batch.want(self._registry, pk=HEAD)
        found = batch.fetch()
        ring = self._vault.notice_ring(claim.patient, _keys_of(found[self._keys]))
        notice = Notice.from_bytes(ring.open("notice", claim.entry, claim.sealed))
        kept = found[self._records]
        if not kept:
            raise Undeliverable
        contact = Contact.from_bytes(ring.open("notice", CONTACT, kept[0]["b"]))
        heads = [checkpoint_of(row.get("note", "")) for row in found[self._registry]]
        return Opened(notice, contact, next(iter(heads), None))

    def release(self, claim: Claim, *, maybe_sent: bool, now: int, due: int) -> None:
        """One UpdateItem; nothing when another sender holds it."""
        state = "claimed" if maybe_sent else "owed"
        self._update(
            claim.patient,
            claim.entry,
            "SET #state = :state, claimed_until = :now, due = :due",
            _MINE,
            {
                ":claimed": "claimed",
                ":mine": claim.until,
                ":state": state,
                ":now": now,
                ":due": due,
            },
        )

    def defer(self, claim: Claim, digest: Notice, day: str) -> bool:
        """One BatchGetItem, one TransactWriteItems."""
        batch = Batch(self._client)
        batch.want(self._keys, pk=claim.patient)
        keys = _keys_of(batch.fetch()[self._keys])
        name = digest_name(day)
        sealed = self._vault.notice_ring(claim.patient, keys).seal(
            "notice", name, digest.to_bytes()
        )
        row, kept = RecordItem(claim.patient, f"N#{name}"), RecordItem
        owed: list[Action] = [
            kept.b.set(kept.b | sealed),
            kept.state.set(kept.state | "owed"),
            kept.ref.set(kept.ref | digest.reference),
            kept.due.set(kept.due | digest.due),
            kept.due_shard.set(kept.due_shard | digest.shard),
        ]
        mine = (kept.state == "claimed") & (kept.claimed_until == claim.until)
        left: list[Action] = [
            kept.state.set("digest"),
            kept.digest.set(day),
            kept.due.remove(),
            kept.due_shard.remove(),
            kept.claimed_until.remove(),
        ]

        def send() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                still = kept.pk.does_not_exist() | (kept.state == "owed")
                transaction.update(row, owed, condition=still)
                notice = RecordItem(claim.patient, f"N#{claim.entry}")
                transaction.update(notice, left, condition=mine)

        try:
            retrying(send)
        except ConditionsFailed:
            return False
        return True

    def gathered(self, patient: str, day: str, now: int) -> int:
        """One Query a MB of the last days' notices."""
        first = commit_id((now - _DAYS_S) * 1000, 0)
        query: dict[str, Any] = {
            "TableName": self._records,
            "KeyConditionExpression": "pk = :p AND sk BETWEEN :first AND :last",
            "FilterExpression": "digest = :day",
            "ExpressionAttributeValues": {
                ":p": {"S": patient}, ":first": {"S": f"N#{first}"}, ":last": {"S": "N#~"},
                ":day": {"S": day},
            },
            "Select": "COUNT",
            "ConsistentRead": True,
        }  # fmt: skip
        count = 0
        while True:
            page = available(partial(self._client.query, **query))
            count += int(page["Count"])
            if "LastEvaluatedKey" not in page:
                return count
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def close(self, claim: Claim, state: str, provider_id: str, now: int) -> bool:
        """One UpdateItem; it leaves the index of what is owed."""
        old = self._update(
            claim.patient,
            claim.entry,
            "SET #state = :state, provider_id = :id, told = :now "
            "REMOVE due, due_shard, claimed_until",
            _MINE,
            {
                ":claimed": "claimed", ":mine": claim.until, ":state": state,
                ":id": provider_id, ":now": now,
            },
        )  # fmt: skip
        return old is not None

    def _update(
        self, patient: str, entry: str, update: str, condition: str, values: dict[str, str | int]
    ) -> dict[str, Any] | None:
        """The item as it was, or None when the condition did not hold."""
        typed = {k: {"N": str(v)} if isinstance(v, int) else {"S": v} for k, v in values.items()}
        try:
            answered = available(
                lambda: self._client.update_item(
                    TableName=self._records,
                    Key={"pk": {"S": patient}, "sk": {"S": f"N#{entry}"}},
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues=typed,
                    ReturnValues="ALL_OLD",
                )
            )
        except ConditionsFailed:
            return None
        return deserialize(answered["Attributes"])


def _keys_of(items: list[dict[str, Any]]) -> PatientKeys | None:
    if not items:
        return None
    return PatientKeys(int(items[0]["kv"]), items[0]["rec"], items[0]["ntc"])
