"""Keys that change while they are used: those of apps at their URLs, and our own."""

from __future__ import annotations

import itertools
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dmp.adapters.aws import client
from dmp.adapters.key_fetcher import Fetched, KeyFetcher
from dmp.domain.directory import is_key_url
from dmp.domain.refusals import Unavailable
from tests import oauth
from tests.adapters.test_key_fetcher import HOST, Server, certified
from tests.stack import Context, Stack, stack

URL = "https://ehr.example.ma/jwks.json"


@pytest.fixture
def deployed() -> Iterator[Stack]:
    with stack() as made:
        oauth.registered(made.output("RegistryTable"))
        yield made


class Published:
    """What the app publishes, and how often it was asked for it."""

    def __init__(self, *keys: Any) -> None:
        self.keys = keys
        self.asked = 0

    def fetch(self, url: str) -> Fetched:
        assert url == URL
        self.asked += 1
        return Fetched(oauth.jwks_of(*self.keys).encode(), 3600)


@pytest.fixture
def app(deployed: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The authorization server, to whom the clinic's software registered a URL."""
    made = deployed.app("tokens", "Tokens")
    made.tokens.directory.put([oauth.client_of(jwks="", jwks_uri=URL)])
    monkeypatch.setattr(made.assertions._published, "_fetcher", Published(oauth.EC))
    return made


def asked_for(app: Any, key: Any = oauth.EC, **header: Any) -> tuple[int, dict[str, Any]]:
    form = oauth.credentials(oauth.signed(oauth.claims_of(), key, header))
    return oauth.answered(app.handler, oauth.event("tokens/client_credentials", **form))


def test_an_app_is_known_by_the_keys_at_its_url(app: Any) -> None:
    status, body = asked_for(app, jku=URL)

    assert (status, body["token_type"]) == (200, "Bearer")
    assert asked_for(app)[0] == 200
    assert app.assertions._published._fetcher.asked == 1


def test_a_new_key_is_taken_a_minute_after_the_last_fetch(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked_for(app)[0] == 200
    app.assertions._published._fetcher.keys = (oauth.EC, oauth.RSA)

    assert asked_for(app, oauth.RSA) == (
        401,
        {"error": "invalid_client", "error_description": "the token's key is not known"},
    )
    later = app.clock.now_ms() + 61_000
    monkeypatch.setattr(type(app.clock), "now_ms", lambda _: later)
    assert asked_for(app, oauth.RSA)[0] == 200
    assert app.assertions._published._fetcher.asked == 2


def test_a_jku_of_another_place_is_refused(app: Any) -> None:
    status, body = asked_for(app, jku="https://evil.example/jwks.json")

    assert (status, body["error"]) == (401, "invalid_client")
    assert "jku" in body["error_description"]


def test_without_an_answer_the_app_is_told_so(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = KeyFetcher([], lambda *_: ["169.254.169.254"])
    monkeypatch.setattr(app.assertions._published, "_fetcher", inside)

    status, body = asked_for(app)

    assert (status, body["error"]) == (401, "invalid_client")
    assert body["error_description"] == "no keys could be fetched from the app's registered URL"


def test_what_keys_at_a_url_cost(app: Any) -> None:
    counted: Counter[str] = Counter()
    dynamodb = client("dynamodb")

    def note(model: Any, **_: object) -> None:
        counted[model.name] += 1

    dynamodb.meta.events.register("before-call.*.*", note)
    asked_for(app)
    first = dict(counted)
    counted.clear()
    asked_for(app)
    dynamodb.meta.events.unregister("before-call.*.*", note)

    usual = {"GetItem": 1, "PutItem": 1, "BatchGetItem": 1}
    assert first == {**usual, "GetItem": 2, "UpdateItem": 2}  # look, claim, keep
    assert counted == usual


class Deployment:
    """Both functions as one deployment leaves them: which key signs, which is taken as well."""

    def __init__(self, deployed: Stack, signing: str, other: str) -> None:
        deployed.resolver.parameters |= {"SigningKeyArn": signing, "OtherSigningKeyArn": other}
        self.tokens = deployed.app("tokens", "Tokens")
        self.authorizer = deployed.app("authorizer", "Authorizer")

    def token(self) -> str:
        status, body = asked_for(self.tokens)
        assert status == 200
        return str(body["access_token"])

    def takes(self, token: str) -> bool:
        """Whether the token is let in, by introspection as by the authorizer."""
        sent = oauth.event("authorizer/read")
        sent["headers"] = {"Authorization": f"Bearer {token}"}
        form = oauth.credentials(oauth.signed(oauth.claims_of()), token=token)
        _, told = oauth.answered(self.tokens.handler, oauth.event("tokens/introspect", **form))
        try:
            let_in = bool(self.authorizer.handler(sent, Context())["principalId"])
        except Exception as refused:
            if str(refused) != "Unauthorized":  # API Gateway's contract
                raise
            let_in = False
        assert told["active"] is let_in
        return let_in

    def kids(self) -> list[str]:
        _, body = oauth.answered(self.tokens.handler, oauth.event("tokens/jwks"))
        return [key["kid"] for key in body["keys"]]


def test_our_key_is_rotated_in_the_middle_of_use(deployed: Stack) -> None:
    """Of any two deployments that run beside each other, each takes the other's tokens."""
    made = deployed.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    old, new = deployed.output("TokenKeyArn"), made["KeyMetadata"]["Arn"]

    steps = [
        Deployment(deployed, "", ""),
        Deployment(deployed, "", new),
        Deployment(deployed, new, old),
        Deployment(deployed, new, ""),
    ]
    (a,), (_, b) = steps[0].kids(), steps[1].kids()
    issued = [step.token() for step in steps]

    assert [step.kids() for step in steps] == [[a], [a, b], [b, a], [b]]
    assert [signed_by(token) for token in issued] == [a, a, b, b]
    for now, after in itertools.pairwise(steps):
        for step in (now, after):
            assert step.takes(step.token())
        assert now.takes(after.token())
        assert after.takes(now.token())
    assert not steps[3].takes(issued[0])


def signed_by(token: str) -> str:
    header = token.partition(".")[0]
    return str(json.loads(oauth.decoded(header))["kid"])


def test_a_second_key_that_is_gone_stops_nobody_but_its_tokens(deployed: Stack) -> None:
    gone = "arn:aws:kms:eu-west-1:123456789012:key/00000000-0000-4000-8000-000000000000"
    step = Deployment(deployed, "", gone)
    token = step.token()

    assert step.takes(token)
    foreign = oauth.signed(oauth.claims_of(), oauth.EC)
    with pytest.raises(Unavailable):
        step.authorizer.key.caller(foreign, int(time.time()))


@pytest.mark.parametrize(("hosts", "status"), [(HOST, 200), ("", 401)], ids=["named", "not named"])
def test_keys_come_over_tls_from_a_host_within_the_operators_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, hosts: str, status: int
) -> None:
    """Only names are resolved by us: the operator's own parameter, a server on the loopback."""
    certificate = certified(tmp_path)
    server, found = Server(certificate), socket.getaddrinfo
    body = oauth.jwks_of(oauth.EC).encode()
    server.answers(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(
        socket, "getaddrinfo",
        lambda host, *rest, **named: found(
            "127.0.0.1" if host == HOST else host, *rest, **named
        ),
    )  # fmt: skip
    url = f"https://{HOST}:{server.port}/jwks.json"
    assert is_key_url(url)
    try:
        with stack(PrivateKeyHosts=hosts) as made:
            oauth.registered(made.output("RegistryTable"))
            app = made.app("tokens", "Tokens")
            app.tokens.directory.put([oauth.client_of(jwks="", jwks_uri=url)])
            answers = [asked_for(app)[0] for _ in range(2)]
    finally:
        server.close()

    assert answers == [status, status]
    assert server.met == (status == 200)


def test_while_our_key_is_disabled_there_are_no_tokens_and_then_there_are(deployed: Stack) -> None:
    """An honest 503 that says when to come back; who asks again is let in."""
    app, kms = deployed.app("tokens", "Tokens"), deployed.client("kms")
    key = deployed.output("TokenKeyArn")
    kms.disable_key(KeyId=key)
    form = oauth.credentials(oauth.signed(oauth.claims_of()))
    busy = app.handler(oauth.event("tokens/client_credentials", **form), Context())
    kms.enable_key(KeyId=key)

    assert busy["statusCode"] == 503
    assert json.loads(busy["body"])["error"] == "temporarily_unavailable"
    assert busy["headers"]["Retry-After"] == "1"
    assert asked_for(app)[0] == 200
