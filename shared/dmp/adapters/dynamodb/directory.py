"""The directory and the registered apps, in the registry."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from pynamodb.models import Model

from dmp.adapters.dynamodb.batch import Batch, serialize
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.adapters.dynamodb.directory_rows import Row, entry_of, rows_of, settled
from dmp.adapters.dynamodb.registry import ClientItem, JtiItem, found
from dmp.domain.directory import Client, Organization, Practitioner, Role
from dmp.domain.directory_book import Listed

MODELS: tuple[type[Model], ...] = (ClientItem, JtiItem)


class Registry:
    """Reads are consistent; absence is None."""

    def __init__(self, table: str) -> None:
        self._table = table
        for model in MODELS:
            bind(model, table)

    def client(self, client_id: str) -> Client | None:
        """The registration of an app: one GetItem."""
        item = found(ClientItem, f"client#{client_id}")
        if item is None:
            return None
        return Client(
            id=client_id,
            name=item.name,
            active=item.active,
            organizations=tuple(item.organizations),
            prefix=item.prefix,
            jwks=item.jwks or "",
            scopes=item.scopes,
            jwks_uri=item.jwks_uri or "",
            redirect_uris=tuple(item.redirect_uris or ()),
        )

    def organization(self, inpe: str) -> Organization | None:
        """An organisation that is active: one call."""
        found = self._active(f"organization#{inpe}")
        return found if isinstance(found, Organization) else None

    def practitioner(self, inpe: str) -> Practitioner | None:
        """A professional who is active: one call."""
        found = self._active(f"practitioner#{inpe}")
        return found if isinstance(found, Practitioner) else None

    def _active(self, key: str) -> Listed | None:
        row = self._held([key]).get(key, {})
        return entry_of(row) if row.get("active") is True else None

    def role(self, practitioner: str, organization: str) -> Role | None:
        """The role, good for as long as role, practitioner and organisation all are: one call."""
        key = f"role#{practitioner}#{organization}"
        holders = [f"practitioner#{practitioner}", f"organization#{organization}"]
        rows = self._held([key, *holders])
        found = entry_of(rows[key]) if key in rows else None
        if not isinstance(found, Role):
            return None
        held = [rows.get(holder, {}) for holder in holders]
        last = [day for day in (found.ends, *(row.get("ends") for row in held)) if day]
        active = found.active and all(row.get("active") is True for row in held)
        return replace(found, active=active, ends=min(last, default=None))

    def rows(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """The rows by key, as `Caller.require_live` reads them: one BatchGetItem."""
        names = ("active", "starts", "ends", "expires", "known", "strong_until")
        return {
            key: {name: row[name] for name in names if name in row}
            for key, row in self._held(keys).items()
        }

    def _held(self, keys: Sequence[str]) -> dict[str, Row]:
        batch = Batch(dynamodb())
        for key in keys:
            batch.want(self._table, pk=key)
        return {str(row["pk"]): row for row in settled(self._table, batch.fetch()[self._table])}

    def end_token(self, key: str, until: int) -> None:
        """One PutItem; repeating it changes nothing."""
        available(JtiItem(key, ttl=until).save)

    def first_use(self, issuer: str, token_id: str, until: int, now: int) -> bool:
        """Keep an assertion's id until it expires; False when it is there: one PutItem."""
        digest = hashlib.sha256(f"{issuer}\0{token_id}".encode()).hexdigest()
        item = JtiItem(f"jti#{digest}", ttl=until, by=secrets.token_hex(8))
        # by this very call counts as well: the SDK sends again what was not answered
        unused = JtiItem.pk.does_not_exist() | (JtiItem.ttl < now) | (JtiItem.by == item.by)
        try:
            available(lambda: item.save(condition=unused))
        except ConditionsFailed:
            return False
        return True

    def put(self, entries: Iterable[Client | Listed]) -> None:
        """Write or replace entries one by one; repeating it changes nothing.

        For a directory that nobody reads yet: operators load theirs (directory_loads).
        """
        for entry in entries:
            if isinstance(entry, Client):
                available(client_item(entry).save)
                continue
            for key, row in rows_of(entry).items():
                item = serialize({"pk": key, **row})
                available(lambda: dynamodb().put_item(TableName=self._table, Item=item))  # noqa: B023


def client_item(entry: Client) -> ClientItem:
    """The row of a registered app."""
    return ClientItem(
        f"client#{entry.id}",
        active=entry.active,
        name=entry.name,
        organizations=list(entry.organizations),
        prefix=entry.prefix,
        jwks=entry.jwks or None,
        scopes=entry.scopes,
        jwks_uri=entry.jwks_uri or None,
        redirect_uris=list(entry.redirect_uris),
    )
