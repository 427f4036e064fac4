"""What a change of contact writes, with the record's own notice key."""

from __future__ import annotations

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from dmp.adapters.dynamodb.journal_items import owed_item
from dmp.adapters.dynamodb.tables import CONTACT, RecordItem
from dmp.adapters.envelope import Ring
from dmp.domain.contact import NO_GRANT_S
from dmp.use_cases.ports import Move

Update = tuple[RecordItem, list[Action], Condition]


def move_items(ring: Ring, patient: str, commit: str, move: Move) -> tuple[RecordItem, Update]:
    """The notice to the new address, and the change of the very CONTACT that was seen.

    `until` at CONTACT tells until when no new grant is made.
    """
    sealed = ring.seal("notice", CONTACT, move.contact.to_bytes())
    actions: list[Action] = [RecordItem.b.set(sealed), RecordItem.until.set(move.at + NO_GRANT_S)]
    change = RecordItem(patient, CONTACT), actions, RecordItem.b == move.seen
    return owed_item(ring, patient, commit, move.notice), change
