"""Hostile tokens, each by its id where it has one, for whatever a token of ours is used as."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, RSAKey

from dmp.adapters import jwt
from tests import oauth

Json = dict[str, Any]
NOW = 1_795_000_000
P256 = ECKey.generate_key("P-256", {"kid": "p256"})
with warnings.catch_warnings(action="ignore"):
    SMALL = RSAKey.import_key(rsa.generate_private_key(65537, 1024), {"kid": "small"})  # noqa: S505
    WEAK = RSAKey.import_key(rsa.generate_private_key(3, 2048), {"kid": "weak"})
HASHES: dict[str, hashes.HashAlgorithm] = {
    "256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512(),
}  # fmt: skip


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass(frozen=True)
class Use:
    """One thing that tokens are used as: the keys that verify it, and what a good one says."""

    name: str
    key: ECKey
    alg: str
    typ: str
    claims: Json
    expected: jwt.Expected
    keys: dict[str, jwt.VerifyingKey]

    def said(self, **changes: Any) -> Json:
        """Good claims, changed; None takes one out."""
        return {k: v for k, v in {**self.claims, **changes}.items() if v is not None}

    def head(self, **changes: Any) -> Json:
        """A good header, changed; None takes a member out."""
        good = {"alg": self.alg, "kid": self.key.kid, "typ": self.typ}
        return {k: v for k, v in {**good, **changes}.items() if v is not None}

    def signed(self, header: Json | str, claims: Json | str, by: Any = None) -> str:
        """A token by hand: any JSON, by any key, under whatever algorithm its header tells."""
        texts = (x if isinstance(x, str) else json.dumps(x) for x in (header, claims))
        signing_input = ".".join(b64(text.encode()) for text in texts)
        alg = header.get("alg") if isinstance(header, dict) else self.alg
        return f"{signing_input}.{b64(raw_signature(by or self.key, str(alg), signing_input))}"

    def with_head(self, **changes: Any) -> str:
        """Signed well under another header."""
        return self.signed(self.head(**changes), self.claims)

    def with_claims(self, **changes: Any) -> str:
        """Other claims, signed well."""
        return self.signed(self.head(), self.said(**changes))

    def with_text(self, name: str, text: str) -> str:
        """A claim whose JSON no library would write."""
        claims = json.dumps(self.said(**{name: "@@"})).replace('"@@"', text)
        return self.signed(self.head(), claims)

    def good(self) -> str:
        """A token that is taken."""
        return self.signed(self.head(), self.claims)

    def verified(self, token: str) -> Json:
        """As the adapters call the reader."""
        return jwt.verified(token, self.keys, self.expected, NOW)

    def stranger(self) -> ECKey:
        """A key of the same kind that nobody registered."""
        return ECKey.generate_key(self.key.curve_name, {"kid": self.key.kid})


def raw_signature(key: Any, alg: str, signing_input: str) -> bytes:
    """Signed as JWS says, by the hash that the algorithm's name ends with (SHA-384 if none)."""
    digest = HASHES.get(alg[-3:], hashes.SHA384())
    private = key.private_key
    if isinstance(key, RSAKey):
        scheme = padding.PSS(padding.MGF1(digest), 32) if alg[:1] == "P" else padding.PKCS1v15()
        return bytes(private.sign(signing_input.encode(), scheme, digest))
    size = (private.curve.key_size + 7) // 8
    numbers = decode_dss_signature(private.sign(signing_input.encode(), ec.ECDSA(digest)))
    return b"".join(n.to_bytes(size, "big") for n in numbers)


def _of(name: str, key: ECKey, alg: str, typ: str, expected: jwt.Expected) -> Use:
    kinds = {"RSA": "RS384", {"ES256": "P-256", "ES384": "P-384"}[alg]: alg}
    registered = oauth.jwks_of(key, oauth.RSA, SMALL, WEAK, P256)
    claims = {
        "iss": expected.issuer, "sub": "clinic", "aud": expected.audience, "exp": NOW + 200,
        "iat": NOW, "jti": "j", "nonce": "n",
    }  # fmt: skip
    return Use(name, key, alg, typ, claims, expected, jwt.registered_keys(registered, kinds))


OURS = ECKey.generate_key("P-256", {"kid": "ours"})
_FHIR = f"{oauth.BASE}/fhir"
USES = [
    _of("assertion", oauth.EC, "ES384", "JWT",
        jwt.Expected("clinic", oauth.TOKEN_URL, {"", "jwt"}, 300)),
    _of("access token", OURS, "ES256", "at+jwt",
        jwt.Expected(oauth.BASE, _FHIR, {"at+jwt"}, 300)),
    _of("ID token", OURS, "ES256", "JWT",
        jwt.Expected(oauth.BASE, "my-app", {"jwt"}, 3600, texts=("sub", "nonce"))),
]  # fmt: skip


def public_key(key: Any, *, pem: bool = True) -> bytes:
    encoding = Encoding.PEM if pem else Encoding.DER
    return bytes(key.public_key.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo))


def by_hmac(use: Use, secret: bytes, alg: str = "HS256", kid: str | None = None) -> str:
    header = use.head(alg=alg, kid=kid or use.key.kid)
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(use.claims).encode())}"
    digest = hashlib.sha256 if alg == "HS256" else hashlib.sha384
    return f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), digest).digest())}"


def resigned(use: Use, change: Callable[[bytes], bytes]) -> str:
    """A good token whose signature's bytes are changed."""
    body, _, signature = use.good().rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    return f"{body}.{b64(change(raw))}"


def numbers(use: Use, r: int, s: int) -> str:
    size = 32 if use.alg == "ES256" else 48
    return resigned(use, lambda _: r.to_bytes(size, "big") + s.to_bytes(size, "big"))


def order(use: Use) -> int:
    """Of the curve's group."""
    if use.alg == "ES256":
        return 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    return int(
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973", 16,
    )  # fmt: skip


def slack(use: Use) -> str:
    """The same bytes in another spelling: the last character of a segment has bits to spare."""
    for n in range(9):
        body, _, signature = use.with_claims(sub="x" * (n + 1)).rpartition(".")
        header, claims = body.split(".")
        if len(claims) % 4:
            letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
            other = letters[letters.index(claims[-1]) ^ 1]
            return f"{header}.{claims[:-1]}{other}.{signature}"
    raise AssertionError


def tampered(use: Use, part: int) -> str:
    parts = use.good().split(".")
    other = (use.head(kid="rsa-1"), use.said(sub="other"))[part]
    parts[part] = b64(json.dumps(other).encode())
    return ".".join(parts)
