"""Witnesses of the log in `registry`: `witness#<name>` as registered, `cosigned#<hash>` by note.

A cosignature (C2SP tlog-cosignature, cosignature/v1) is an instant of 8 bytes and an Ed25519
signature.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pynamodb.attributes import BinaryAttribute, BooleanAttribute, UnicodeAttribute
from pynamodb.models import Model

from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.adapters.dynamodb.registry import found
from dmp.domain.checkpoint import cosigned, witness_key_id

LINES_MAX = 20
_SECONDS = 8
_BYTES = _SECONDS + 64


class WitnessItem(Model):
    """witness#<name>: the raw Ed25519 public key of somebody who co-signs."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    active = BooleanAttribute()
    public = BinaryAttribute(legacy_encoding=False)


class RegisteredWitnesses:
    """Implements the port `Witnesses`."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        bind(WitnessItem, registry)

    def holds(self, name: str, key: bytes, signature: bytes, body: str) -> bool:
        """One consistent GetItem."""
        row = found(WitnessItem, f"witness#{name}")
        if row is None or not row.active or len(signature) != _BYTES:
            return False
        if key != witness_key_id(name, row.public):
            return False
        when = int.from_bytes(signature[:_SECONDS])
        try:
            public = Ed25519PublicKey.from_public_bytes(row.public)
            public.verify(signature[_SECONDS:], cosigned(when, body))
        except (InvalidSignature, ValueError):
            return False
        return True

    def keep(self, body: str, name: str, line: str) -> None:
        """One conditional UpdateItem; a witness's first line for a note is the one that stays."""
        update = partial(
            dynamodb().update_item,
            TableName=self._registry,
            Key={"pk": {"S": _note(body)}},
            UpdateExpression="ADD signers :name, cosignatures :line",
            ConditionExpression=(
                "attribute_not_exists(pk) OR "
                "(NOT contains(signers, :who) AND size(signers) < :most)"
            ),
            ExpressionAttributeValues={
                ":name": {"SS": [name]},
                ":line": {"SS": [line]},
                ":who": {"S": name},
                ":most": {"N": str(LINES_MAX)},
            },
        )
        try:
            available(update)
        except ConditionsFailed:
            return  # it stands there already, or enough others do

    def lines(self, body: str) -> Sequence[str]:
        """One consistent GetItem."""
        get = partial(
            dynamodb().get_item,
            TableName=self._registry,
            Key={"pk": {"S": _note(body)}},
            ConsistentRead=True,
        )
        item = available(get).get("Item", {})
        return sorted(item.get("cosignatures", {}).get("SS", ()))


def _note(body: str) -> str:
    return f"cosigned#{hashlib.sha256(body.encode()).hexdigest()}"
