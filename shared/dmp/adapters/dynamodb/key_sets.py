"""Key sets that were fetched from partners' URLs, in the registry: rows `keyset#<hash of URL>`."""

from __future__ import annotations

import hashlib

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.models import Model

from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.adapters.dynamodb.registry import found
from dmp.adapters.key_sets import Kept

DAY_S = 86_400


class KeySetItem(Model):
    """What was fetched last, and when it was last asked for."""

    class Meta:
        """The registry."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    jwks = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    asked = NumberAttribute(null=True)
    answered = NumberAttribute(null=True)
    ttl = NumberAttribute(null=True)


class StoredKeySets:
    """See `dmp.adapters.key_sets.KeySetRows`."""

    def __init__(self, table: str) -> None:
        bind(KeySetItem, table)

    def find(self, url: str) -> Kept | None:
        """One GetItem."""
        item = found(KeySetItem, _key(url))
        if item is None:
            return None
        return Kept(
            item.jwks or "", int(item.until or 0), int(item.asked or 0), int(item.answered or 0)
        )

    def claim(self, url: str, now: int, again_s: int) -> bool:
        """One conditional UpdateItem."""
        asked = KeySetItem.asked
        actions: list[Action] = [asked.set(now), KeySetItem.ttl.set(now + DAY_S)]
        free = asked.does_not_exist() | (asked <= now - again_s)
        try:
            available(lambda: KeySetItem(_key(url)).update(actions, condition=free))
        except ConditionsFailed:
            return False
        return True

    def keep(self, url: str, kept: Kept) -> None:
        """One UpdateItem."""
        actions: list[Action] = [
            KeySetItem.jwks.set(kept.jwks),
            KeySetItem.until.set(kept.until),
            KeySetItem.answered.set(kept.answered),
        ]
        available(lambda: KeySetItem(_key(url)).update(actions))


def _key(url: str) -> str:
    return f"keyset#{hashlib.sha256(url.encode()).hexdigest()}"
