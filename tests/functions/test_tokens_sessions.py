"""A patient's session through the real handler: rotation, reuse, ends, revocation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.patients import (
    PATIENT,
    live,
    refresh,
    revoke,
    signed_in,
    signing_in,
)
from tests.stack import Stack, stack


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens")


@pytest.fixture
def app(deployed: tuple[Stack, Any]) -> Iterator[Any]:
    with signing_in(*deployed) as made:
        yield made


def test_refresh_tokens_rotate(app: Any) -> None:
    tokens = signed_in(app)
    app.traveller.shift(1700)
    status, renewed = refresh(app, tokens["refresh_token"])
    app.traveller.shift(1700)
    again, _ = refresh(app, renewed["refresh_token"])

    assert (status, again) == (200, 200)
    assert renewed["refresh_token"] != tokens["refresh_token"]
    assert renewed["patient"] == PATIENT
    assert live(app, renewed["access_token"]) is False  # 300 s long, as ever


def test_a_refresh_token_used_twice_ends_the_session(app: Any) -> None:
    tokens = signed_in(app)
    _, renewed = refresh(app, tokens["refresh_token"])
    status, body = refresh(app, tokens["refresh_token"])

    assert (status, body["error"]) == (400, "invalid_grant")
    assert refresh(app, renewed["refresh_token"])[0] == 400
    assert not live(app, renewed["access_token"])


def test_two_at_once_with_one_refresh_token_end_the_session(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = signed_in(app)
    rows = app.sign_in.sign_ins
    real = rows.rotate

    def late(session: Any, *changed: Any) -> bool:
        monkeypatch.setattr(rows, "rotate", real)
        assert refresh(app, tokens["refresh_token"])[0] == 200  # the other was faster
        return bool(real(session, *changed))

    monkeypatch.setattr(rows, "rotate", late)

    assert refresh(app, tokens["refresh_token"])[0] == 400
    assert not live(app, tokens["access_token"])


def test_a_session_ends_after_thirty_idle_minutes(app: Any) -> None:
    tokens = signed_in(app)
    app.traveller.shift(1800)

    assert refresh(app, tokens["refresh_token"])[0] == 400


def test_a_session_ends_after_twelve_hours(app: Any) -> None:
    token = signed_in(app)["refresh_token"]
    for _ in range(25):
        app.traveller.shift(1700)
        _, body = refresh(app, token)
        token = body["refresh_token"]
    app.traveller.shift(600)
    status, last = refresh(app, token)
    app.traveller.shift(200)

    assert status == 200
    assert last["expires_in"] == 100  # not beyond the session
    assert refresh(app, last["refresh_token"])[0] == 400


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
def test_revocation_ends_the_session_at_once(app: Any, kind: str) -> None:
    tokens = signed_in(app)
    assert live(app, tokens["access_token"])

    assert revoke(app, tokens[kind]) == 200

    assert not live(app, tokens["access_token"])
    assert refresh(app, tokens["refresh_token"])[0] == 400


def test_a_session_that_is_gone_may_be_revoked_again(app: Any, deployed: tuple[Stack, Any]) -> None:
    tokens = signed_in(app)
    made = deployed[0]
    session = tokens["refresh_token"].partition(".")[0]
    made.client("dynamodb").delete_item(
        TableName=made.output("RegistryTable"), Key={"pk": {"S": f"session#{session}"}}
    )

    assert revoke(app, tokens["access_token"]) == 200
    assert revoke(app, "not-a-token") == 200
    assert not live(app, tokens["access_token"])


def test_who_knows_a_sessions_id_alone_can_neither_use_nor_end_it(app: Any) -> None:
    tokens = signed_in(app)
    session, _, secret = tokens["refresh_token"].partition(".")
    guesses = (
        f"{'x' * 3000}.{secret}",
        ".",
        session,
        f"{session}.",
        f"{session}.{'A' * 86}",
        f"{session}.{secret[43:]}",
    )

    for guess in guesses:
        assert refresh(app, guess)[0] == 400
        assert revoke(app, guess) == 200
    assert live(app, tokens["access_token"])
    assert refresh(app, tokens["refresh_token"])[0] == 200


def test_a_refresh_narrows_scopes_and_never_widens_them(app: Any) -> None:
    tokens = signed_in(app)
    _, narrowed = refresh(app, tokens["refresh_token"], scope="patient/Observation.rs")
    status, body = refresh(app, narrowed["refresh_token"], scope="system/*.rs")

    assert narrowed["scope"] == "patient/Observation.rs"
    assert (status, body["error"]) == (400, "invalid_scope")
