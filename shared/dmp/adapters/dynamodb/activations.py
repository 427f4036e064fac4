"""Activations in the registry, `activation#<id>`: every change one conditional UpdateItem."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import cast

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.registry import found
from dmp.domain.activation import PENDING, Activation, Asked, Finding, Status
from dmp.domain.credential import Pin


class ActivationItem(Model):
    """The row; `asked`, `token`, `code_mac` and `pin` are gone once it has ended."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    status = UnicodeAttribute()
    since = NumberAttribute()
    until = NumberAttribute()
    ttl = NumberAttribute()
    tries = NumberAttribute()
    run = NumberAttribute()
    finding = UnicodeAttribute()
    asked = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    token = UnicodeAttribute(null=True)
    code_mac = BinaryAttribute(legacy_encoding=False, null=True)
    patient = UnicodeAttribute(null=True)
    entry = UnicodeAttribute(null=True)
    pin = UnicodeAttribute(null=True)


class ActivationRows:
    """Implements the port `Activations`; `find` is the one consistent GetItem."""

    def __init__(self, registry: str) -> None:
        self._connection: Connection = bind(ActivationItem, registry)

    def create(self, activation: Activation) -> None:
        """One PutItem."""
        item = ActivationItem(
            _key(activation.id),
            status=activation.status,
            since=activation.since,
            until=activation.until,
            ttl=activation.ttl,
            tries=activation.tries,
            run=activation.run,
            finding=activation.finding,
            asked=activation.asked.to_text() if activation.asked else None,
        )
        # the same request counts as well: the SDK sends again what was not answered
        new = ActivationItem.pk.does_not_exist() | (ActivationItem.asked == item.asked)
        available(lambda: item.save(condition=new))

    def find(self, activation: str) -> Activation | None:
        """The row as it is."""
        item = found(ActivationItem, _key(activation))
        return None if item is None else _activation(activation, item)

    def found(self, activation: str, finding: Finding) -> None:
        """Only while nothing is decided."""
        self._change(activation, _in(PENDING), [ActivationItem.finding.set(finding)])

    def await_code(
        self, activation: str, token: str, code_mac: bytes, now: int, until: int
    ) -> bool:
        """A repeated step replaces token and code."""
        changes = [
            ActivationItem.status.set("awaiting-code"),
            ActivationItem.since.set(now),
            ActivationItem.until.set(until),
            ActivationItem.token.set(token),
            # DynamoDB keeps empty binaries out of this: no code, no attribute
            ActivationItem.code_mac.set(code_mac) if code_mac else ActivationItem.code_mac.remove(),
        ]
        return self._change(activation, _in(PENDING), changes) is not None

    def spend_try(self, activation: str, now: int) -> Activation | None:
        """Before the code is looked at."""
        live = _in(("awaiting-code",)) & (ActivationItem.tries > 0) & (ActivationItem.until > now)
        return self._change(activation, live, [ActivationItem.tries.set(ActivationItem.tries - 1)])

    def confirm(self, activation: str, pin: Pin | None, now: int) -> bool:
        """Of two right codes at once, one; a transaction, since its repetition is known as such."""
        changes: list[Action] = [
            ActivationItem.status.set("opening"),
            ActivationItem.since.set(now),
        ]
        if pin is not None:
            changes.append(ActivationItem.pin.set(json.dumps(asdict(pin))))

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                item = ActivationItem(_key(activation))
                transaction.update(item, changes, condition=_in(("awaiting-code",)))

        try:
            retrying(write)
        except ConditionsFailed:
            return False
        return True

    def name_record(self, activation: str, patient: str, entry: str) -> Activation | None:
        """The first names stay."""
        changes: list[Action] = [
            ActivationItem.patient.set(ActivationItem.patient | patient),
            ActivationItem.entry.set(ActivationItem.entry | entry),
        ]
        return self._change(activation, _in(("opening",)), changes)

    def restart(self, activation: str, run: int, now: int) -> bool:
        """Of two restarts at once, one."""
        held = _in(("opening",)) & (ActivationItem.run == run - 1)
        changes = [ActivationItem.run.set(run), ActivationItem.since.set(now)]
        return self._change(activation, held, changes) is not None

    def end(
        self, activation: str, before: tuple[Status, ...], status: Status, reason: str,
        finding: Finding, now: int,
    ) -> bool:  # fmt: skip
        """What is not needed to tell how it ended goes."""
        changes: list[Action] = [
            ActivationItem.status.set(status),
            ActivationItem.since.set(now),
            ActivationItem.finding.set(finding),
            ActivationItem.asked.remove(),
            ActivationItem.token.remove(),
            ActivationItem.code_mac.remove(),
            ActivationItem.pin.remove(),
        ]
        if reason:
            changes.append(ActivationItem.reason.set(reason))
        if status != "active":
            changes += [ActivationItem.patient.remove(), ActivationItem.entry.remove()]
        return self._change(activation, _in(before), changes) is not None

    def _change(
        self, activation: str, condition: Condition, changes: Sequence[Action]
    ) -> Activation | None:
        item = ActivationItem(_key(activation))
        try:
            available(lambda: item.update(actions=list(changes), condition=condition))
        except ConditionsFailed:
            return None
        return _activation(activation, item)


def _key(activation: str) -> str:
    return f"activation#{activation}"


def _in(statuses: tuple[Status, ...]) -> Condition:
    return ActivationItem.status.is_in(*statuses)


def _activation(name: str, item: ActivationItem) -> Activation:
    return Activation(
        id=name,
        status=cast("Status", item.status),
        since=int(item.since),
        until=int(item.until),
        ttl=int(item.ttl),
        asked=Asked.from_text(item.asked) if item.asked else None,
        reason=item.reason or "",
        finding=cast("Finding", item.finding),
        tries=int(item.tries),
        token=item.token or "",
        code_mac=item.code_mac or b"",
        patient=item.patient or "",
        entry=item.entry or "",
        run=int(item.run),
        pin=Pin(**json.loads(item.pin)) if item.pin else None,
    )
