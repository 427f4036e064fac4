"""Client assertions (RFC 7523, SMART Backend Services): ES384 or RS384, at most five minutes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from dmp.adapters import jwt
from dmp.domain.directory import Client

ALGORITHMS = {"RSA": "RS384", "P-384": "ES384"}
SECONDS_MAX = 300
TYPES = {"", "jwt"}
_ID_LENGTH_MAX = 64


class PublishedKeys(Protocol):
    """Keys of apps that registered a URL instead of a set."""

    def keys(self, url: str, kid: str, now: int) -> Mapping[str, jwt.VerifyingKey]:
        """The URL's living keys; BadToken when there are none."""


class ClientAssertions:
    """Assertions addressed to the token endpoint, signed by the client's registered keys."""

    def __init__(self, token_url: str, published: PublishedKeys) -> None:
        self._token_url = token_url
        self._published = published

    def client_id(self, assertion: str) -> str:
        """The client it claims to be of; nothing is proved yet."""
        _, claims = jwt.unverified(assertion)
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or not 0 < len(issuer) <= _ID_LENGTH_MAX:
            raise jwt.BadToken("the assertion's iss must be the client_id")
        return issuer

    def claims(self, assertion: str, client: Client, now: int) -> dict[str, Any]:
        """The claims, signed by a key registered for the client and addressed to us."""
        keys: Mapping[str, jwt.VerifyingKey]
        if client.jwks_uri:
            header, _ = jwt.unverified(assertion)
            keys = self._published.keys(client.jwks_uri, header["kid"], now)
        else:
            keys = jwt.registered_keys(client.jwks, ALGORITHMS)
        url = client.jwks_uri or None
        expected = jwt.Expected(client.id, self._token_url, TYPES, SECONDS_MAX, url)
        return jwt.verified(assertion, keys, expected, now)
