"""A transaction that knows what each of its items is about, so that who lost learns over what."""

from __future__ import annotations

from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.conflicts import ConditionsFailed, retrying
from dmp.adapters.dynamodb.tables import GUARD, RecordItem
from dmp.use_cases.ports import Race, Raced


class Transaction:
    """A TransactWrite that remembers what each of its items is about.

    PynamoDB sends checks first, then puts, then updates: positions follow that order.
    """

    def __init__(self) -> None:
        self._checks: list[tuple[Race, Condition, type[Model], tuple[str, str | None]]] = []
        self._puts: list[tuple[Race, Model, Condition | None]] = []
        self._updates: list[tuple[Race, Model, list[Action], Condition]] = []

    def check(self, race: Race, patient: str, condition: Condition, sk: str = GUARD) -> None:
        """GUARD, or another item of the record, must satisfy the condition."""
        self._checks.append((race, condition, RecordItem, (patient, sk)))

    def check_row(self, race: Race, model: type[Model], key: str, condition: Condition) -> None:
        """A row of the registry must satisfy the condition."""
        self._checks.append((race, condition, model, (key, None)))

    def put(self, race: Race, item: Model, condition: Condition | None = None) -> None:
        """Write the item; without a condition it must be new."""
        self._puts.append((race, item, condition))

    def update(self, race: Race, item: Model, actions: list[Action], condition: Condition) -> None:
        """Change attributes of an item."""
        self._updates.append((race, item, actions, condition))

    def bump(self, patient: str, version: int, condition: Condition) -> None:
        """Set GUARD's policy version."""
        self.update("policy", RecordItem(patient, GUARD), [RecordItem.pv.set(version)], condition)

    def run(self, connection: Connection) -> None:
        """Commit; Raced names what the failed conditions were about."""
        try:
            retrying(lambda: self._send(connection))
        except ConditionsFailed as lost:
            order: list[Race] = [c[0] for c in self._checks]
            order += [p[0] for p in self._puts]
            order += [u[0] for u in self._updates]
            raise Raced(frozenset(order[i] for i in lost.failed)) from None

    def _send(self, connection: Connection) -> None:
        absent = RecordItem.pk.does_not_exist()
        with TransactWrite(connection=connection) as transaction:
            for _, condition, model, (key, sort) in self._checks:
                transaction.condition_check(model, key, sort, condition)
            for _, item, wanted in self._puts:
                transaction.save(item, condition=absent if wanted is None else wanted)
            for _, item, actions, condition in self._updates:
                transaction.update(item, actions, condition=condition)
