"""The directory and the registered apps, in the registry."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from pynamodb.models import Model

from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.adapters.dynamodb.registry import (
    ClientItem,
    JtiItem,
    LiveItem,
    OrganizationItem,
    PractitionerItem,
    ReferenceItem,
    RoleItem,
    found,
)
from dmp.domain.directory import Client, Organization, Practitioner, Role
from dmp.domain.identifiers import INPE

MODELS: tuple[type[Model], ...] = (
    ClientItem,
    PractitionerItem,
    OrganizationItem,
    RoleItem,
    ReferenceItem,
    LiveItem,
    JtiItem,
)


class Registry:
    """Reads are consistent; absence is None."""

    def __init__(self, table: str) -> None:
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
        """An organisation that is active: one GetItem."""
        item = found(OrganizationItem, f"organization#{inpe}")
        if item is None or not item.active:
            return None
        return Organization(inpe=inpe, id=item.id, name=item.name)

    def role(self, practitioner: str, organization: str) -> Role | None:
        """The role, active only while role, practitioner and organisation are: two calls."""
        item = found(RoleItem, f"role#{practitioner}#{organization}")
        if item is None:
            return None
        holders = [f"practitioner#{practitioner}", f"organization#{organization}"]
        rows = self.rows(holders)
        return Role(
            practitioner=practitioner,
            organization=organization,
            code=item.role,
            starts=item.starts,
            ends=item.ends,
            practitioner_id=item.practitioner,
            organization_id=item.organization,
            practitioner_name=item.name,
            organization_name=item.organization_name,
            active=item.active and all(rows.get(k, {}).get("active") is True for k in holders),
        )

    def rows(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        """The rows by key, as `Caller.require_live` reads them: one BatchGetItem."""
        items = available(lambda: list(LiveItem.batch_get(keys, consistent_read=True)))
        names = ("active", "starts", "ends", "expires")
        return {
            item.pk: {n: value for n in names if (value := getattr(item, n)) is not None}
            for item in items
        }

    def end_token(self, key: str, until: int) -> None:
        """One PutItem; repeating it changes nothing."""
        available(JtiItem(key, ttl=until).save)

    def first_use(self, issuer: str, token_id: str, until: int, now: int) -> bool:
        """Keep an assertion's id until it expires; False when it is there: one PutItem."""
        digest = hashlib.sha256(f"{issuer}\0{token_id}".encode()).hexdigest()
        item = JtiItem(f"jti#{digest}", ttl=until)
        unused = JtiItem.pk.does_not_exist() | (JtiItem.ttl < now)
        try:
            available(lambda: item.save(condition=unused))
        except ConditionsFailed:
            return False
        return True

    def put(self, entries: Iterable[Client | Practitioner | Organization | Role]) -> None:
        """Write or replace entries of the directory; repeating it changes nothing."""
        for entry in entries:
            for item in _items(entry):
                available(item.save)


def _items(entry: Client | Practitioner | Organization | Role) -> list[Model]:
    match entry:
        case Client():
            return [_client(entry)]
        case Role():
            return [_role(entry)]
        case Organization():
            row: Model = OrganizationItem(
                f"organization#{entry.inpe}", active=entry.active, id=entry.id, name=entry.name
            )
            return [row, _reference("Organization", entry)]
        case Practitioner():
            row = PractitionerItem(
                f"practitioner#{entry.inpe}",
                active=entry.active,
                id=entry.id,
                family=entry.family,
                given=list(entry.given),
                name=entry.name,
            )
            return [row, _reference("Practitioner", entry)]


def _client(entry: Client) -> Model:
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


def _role(entry: Role) -> Model:
    return RoleItem(
        f"role#{entry.practitioner}#{entry.organization}",
        active=entry.active,
        role=entry.code,
        starts=entry.starts,
        ends=entry.ends,
        practitioner=entry.practitioner_id,
        name=entry.practitioner_name,
        organization=entry.organization_id,
        organization_name=entry.organization_name,
    )


def _reference(kind: str, entry: Practitioner | Organization) -> Model:
    """What a conditional reference by the INPE number resolves to."""
    return ReferenceItem(f"directory#{kind}#{INPE}|{entry.inpe}", reference=f"{kind}/{entry.id}")
