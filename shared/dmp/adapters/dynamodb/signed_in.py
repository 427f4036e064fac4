"""By what somebody is signed in to a record: found, and ended together with a change of contact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dmp.adapters.dynamodb.authorization_items import AppItem, AppsItem
from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.adapters.dynamodb.registry import ChallengeItem, SessionItem
from dmp.adapters.dynamodb.sign_ins import codes_key, sessions_key
from dmp.adapters.dynamodb.transactions import Transaction
from dmp.domain.sign_in import SESSION_S_MAX
from dmp.use_cases.ports import Ended

AT_ONCE = 80  # a transaction has 100 items
_Row = Mapping[str, Any]


class SignedInRows:
    """The port `SignedIn`: two BatchGetItems."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        for model in (AppItem, AppsItem, ChallengeItem, SessionItem):
            bind(model, registry)

    def of(self, patient: str, now: int) -> Ended:
        """What is live now; what is beyond the first 80 has ended when this returns."""
        days = sorted({sessions_key(patient, began) for began in (now - SESSION_S_MAX, now)})
        apps, codes = f"apps#{patient}", codes_key(f"person-{patient}")
        lists = self._rows([*days, apps, codes])
        sessions = [f"session#{one}" for day in days for one in _of(lists, day, "ids")]
        let_in = [f"app#{one}" for one in _of(lists, apps, "apps")]
        asked = f"challenge#{lists.get(codes, {}).get('challenge', '')}"
        rows = self._rows([*sessions, *let_in, asked])
        live = [name for name in (*sessions, *let_in) if _live(rows.get(name), now)]
        for name in live[AT_ONCE:]:
            _end_now(name)
        kept = live[:AT_ONCE]
        seen = {key: int(lists.get(key, {}).get("version", 0)) for key in (*days, apps, codes)}
        waits = asked in rows and now < rows[asked]["expires"]
        return Ended(
            tuple(n.removeprefix("session#") for n in kept if n.startswith("session#")),
            tuple(n.removeprefix("app#") for n in kept if n.startswith("app#")),
            asked.removeprefix("challenge#") if waits else "",
            seen,
        )

    def _rows(self, keys: Sequence[str]) -> dict[str, _Row]:
        batch = Batch(dynamodb())
        for key in keys:
            batch.want(self._registry, pk=key)
        return {row["pk"]: row for row in batch.fetch()[self._registry]}


def end_items(transaction: Transaction, ended: Ended) -> None:
    """End them, if nobody came in since they were looked up."""
    for key, version in ended.seen.items():
        same = AppsItem.version == version if version else AppsItem.version.does_not_exist()
        transaction.check_row("contact", AppsItem, key, same)
    for one in ended.sessions:
        item, there = SessionItem(f"session#{one}"), SessionItem.pk.exists()
        transaction.update("contact", item, [SessionItem.active.set(False)], there)
    for one in ended.apps:
        app, known = AppItem(f"app#{one}"), AppItem.pk.exists()
        transaction.update("contact", app, [AppItem.active.set(False)], known)
    if ended.challenge:
        code, asked = ChallengeItem(f"challenge#{ended.challenge}"), ChallengeItem.pk.exists()
        transaction.update("contact", code, [ChallengeItem.expires.set(0)], asked)


def _end_now(name: str) -> None:
    model = SessionItem if name.startswith("session#") else AppItem
    try:
        available(lambda: model(name).update([model.active.set(False)], model.pk.exists()))
    except ConditionsFailed:
        return


def _of(rows: Mapping[str, _Row], key: str, name: str) -> Sequence[str]:
    return sorted(rows.get(key, {}).get(name, ()))


def _live(row: _Row | None, now: int) -> bool:
    return row is not None and row.get("active") is True and now < row["expires"]
