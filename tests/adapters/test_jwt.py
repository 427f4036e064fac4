"""Hostile tokens: whatever some JOSE library lets pass, and the defects that others shipped."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey

from dmp.adapters import jwt
from dmp.adapters.assertions import ClientAssertions
from tests import oauth

NOW = int(time.time())
P256 = ECKey.generate_key("P-256", {"kid": "p256"})
with warnings.catch_warnings(action="ignore"):
    SMALL = RSAKey.import_key(rsa.generate_private_key(65537, 1024), {"kid": "small"})  # noqa: S505
STRANGER = ECKey.generate_key("P-384", {"kid": "ec-1"})
ASSERTIONS = ClientAssertions(oauth.TOKEN_URL, oauth.NoPublishedKeys())
CLIENT = oauth.client_of(jwks=oauth.jwks_of(oauth.RSA, oauth.EC, P256, SMALL))


def good(**changes: Any) -> dict[str, Any]:
    """Claims that would be taken at NOW."""
    return oauth.claims_of(**{"exp": NOW + 240, **changes})


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: str, claims: str) -> str:
    """A token whose JSON no library would write, signed well with the client's P-384 key."""
    signing_input = f"{b64(header.encode())}.{b64(claims.encode())}"
    private: Any = oauth.EC.private_key
    r, s = decode_dss_signature(private.sign(signing_input.encode(), ec.ECDSA(SHA384())))
    return f"{signing_input}.{b64(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"


HEADER = '{"alg":"ES384","kid":"ec-1","typ":"JWT"}'


def with_text(old: str, new: str, **changes: Any) -> str:
    return by_hand(HEADER, json.dumps(good(**changes)).replace(old, new))


def unsigned(alg: str = "none") -> str:
    header = b64(json.dumps({"alg": alg, "kid": "ec-1"}).encode())
    return f"{header}.{b64(json.dumps(good()).encode())}."


def by_hmac(secret: bytes, alg: str = "HS256") -> str:
    header = b64(json.dumps({"alg": alg, "kid": "rsa-1", "typ": "JWT"}).encode())
    signing_input = f"{header}.{b64(json.dumps(good()).encode())}"
    return (
        f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"
    )


def public_pem() -> bytes:
    public: Any = oauth.RSA.public_key
    return bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def tampered() -> str:
    header, _, signature = oauth.signed(good()).split(".")
    return f"{header}.{b64(json.dumps(good(jti='other')).encode())}.{signature}"


def embedded() -> str:
    jwk = STRANGER.as_dict(private=False)
    return oauth.signed(good(), STRANGER, {"jwk": jwk})


