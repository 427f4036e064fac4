"""Browsers at the sign-in pages, in the registry: `browser#<hash of the cookie's secret>`."""

from __future__ import annotations

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.connection import Connection
from pynamodb.expressions.condition import Condition
from pynamodb.models import Model
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.registry import SessionItem, found
from dmp.domain.browser import Browser


class BrowserItem(Model):
    """browser#<id>; empty attributes are left out."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    flows: ListAttribute[str] = ListAttribute()
    challenge = UnicodeAttribute(null=True)
    asked = NumberAttribute()
    tries = NumberAttribute()
    session = UnicodeAttribute(null=True)
    expires = NumberAttribute()
    version = NumberAttribute()
    ttl = NumberAttribute()


class BrowserRows:
    """Expiry is a condition here; TTL only tidies up."""

    def __init__(self, table: str) -> None:
        bind(SessionItem, table)
        self._connection: Connection = bind(BrowserItem, table)

    def browser(self, browser_id: str, now: int) -> Browser | None:
        """One GetItem."""
        item = found(BrowserItem, f"browser#{browser_id}")
        if item is None or now >= int(item.expires):
            return None
        return Browser(
            id=browser_id,
            expires=int(item.expires),
            flows=tuple(item.flows),
            challenge=item.challenge or "",
            asked=int(item.asked),
            tries=int(item.tries),
            session=item.session or "",
            version=int(item.version),
        )

    def keep(self, browser: Browser) -> bool:
        """One PutItem."""
        item = _item(browser)
        try:
            available(lambda: item.save(condition=_as_read(browser)))
        except ConditionsFailed:
            return False
        return True

    def move(self, old: Browser, new: Browser, agent: str) -> bool:
        """One TransactWriteItems."""
        session = SessionItem(f"session#{new.session}")
        live = SessionItem.active == True  # noqa: E712

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.delete(BrowserItem(f"browser#{old.id}"), condition=_as_read(old))
                transaction.save(_item(new), condition=BrowserItem.pk.does_not_exist())
                transaction.update(session, [SessionItem.agent.set(agent)], condition=live)

        try:
            retrying(write)
        except ConditionsFailed:
            return False
        return True


def _as_read(browser: Browser) -> Condition:
    """Version 0 was never kept."""
    if browser.version == 0:
        return BrowserItem.pk.does_not_exist()
    return BrowserItem.version == browser.version


def _item(browser: Browser) -> BrowserItem:
    return BrowserItem(
        f"browser#{browser.id}",
        flows=list(browser.flows),
        challenge=browser.challenge or None,
        asked=browser.asked,
        tries=browser.tries,
        session=browser.session or None,
        expires=browser.expires,
        version=browser.version + 1,
        ttl=browser.expires,
    )
