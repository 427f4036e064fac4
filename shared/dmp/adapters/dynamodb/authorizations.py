"""The port `Authorizations`: launches, requests, codes and apps, in the registry.

Expiry is a condition, TTL only tidies up. `app#<id>` has the names that
`Caller.require_live` reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pynamodb.connection import Connection
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from dmp.adapters.dynamodb.authorization_items import AppItem, AppsItem, CodeItem, WaitingItem
from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.registry import SessionItem, found
from dmp.domain.authorization import CODE_KEPT_S, App, Code, Given, Launch, Pending
from dmp.domain.refusals import OAuthError, Unavailable

APPS_MAX = 100
_TRIES_MAX = 5


class AuthorizationRows:
    """One call each, but for lists of apps."""

    def __init__(self, table: str) -> None:
        self._table = table
        for model in (CodeItem, AppItem, AppsItem, SessionItem):
            bind(model, table)
        self._connection: Connection = bind(WaitingItem, table)

    def keep_launch(self, hashed: str, launch: Launch, expires: int) -> None:
        """One PutItem."""
        item = _waiting(f"launch#{hashed}", asdict(launch), expires)
        available(item.save)

    def launch(self, hashed: str, now: int) -> Launch | None:
        """One GetItem."""
        item = found(WaitingItem, f"launch#{hashed}")
        if item is None or now >= item.expires:
            return None
        return Launch(**json.loads(item.content))

    def start(self, pending: Pending, launch: str, now: int) -> bool:
        """One TransactWriteItems."""
        item = _waiting(f"authorization#{pending.id}", asdict(pending), pending.expires)

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                transaction.save(item, condition=WaitingItem.pk.does_not_exist())
                if launch:
                    used = WaitingItem(f"launch#{launch}")
                    transaction.delete(used, condition=WaitingItem.expires > now)

        return _holds(write)

    def pending(self, request_id: str, now: int) -> Pending | None:
        """One GetItem."""
        item = found(WaitingItem, f"authorization#{request_id}")
        if item is None or now >= item.expires:
            return None
        members: dict[str, Any] = json.loads(item.content)
        launch = members["launch"]
        members |= {name: tuple(members[name]) for name in ("scopes", "people")}
        return Pending(**{**members, "launch": Launch(**launch) if launch else None})

    def approve(self, request_id: str, code: Code, now: int) -> bool:
        """One TransactWriteItems."""
        kept = CodeItem(
            f"code#{code.hash}",
            content=json.dumps(asdict(code)),
            used=False,
            expires=code.expires,
            ttl=now + CODE_KEPT_S,
        )

        def write() -> None:
            with TransactWrite(connection=self._connection) as transaction:
                waiting = WaitingItem(f"authorization#{request_id}")
                transaction.delete(waiting, condition=WaitingItem.expires > now)
                transaction.save(kept, condition=CodeItem.pk.does_not_exist())

        return _holds(write)

    def drop(self, request_id: str) -> bool:
        """One DeleteItem."""
        item = WaitingItem(f"authorization#{request_id}")
        try:
            available(lambda: item.delete(condition=WaitingItem.pk.exists()))
        except ConditionsFailed:
            return False
        return True

    def code(self, hashed: str) -> Code | None:
        """One GetItem."""
        item = found(CodeItem, f"code#{hashed}")
        if item is None:
            return None
        members = json.loads(item.content)
        return Code(**{**members, "given": _given(members["given"])})

    def exchange(self, code: Code, app: App, now: int) -> bool:
        """One GetItem and one TransactWriteItems; again when the owner's list moved between."""
        for _ in range(_TRIES_MAX):
            listed = found(AppsItem, f"apps#{app.given.owner}")
            try:
                retrying(lambda: self._exchange(code, app, listed, now))  # noqa: B023
            except ConditionsFailed as failed:  # checks come first, then puts, then updates
                if app.given.kind == "patient" and 0 in failed.failed:
                    text = "the session in which it was given has ended"
                    raise OAuthError("invalid_grant", text) from None
                if int(app.given.kind == "patient") in failed.failed:
                    return False
            else:
                return True
        raise Unavailable("dynamodb")

    def _exchange(self, code: Code, app: App, listed: AppsItem | None, now: int) -> None:
        before = list(listed.apps) if listed else []
        version = int(listed.version) if listed else 0
        if len(before) >= APPS_MAX:
            before = [one.id for one in self._live(before, now)]
        if len(before) >= APPS_MAX:
            raise OAuthError("access_denied", f"at most {APPS_MAX} apps at once: end one first")
        with TransactWrite(connection=self._connection) as transaction:
            if app.given.kind == "patient":
                live = SessionItem.active == True  # noqa: E712
                session = f"session#{app.given.session}"
                transaction.condition_check(SessionItem, session, condition=live)
            transaction.update(
                CodeItem(f"code#{code.hash}"),
                [CodeItem.used.set(True)],
                condition=(CodeItem.used == False) & (CodeItem.expires > now),  # noqa: E712
            )
            transaction.save(_app_item(app), condition=AppItem.pk.does_not_exist())
            transaction.save(
                AppsItem(f"apps#{app.given.owner}", apps=[*before, app.id], version=version + 1),
                condition=AppsItem.version == version if listed else AppsItem.pk.does_not_exist(),
            )

    def app(self, app_id: str) -> App | None:
        """One GetItem."""
        item = found(AppItem, f"app#{app_id}")
        if item is None or not item.active:
            return None
        members = {
            "given": item.given, "family": item.family, "refresh": item.refresh_hash,
            "created": item.created, "expires": item.expires, "until": item.until,
        }  # fmt: skip
        return _app(app_id, members)

    def rotate(self, app: App, refresh: str, expires: int) -> bool:
        """One UpdateItem."""
        item = AppItem(f"app#{app.id}")
        # what it is to be counts as well: the SDK sends again what was not answered
        unused = (AppItem.active == True) & (  # noqa: E712
            (AppItem.refresh_hash == app.refresh) | (AppItem.refresh_hash == refresh)
        )
        actions: list[Action] = [AppItem.refresh_hash.set(refresh), AppItem.expires.set(expires)]
        try:
            available(lambda: item.update(actions=actions, condition=unused))
        except ConditionsFailed:
            return False
        return True

    def stay(self, session: str, expires: int) -> None:
        """One UpdateItem."""
        item = SessionItem(f"session#{session}")
        live = (SessionItem.active == True) & (SessionItem.until >= expires)  # noqa: E712
        try:
            available(lambda: item.update([SessionItem.expires.set(expires)], condition=live))
        except ConditionsFailed:
            return

    def end(self, app_id: str) -> None:
        """One UpdateItem."""
        item = AppItem(f"app#{app_id}")
        inactive = AppItem.active.set(False)
        try:
            available(lambda: item.update(actions=[inactive], condition=AppItem.pk.exists()))
        except ConditionsFailed:
            return

    def apps(self, owner: str, now: int) -> list[App]:
        """One GetItem and one BatchGetItem; one PutItem when some are in no more."""
        listed = found(AppsItem, f"apps#{owner}")
        if listed is None:
            return []
        live = self._live(listed.apps, now)
        kept = [app.id for app in live]
        if kept != list(listed.apps):
            item = AppsItem(f"apps#{owner}", apps=kept, version=int(listed.version) + 1)
            unmoved = AppsItem.version == listed.version
            try:
                available(lambda: item.save(condition=unmoved))
            except ConditionsFailed:
                return live  # tidied up the next time
        return live

    def _live(self, ids: Sequence[str], now: int) -> list[App]:
        """Those that are in now, in the order given."""
        batch = Batch(dynamodb())
        for one in ids:
            batch.want(self._table, pk=f"app#{one}")
        rows = {row["pk"][4:]: row for row in batch.fetch()[self._table]}
        return [
            _app(one, rows[one])
            for one in ids
            if one in rows and rows[one]["active"] and now < rows[one]["expires"]
        ]


def _holds(write: Callable[[], None]) -> bool:
    try:
        retrying(write)
    except ConditionsFailed:
        return False
    return True


def _waiting(key: str, content: dict[str, object], expires: int) -> WaitingItem:
    return WaitingItem(key, content=json.dumps(content), expires=expires, ttl=expires)


def _given(members: Mapping[str, Any]) -> Given:
    return Given(**{**members, "scopes": tuple(members["scopes"])})


def _app_item(app: App) -> AppItem:
    return AppItem(
        f"app#{app.id}",
        active=True,
        given=json.dumps(asdict(app.given)),
        family=app.family,
        refresh_hash=app.refresh,
        created=app.created,
        expires=app.expires,
        until=app.until,
        ttl=app.until,
    )


def _app(app_id: str, row: Mapping[str, Any]) -> App:
    return App(
        id=app_id,
        given=_given(json.loads(row["given"])),
        family=row["family"],
        refresh=row["refresh"],
        created=int(row["created"]),
        expires=int(row["expires"]),
        until=int(row["until"]),
    )