HOSTILE: dict[str, Callable[[], str]] = {
    # signatures and algorithms
    "alg none (CVE-2015-9235)": unsigned,
    "alg None": lambda: unsigned("None"),
    "alg empty": lambda: unsigned(""),
    "HS256 with the public key (CVE-2022-29217, CVE-2024-33663)": lambda: by_hmac(public_pem()),
    "HS384 with the public JWK": lambda: by_hmac(json.dumps(
        oauth.RSA.as_dict(private=False)).encode(), "HS384"),
    "signed by a stranger under a known kid": lambda: oauth.signed(good(), STRANGER),
    "claims changed after signing": tampered,
    "no signature": lambda: oauth.signed(good()).rpartition(".")[0] + ".",
    "half a signature": lambda: oauth.signed(good())[:-64],
    "RS384 under an EC kid (CVE-2026-48523)": lambda: oauth.signed(
        good(), oauth.RSA, {"kid": "ec-1"}),
    "ES384 under an RSA kid (CVE-2024-37568)": lambda: oauth.signed(
        good(), oauth.EC, {"kid": "rsa-1"}),
    "RS256 by the right key": lambda: oauth.signed(good(), oauth.RSA, {"alg": "RS256"}),
    "RS512 by the right key": lambda: oauth.signed(good(), oauth.RSA, {"alg": "RS512"}),
    "PS384 by the right key": lambda: oauth.signed(good(), oauth.RSA, {"alg": "PS384"}),
    "ES256 by a registered P-256 key": lambda: oauth.signed(good(), P256, {"alg": "ES256"}),
    "RSA of 1024 bits": lambda: oauth.signed(good(), SMALL),
    # headers
    "unknown crit (CVE-2025-59420)": lambda: by_hand(
        '{"alg":"ES384","kid":"ec-1","crit":["x"],"x":1}', json.dumps(good())),
    "crit empty": lambda: by_hand('{"alg":"ES384","kid":"ec-1","crit":[]}', json.dumps(good())),
    "b64 false": lambda: by_hand(
        '{"alg":"ES384","kid":"ec-1","crit":["b64"],"b64":false}', json.dumps(good())),
    "b64 false without crit": lambda: by_hand(
        '{"alg":"ES384","kid":"ec-1","b64":false}', json.dumps(good())),
    "embedded jwk": embedded,
    "jku": lambda: oauth.signed(good(), header={"jku": "https://evil.example/jwks.json"}),
    "x5u": lambda: oauth.signed(good(), header={"x5u": "https://evil.example/c.pem"}),
    "x5c": lambda: oauth.signed(good(), header={"x5c": ["AA=="]}),
    "zip (CVE-2024-33664)": lambda: oauth.signed(good(), header={"zip": "DEF"}),
    "no kid": lambda: oauth.signed(good(), header={"kid": None}),
    "kid empty": lambda: oauth.signed(good(), header={"kid": ""}),
    "kid a number": lambda: by_hand('{"alg":"ES384","kid":1}', json.dumps(good())),
    "unknown kid (CVE-2026-48524)": lambda: oauth.signed(good(), header={"kid": "../../etc"}),
    "alg a list": lambda: by_hand('{"alg":["ES384"],"kid":"ec-1"}', json.dumps(good())),
    "no alg": lambda: by_hand('{"kid":"ec-1"}', json.dumps(good())),
    "typ at+jwt": lambda: oauth.signed(good(), header={"typ": "at+jwt"}),
    "typ of another kind": lambda: oauth.signed(good(), header={"typ": "dpop+jwt"}),
    "header a list": lambda: by_hand('["ES384"]', json.dumps(good())),
    "duplicate header": lambda: by_hand(
        '{"alg":"ES384","kid":"rsa-1","kid":"ec-1"}', json.dumps(good())),
    # claims
    "duplicate claim": lambda: with_text('{"iss"', '{"iss":"x","iss"'),
    "claims a list": lambda: by_hand(HEADER, "[]"),
    "claims no JSON": lambda: by_hand(HEADER, "iss=clinic"),
    "trailing data": lambda: by_hand(HEADER, json.dumps(good()) + "{}"),
    "byte order mark": lambda: by_hand(HEADER, "\ufeff" + json.dumps(good())),
    "33 levels": lambda: by_hand(HEADER, json.dumps(good(x="X")).replace(
        '"X"', "[" * 40 + "]" * 40)),
    "no exp": lambda: oauth.signed(good(exp=None)),
    "exp a string": lambda: oauth.signed(good(exp=str(NOW + 60))),
    "exp infinite": lambda: with_text('"@"', "Infinity", exp="@"),
    "exp NaN": lambda: with_text('"@"', "NaN", exp="@"),
    "exp 1e999": lambda: with_text('"@"', "1e999", exp="@"),
    "exp null": lambda: with_text('"@"', "null", exp="@"),
    "exp true": lambda: oauth.signed(good(exp=True)),
    "exp a list": lambda: oauth.signed(good(exp=[NOW + 60])),
    "exp negative": lambda: oauth.signed(good(exp=-1)),
    "exp past": lambda: oauth.signed(good(exp=NOW)),
    "exp over five minutes ahead": lambda: oauth.signed(good(exp=NOW + 330)),
    "exp a thousand years ahead": lambda: oauth.signed(good(exp=NOW + 10**11)),
    "iat in the future": lambda: oauth.signed(good(iat=NOW + 120)),
    "iat a string": lambda: oauth.signed(good(iat="now")),
    "nbf in the future": lambda: oauth.signed(good(nbf=NOW + 120)),
    "no aud": lambda: oauth.signed(good(aud=None)),
    "aud of another server": lambda: oauth.signed(good(aud="https://other.test/oauth2/token")),
    "aud the base": lambda: oauth.signed(good(aud=oauth.BASE)),
    "aud with a tail": lambda: oauth.signed(good(aud=f"{oauth.TOKEN_URL}/")),
    "aud several": lambda: oauth.signed(good(aud=[oauth.TOKEN_URL, "https://other.test"])),
    "aud an object": lambda: oauth.signed(good(aud={"x": oauth.TOKEN_URL})),
    "no iss": lambda: oauth.signed(good(iss=None)),
    "iss another": lambda: oauth.signed(good(iss="hospital")),
    "iss a list": lambda: oauth.signed(good(iss=["clinic"])),
    "no sub": lambda: oauth.signed(good(sub=None)),
    "sub a number": lambda: oauth.signed(good(sub=1)),
    "no jti": lambda: oauth.signed(good(jti=None)),
    "jti empty": lambda: oauth.signed(good(jti="")),
    "jti a number": lambda: oauth.signed(good(jti=7)),
    "jti endless": lambda: oauth.signed(good(jti="x" * 1025)),
    # forms
    "1 MB": lambda: oauth.signed(good(x="x" * 1_000_000)),
    "8 kB and one": lambda: oauth.signed(good()) + "A" * 8192,
    "empty": lambda: "",
    "two parts": lambda: "a.b",
    "five parts (JWE)": lambda: oauth.signed(good()) + ".a.b",
    "padding": lambda: oauth.signed(good()).replace(".", "=.", 1),
    "standard base64": lambda: oauth.signed(good(x="??>>")).replace("-", "+").replace("_", "/"),
    "line break": lambda: oauth.signed(good())[:20] + "\n" + oauth.signed(good())[20:],
    "not ASCII": lambda: "é" + oauth.signed(good()),
    "lone surrogate": lambda: with_text("@", "\\ud800", x="@"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_assertion_is_refused(case: str) -> None:
    token = HOSTILE[case]()

    with pytest.raises(jwt.BadToken) as refused:
        ASSERTIONS.claims(token, CLIENT, NOW)

    assert token[:16] not in str(refused.value) or not token


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
    ("case", "reason"),
    [
        ("1 MB", "exceeds 8192 bytes"),
        ("8 kB and one", "exceeds 8192 bytes"),
        ("two parts", "not a signed JWT"),
        ("five parts (JWE)", "not a signed JWT"),
        ("RS384 under an EC kid (CVE-2026-48523)", "algorithm is not its key's"),
        ("RS256 by the right key", "algorithm is not its key's"),
        ("unknown kid (CVE-2026-48524)", "key is not known"),
        ("signed by a stranger under a known kid", "signature does not hold"),
        ("unknown crit (CVE-2025-59420)", "header has 2 members that are not taken"),
        ("jku", "jku is not the URL"),
        ("alg a list", "member that is not a string"),
        ("no kid", "needs alg and kid"),
        ("typ at+jwt", "another type"),
        ("padding", "not base64url"),
        ("line break", "not base64url"),
        ("not ASCII", "not base64url"),
        ("duplicate claim", "strict JSON"),
        ("exp a string", "number of seconds"),
        ("exp past", "has expired"),
    ],
)
def test_a_partner_is_told_why(case: str, reason: str) -> None:
    with pytest.raises(jwt.BadToken, match=reason):
        ASSERTIONS.claims(HOSTILE[case](), CLIENT, NOW)


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
