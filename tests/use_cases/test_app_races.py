"""Two at once with one code, one refresh token, one launch: never two winners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from dmp.adapters.dynamodb import client, conflicts
from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.dynamodb.registry import SessionItem
from dmp.domain.authorization import App, Code, Given, Launch, Pending
from tests.engine import Engine
from tests.schedules import Schedule

NOW = 1_800_000_000
GIVEN = Given("app", "patient", ("patient/*.rs", "offline_access"), "s", "p" * 20)


@dataclass
class Race:
    rows: AuthorizationRows
    engine: Engine
    schedule: Schedule

    def run(self, *tasks: Any) -> list[Any]:
        self.engine.switch = self.schedule.switch
        try:
            return self.schedule.run(tasks)
        finally:
            self.engine.switch = lambda _: None


@contextmanager
def race(seed: int) -> Iterator[Race]:
    engine, schedule = Engine(), Schedule(seed)
    waits = mock.Mock(sleep=lambda _: schedule.switch("wait"), monotonic=lambda: 0.0)
    with (
        mock.patch.object(client, "client", return_value=engine),
        mock.patch.object(conflicts, "time", waits),
    ):
        yield Race(AuthorizationRows("registry"), engine, schedule)


def code_of(name: str) -> Code:
    return Code(name, f"app-{name}", "https://app.test/", "c", NOW + 60, GIVEN)


def app_of(code: Code) -> App:
    return App(code.app, code.given, "family", "first", NOW, NOW + 90, NOW + 900)


def kept(rows: AuthorizationRows, code: Code) -> None:
    SessionItem(
        "session#s", patient="p" * 20, active=True, client_id="dmp", scope="", family="",
        refresh_hash="", expires=NOW + 900, until=NOW + 900, ttl=NOW + 900,
    ).save()  # fmt: skip
    pending = Pending(code.hash, "app", "App", "https://app.test/", "s", "c", (), (), NOW + 60)
    assert rows.start(pending, "", NOW)
    assert rows.approve(code.hash, code, NOW)


@pytest.mark.parametrize("seed", range(40))
def test_one_code_lets_one_app_in(seed: int) -> None:
    with race(seed) as made:
        code = code_of("one")
        kept(made.rows, code)

        won = made.run(*[lambda: made.rows.exchange(code, app_of(code), NOW)] * 3)

        assert sorted(won) == [False, False, True]
        assert [app.id for app in made.rows.apps(GIVEN.owner, NOW)] == [code.app]


@pytest.mark.parametrize("seed", range(40))
def test_two_codes_of_one_person_let_both_apps_in(seed: int) -> None:
    with race(seed) as made:
        codes = [code_of("one"), code_of("two")]
        for code in codes:
            kept(made.rows, code)

        won = made.run(*[lambda c=c: made.rows.exchange(c, app_of(c), NOW) for c in codes])

        assert won == [True, True]
        assert {app.id for app in made.rows.apps(GIVEN.owner, NOW)} == {c.app for c in codes}


@pytest.mark.parametrize("seed", range(40))
def test_one_refresh_of_two_wins_and_none_after_the_end(seed: int) -> None:
    with race(seed) as made:
        code = code_of("one")
        kept(made.rows, code)
        assert made.rows.exchange(code, app_of(code), NOW)
        app = made.rows.app(code.app)
        assert app is not None

        won = made.run(
            *[lambda n=n: made.rows.rotate(app, f"next-{n}", NOW + 99) for n in range(2)]
        )
        assert sorted(won) == [False, True]
        made.rows.end(code.app)

        assert made.rows.app(code.app) is None
        assert made.rows.rotate(app, "later", NOW + 99) is False


@pytest.mark.parametrize("seed", range(40))
def test_one_launch_begins_one_request(seed: int) -> None:
    with race(seed) as made:
        launch = Launch("p" * 20, "2", "1")
        made.rows.keep_launch("hash", launch, NOW + 300)
        two = [
            Pending(n, "app", "App", "u", "s", "c", (), (), NOW + 60, launch=launch) for n in "ab"
        ]

        won = made.run(*[lambda p=p: made.rows.start(p, "hash", NOW) for p in two])

        assert sorted(won) == [False, True]
        assert sum(made.rows.pending(p.id, NOW) is not None for p in two) == 1
