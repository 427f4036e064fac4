"""Assertions that are taken, the exact bounds of claims, and which registered keys verify."""

from __future__ import annotations

import json
import time
import warnings
from typing import Any

import pytest
from joserfc.jwk import ECKey, RSAKey

from dmp.adapters import jwt
from dmp.adapters.assertions import ClientAssertions
from tests import oauth
from tests.hostile import P256, SMALL, b64

NOW = int(time.time())
ASSERTIONS = ClientAssertions(oauth.TOKEN_URL, oauth.NoPublishedKeys())
CLIENT = oauth.client_of(jwks=oauth.jwks_of(oauth.RSA, oauth.EC, P256, SMALL))


def good(**changes: Any) -> dict[str, Any]:
    """Claims that would be taken at NOW."""
    return oauth.claims_of(**{"exp": NOW + 240, **changes})


@pytest.mark.parametrize(
    ("key", "header", "changes"),
    [
        (oauth.EC, {}, {}),
        (oauth.RSA, {}, {}),
        (oauth.EC, {"typ": None}, {}),
        (oauth.EC, {"typ": "jwt"}, {}),
        (oauth.EC, {}, {"aud": [oauth.TOKEN_URL]}),
        (oauth.EC, {}, {"exp": NOW + 299.5}),
        (oauth.EC, {}, {"iat": NOW, "nbf": NOW - 10}),
        (oauth.EC, {}, {"iat": NOW + 3}),  # a clock a little ahead
    ],
    ids=["ES384", "RS384", "no typ", "jwt", "aud in an array", "half seconds", "nbf", "skew"],
)
def test_a_good_assertion_is_taken(key: Any, header: dict[str, Any], changes: Any) -> None:
    token = oauth.signed(good(**changes), key, header)

    assert ASSERTIONS.client_id(token) == "clinic"
    assert ASSERTIONS.claims(token, CLIENT, NOW)["sub"] == "clinic"


@pytest.mark.parametrize("iss", [None, "", 1, ["clinic"], "x" * 65], ids=str)
def test_an_assertion_must_name_its_client(iss: Any) -> None:
    with pytest.raises(jwt.BadToken):
        ASSERTIONS.client_id(oauth.signed(good(iss=iss)))


def _public(key: RSAKey | ECKey, **changes: Any) -> dict[str, Any]:
    members: dict[str, Any] = {**key.as_dict(private=False), **changes}
    return {name: value for name, value in members.items() if value is not None}


@pytest.mark.parametrize(
    "jwk",
    [
        _public(oauth.EC, kid=None),
        _public(oauth.EC, kid=""),
        _public(oauth.EC, alg="ES256"),
        _public(oauth.EC, use="enc"),
        _public(oauth.EC, x="AAAA"),
        _public(oauth.EC, y=None),
        _public(oauth.RSA, e="Aw"),
        _public(oauth.RSA, alg="RS256"),
        _public(SMALL),
        _public(P256),
        oauth.EC.as_dict(private=True),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "HS384"},
        {"kid": "x"},
        {},
    ],
    ids=lambda jwk: ",".join(f"{k}" for k in jwk),
)
def test_a_registered_key_that_is_weak_or_unclear_verifies_nothing(jwk: dict[str, Any]) -> None:
    keys = jwt.registered_keys(json.dumps({"keys": [jwk]}), {"RSA": "RS384", "P-384": "ES384"})

    assert keys == {}


def test_a_key_may_state_its_algorithm_and_use() -> None:
    jwk = _public(oauth.RSA, alg="RS384", use="sig")

    keys = jwt.registered_keys(json.dumps({"keys": [jwk]}), {"RSA": "RS384"})

    assert [key.alg for key in keys.values()] == ["RS384"]


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ({"exp": NOW + 305}, True),
        ({"exp": NOW + 306}, False),
        ({"exp": NOW + 1}, True),
        ({"iat": NOW + 5}, True),
        ({"iat": NOW + 6}, False),
        ({"nbf": NOW + 5}, True),
        ({"nbf": NOW + 6}, False),
        ({"jti": "x"}, True),
        ({"jti": "x" * 1024}, True),
    ],
    ids=["exp+305", "exp+306", "exp+1", "iat+5", "iat+6", "nbf+5", "nbf+6", "jti 1", "jti 1024"],
)
def test_bounds_are_exact(changes: dict[str, Any], taken: bool) -> None:
    token = oauth.signed(good(**changes))

    if taken:
        assert ASSERTIONS.claims(token, CLIENT, NOW)
    else:
        with pytest.raises(jwt.BadToken):
            ASSERTIONS.claims(token, CLIENT, NOW)


def test_a_token_of_8192_bytes_is_taken_and_one_more_is_not() -> None:
    sizes = {len(t): t for n in range(5600, 5800) if (t := oauth.signed(good(x="x" * n)))}

    longest = max(size for size in sizes if size <= 8192)
    assert longest >= 8191
    assert ASSERTIONS.claims(sizes[longest], CLIENT, NOW)
    with pytest.raises(jwt.BadToken, match="exceeds"):
        ASSERTIONS.claims(sizes[min(size for size in sizes if size > 8192)], CLIENT, NOW)


@pytest.mark.parametrize(("bits", "usable"), [(2047, 0), (2048, 1), (8192, 1), (8193, 0)])
def test_an_rsa_key_has_2048_to_8192_bits(bits: int, usable: int) -> None:
    modulus = (1 << bits - 1) + 1
    jwk = {
        "kty": "RSA",
        "kid": "x",
        "e": "AQAB",
        "n": b64(modulus.to_bytes((bits + 7) // 8, "big")),
    }

    with warnings.catch_warnings(action="ignore"):
        keys = jwt.registered_keys(json.dumps({"keys": [jwk]}), {"RSA": "RS384"})

    assert len(keys) == usable


@pytest.mark.parametrize(
    ("text", "members"),
    [
        ('{"keys":[]}', 0),
        ('{"keys":[{}]}', 1),
        (json.dumps({"keys": [{}] * 100}), 100),
        (json.dumps({"keys": [{}] * 101}), None),
        ('{"keys":{}}', None),
        ('{"keys":[1]}', None),
        ('{"keys":[],"keys":[]}', None),
        ("[]", None),
        ("", None),
        ("\ud800", None),
    ],
    ids=["none", "one", "100", "101", "an object", "a number", "twice", "a list", "empty", "half"],
)
def test_a_key_set_is_a_list_of_at_most_100_objects(text: str, members: int | None) -> None:
    found = jwt.key_set(text)

    assert (None if found is None else len(found)) == members


def test_two_keys_under_one_id_verify_nothing() -> None:
    twin = ECKey.generate_key("P-384", {"kid": oauth.EC.kid})

    keys = jwt.registered_keys(
        oauth.jwks_of(oauth.EC, twin, oauth.RSA), {"RSA": "RS384", "P-384": "ES384"}
    )

    assert set(keys) == {"rsa-1"}
