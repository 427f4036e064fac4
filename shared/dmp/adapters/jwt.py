"""The strict reader of JWTs around joserfc: what the library lets pass is refused here.

Closed here, because no library does: size before parsing, duplicate members, types of claims,
`typ`, a missing `kid`, `crit` and every other header that could bring a key, small keys, and
algorithms that are not the key's own.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from dmp.domain.refusals import Refusal, Unauthenticated
from dmp.fhir import json_reader

SIZE_MAX = 8192
HEADERS = frozenset({"alg", "kid", "typ", "jku"})  # jku only as registered
LEEWAY_S = 5  # of a client's clock, for instants that must not lie ahead
RSA_BITS_MIN = 2048
RSA_BITS_MAX = 8192
RSA_EXPONENT_MIN = 65537
TEXT_MAX = 1024
KEYS_MAX = 100
_DOTS = 2


class BadToken(Unauthenticated):
    """The token is not one that this server takes; the text says why, never what it held."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, the one algorithm it is for, and its id."""

    kid: str
    alg: str
    key: RSAKey | ECKey


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token must say. `types`: accepted `typ` in lower case, "" for none at all.

    `seconds_max`: how far ahead `exp` may lie. `key_url`: the one `jku` that is not refused.
    `texts`: claims that must be strings, and not empty.
    """

    issuer: str
    audience: str
    types: Collection[str]
    seconds_max: int
    key_url: str | None = None
    texts: Collection[str] = ("sub", "jti")


def verified(
    token: str, keys: Mapping[str, VerifyingKey], expected: Expected, now: int
) -> dict[str, Any]:
    """The claims of a token signed by one of the keys and made for us; else BadToken."""
    header, claims = unverified(token)
    key = keys.get(header["kid"])
    if key is None:
        raise BadToken("the token's key is not known")
    if header["alg"] != key.alg:
        raise BadToken("the token's algorithm is not its key's")
    if str(header.get("typ", "")).lower() not in expected.types:
        raise BadToken("the token is of another type")
    if "jku" in header and header["jku"] != expected.key_url:
        raise BadToken("the token's jku is not the URL that its keys are registered by")
    try:
        # a registry given beside `algorithms` would win over it: the list stands in the registry
        registry = jws.JWSRegistry(algorithms=[key.alg])
        jws.deserialize_compact(token, key.key, registry=registry)
    except (JoseError, ValueError):
        raise BadToken("the token's signature does not hold") from None
    _check(claims, expected, now)
    return claims


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims as strict JSON, nothing proved yet: only to choose the keys to try."""
    if len(token) > SIZE_MAX:
        raise BadToken(f"the token exceeds {SIZE_MAX} bytes")
    if token.count(".") != _DOTS:
        raise BadToken("the token is not a signed JWT")
    first, second, signature = token.split(".")
    header, claims = _object(first), _object(second)
    _raw(signature)
    if unknown := set(header) - HEADERS:
        raise BadToken(f"the token's header has {len(unknown)} members that are not taken")
    if not all(isinstance(value, str) for value in header.values()):
        raise BadToken("the token's header has a member that is not a string")
    if not header.get("alg") or not header.get("kid"):
        raise BadToken("the token's header needs alg and kid")
    return header, claims


def registered_keys(jwks: str, algorithms: Mapping[str, str]) -> dict[str, VerifyingKey]:
    """The usable keys of a JWK set, by `kid`; others are left out, so that they verify nothing.

    So are two under one `kid`. A text that is no set has none.

    `algorithms` gives the algorithm for each accepted kind of key: `RSA`, `P-256`, `P-384`.
    """
    members = key_set(jwks) or []
    kids = [jwk.get("kid") for jwk in members]
    found = [_usable(jwk, algorithms) for jwk in members]
    return {key.kid: key for key in found if key is not None and kids.count(key.kid) == 1}


def key_set(jwks: str) -> list[dict[str, Any]] | None:
    """The members of a JWK set, an empty one too; None for a text that is none, or far too long."""
    try:
        members = json_reader.read_object(jwks.encode()).get("keys")
    except (Refusal, UnicodeEncodeError):
        return None
    if not isinstance(members, list) or len(members) > KEYS_MAX:
        return None
    return members if all(isinstance(jwk, dict) for jwk in members) else None


def _usable(jwk: Mapping[str, Any], algorithms: Mapping[str, str]) -> VerifyingKey | None:
    kid, curve = jwk.get("kid"), jwk.get("crv")
    alg = algorithms.get("RSA" if jwk.get("kty") == "RSA" else str(curve))
    if not isinstance(kid, str) or not kid or "d" in jwk or alg is None:
        return None
    if jwk.get("alg", alg) != alg or jwk.get("use", "sig") != "sig":
        return None
    if alg.startswith("RS") and len(str(jwk.get("n"))) < RSA_BITS_MIN // 6:  # the library warns
        return None
    members = {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}
    try:
        key = RSAKey.import_key(members) if jwk["kty"] == "RSA" else ECKey.import_key(members)
        public = key.public_key
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return VerifyingKey(kid, alg, key) if _strong(public) else None


def _strong(public: object) -> bool:
    if isinstance(public, rsa.RSAPublicKey):
        exponent = public.public_numbers().e
        return RSA_BITS_MIN <= public.key_size <= RSA_BITS_MAX and exponent >= RSA_EXPONENT_MIN
    return isinstance(public, ec.EllipticCurvePublicKey)


def _object(part: str) -> dict[str, Any]:
    """A segment's JSON object."""
    raw = _raw(part)
    try:
        return json_reader.read_object(raw)
    except Refusal:
        raise BadToken("the token's header and claims must be strict JSON objects") from None


def _raw(part: str) -> bytes:
    """A segment's bytes; base64url in its one spelling, without padding."""
    try:
        raw = base64.urlsafe_b64decode(part.encode("ascii") + b"=" * (-len(part) % 4))
    except (ValueError, UnicodeEncodeError):
        raise BadToken("the token is not base64url") from None
    if not hmac.compare_digest(_spelt(raw), part.encode()):
        raise BadToken("the token is not base64url")
    return raw


def _spelt(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _check(claims: Mapping[str, Any], expected: Expected, now: int) -> None:
    if claims.get("iss") != expected.issuer:
        raise BadToken("the token has another issuer")
    if claims.get("aud") not in (expected.audience, [expected.audience]):
        raise BadToken(f"the token's audience must be {expected.audience}")
    for name in expected.texts:
        value = claims.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= TEXT_MAX:
            raise BadToken(f"the token's {name} must be a string")
    expires = _instant(claims, "exp")
    if expires is None:
        raise BadToken("the token needs exp")
    if expires <= now:
        raise BadToken("the token has expired")
    if expires > now + expected.seconds_max + LEEWAY_S:
        raise BadToken(f"the token's exp lies more than {expected.seconds_max} s ahead")
    for name in ("nbf", "iat"):
        instant = _instant(claims, name)
        if instant is not None and instant > now + LEEWAY_S:
            raise BadToken(f"the token's {name} lies in the future")


def _instant(claims: Mapping[str, Any], name: str) -> int | Decimal | None:
    """A NumericDate; JSON has no infinity and the reader bounds exponents."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadToken(f"the token's {name} must be a number of seconds")
    return value
