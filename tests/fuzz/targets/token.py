"""A JWT from outside: refused by one reason only, or one that the registered key really signed."""

from __future__ import annotations

from dmp.adapters.assertions import ClientAssertions
from dmp.adapters.jwt import BadToken
from tests import oauth
from tests.fuzz.seeds import NOW, tokens

REFUSALS = (BadToken,)
ASSERTIONS = ClientAssertions(oauth.TOKEN_URL, oauth.NoPublishedKeys())
CLIENT = oauth.client_of()


def check(data: bytes) -> None:
    token = data.decode("utf-8", "surrogateescape")

    claims = ASSERTIONS.claims(token, CLIENT, NOW)
    assert claims["iss"] == CLIENT.id
    assert token.rpartition(".")[0] in {good.rpartition(".")[0] for good in tokens()}
