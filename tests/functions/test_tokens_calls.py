"""What each route of the authorization server costs in AWS calls; more needs a reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dmp.adapters.aws import client
from tests import oauth
from tests.patients import (
    code_of,
    exchange,
    live,
    refresh,
    revoke,
    signed_in,
    signing_in,
    start,
    texts,
    wrong,
)
from tests.stack import Stack, stack

NOBODY = ("urn:ma:cin", "ZZ999999")


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens")


@pytest.fixture
def app(deployed: tuple[Stack, Any]) -> Iterator[Any]:
    with signing_in(*deployed) as made:
        made.key.public()
        yield made


def calls(act: Callable[[], object]) -> dict[str, int]:
    """The calls that `act` makes, by operation."""
    counted: Counter[str] = Counter()

    def note(model: Any, **_: object) -> None:
        counted[model.name] += 1

    clients = [client(service) for service in ("dynamodb", "kms", "sns", "ses")]
    for one in clients:
        one.meta.events.register("before-call.*.*", note)
    act()
    for one in clients:
        one.meta.events.unregister("before-call.*.*", note)
    return dict(counted)


def test_a_token_for_an_app(app: Any) -> None:
    form = oauth.credentials(oauth.signed(oauth.claims_of()))
    sent = oauth.event("tokens/client_credentials", **form)

    told = calls(lambda: oauth.answered(app.handler, sent))

    assert told == {"GetItem": 1, "PutItem": 1, "BatchGetItem": 1, "Sign": 1}


def test_asking_for_a_code_costs_the_same_whoever_is_asked_for_but_for_the_message(
    app: Any,
) -> None:
    somebody, nobody = calls(lambda: start(app)), calls(lambda: start(app, NOBODY))

    asked = {"UpdateItem": 1, "GetItem": 3, "TransactWriteItems": 1, "GenerateMac": 2}
    assert nobody == asked
    assert somebody == {**asked, "BatchGetItem": 1, "Decrypt": 1, "Publish": 1}


def test_giving_a_code(app: Any) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])

    told = calls(lambda: exchange(app, body["challenge"], wrong(code)))
    answers: list[dict[str, Any]] = []
    new = calls(lambda: answers.append(exchange(app, body["challenge"], code)[1]))
    app.traveller.shift(61)
    _, body = start(app)
    again = code_of(texts()[-1])
    device = answers[0]["device"]
    known = calls(lambda: exchange(app, body["challenge"], again, device=device))

    assert told == {"UpdateItem": 1, "GenerateMac": 1}
    right = {"UpdateItem": 1, "GenerateMac": 1, "BatchGetItem": 1, "Sign": 1}
    assert new == {**right, "TransactWriteItems": 2}
    assert known == {**right, "TransactWriteItems": 1, "PutItem": 1}


def test_a_session(app: Any) -> None:
    tokens = signed_in(app)

    assert calls(lambda: refresh(app, tokens["refresh_token"])) == {
        "GetItem": 1,
        "UpdateItem": 1,
        "Sign": 1,
    }
    assert calls(lambda: live(app, tokens["access_token"])) == {"BatchGetItem": 1}
    assert calls(lambda: revoke(app, tokens["access_token"])) == {"UpdateItem": 1}


def test_the_key_set(app: Any) -> None:
    assert calls(lambda: oauth.answered(app.handler, oauth.event("tokens/jwks"))) == {}
