"""Our own access tokens: ES256 by a key that never leaves KMS.

`sign` costs one KMS call. The public half is fetched once for the process: an unknown `kid` never
leads to another fetch, for a key of KMS does not change under its ARN. While keys are rotated there
is a second one, the next or the previous: its tokens are taken, and it signs none.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, cast

import orjson
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from joserfc.jwk import ECKey

from dmp.adapters import jwt
from dmp.domain import access_token
from dmp.domain.caller import Caller
from dmp.domain.refusals import Unavailable

ALG = "ES256"
_COORDINATE_BYTES = 32


class TokenKey:
    """The key of one region's access tokens, and what those tokens must say.

    Tokens of `other_arn`, if there is one, are taken as well.
    """

    def __init__(
        self, kms: Any, key_arn: str, base_url: str, region: str, other_arn: str = ""
    ) -> None:
        self._kms = kms
        self._key_arns = (key_arn, other_arn) if other_arn else (key_arn,)
        self._issuer = base_url
        self._audience = f"{base_url}/fhir"
        self._region = region
        self._publics: dict[str, jwt.VerifyingKey] = {}

    def public(self) -> jwt.VerifyingKey:
        """The public half of the key that signs; its `kid` is its RFC 7638 thumbprint."""
        return self._public(self._key_arns[0])

    def jwks(self) -> dict[str, Any]:
        """The JWK set that `/oauth2/jwks.json` serves: every key whose tokens are taken."""
        return {"keys": [_published(self._public(arn)) for arn in self._key_arns]}

    def issue(self, caller: Caller, now: int) -> str:
        """An access token for the caller, from now to `caller.expires`."""
        claims = {
            "iss": self._issuer,
            "aud": self._audience,
            "iat": now,
            "region": self._region,
            **access_token.claims_of(caller),
        }
        return self._signed(access_token.TYPE, claims)

    def identity(self, claims: Mapping[str, object], now: int) -> str:
        """An ID token; of another type, so that no door takes it for an access token."""
        return self._signed("JWT", {"iss": self._issuer, "iat": now, **claims})

    def _signed(self, kind: str, claims: Mapping[str, object]) -> str:
        header = {"alg": ALG, "kid": self.public().kid, "typ": kind}
        signing_input = f"{_segment(header)}.{_segment(claims)}"
        return f"{signing_input}.{_spelt(self._sign(signing_input.encode()))}"

    def caller(self, token: str, now: int) -> Caller:
        """Whom the token is of; Unauthenticated unless this region issued it and it still holds."""
        expected = jwt.Expected(
            self._issuer, self._audience, {access_token.TYPE}, access_token.SECONDS_MAX
        )
        claims = jwt.verified(token, self._keys_for(token), expected, now)
        if claims.get("region") != self._region:
            raise jwt.BadToken("the token is of another region")
        return access_token.caller_of(claims)

    def _keys_for(self, token: str) -> dict[str, jwt.VerifyingKey]:
        """The keys up to the one that the token names: the second is fetched when needed."""
        kid = jwt.unverified(token)[0]["kid"]
        keys: dict[str, jwt.VerifyingKey] = {}
        for arn in self._key_arns:
            if kid not in keys:
                public = self._public(arn)
                keys[public.kid] = public
        return keys

    def _public(self, arn: str) -> jwt.VerifyingKey:
        if arn not in self._publics:
            try:
                der = self._kms.get_public_key(KeyId=arn)["PublicKey"]
            except (ClientError, BotoCoreError):
                raise Unavailable("kms") from None
            key = ECKey.import_key(cast(EllipticCurvePublicKey, load_der_public_key(der)))
            self._publics[arn] = jwt.VerifyingKey(key.thumbprint(), ALG, key)
        return self._publics[arn]

    def _sign(self, message: bytes) -> bytes:
        """The JWS form of an ECDSA signature: r and s, 32 bytes each (KMS answers DER)."""
        try:
            der = self._kms.sign(
                KeyId=self._key_arns[0],
                Message=message,  # KMS takes 4096 bytes: scopes and names are bounded
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )["Signature"]
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None
        return b"".join(n.to_bytes(_COORDINATE_BYTES, "big") for n in decode_dss_signature(der))


def _published(public: jwt.VerifyingKey) -> dict[str, Any]:
    members = public.key.as_dict(private=False)
    return {**members, "kid": public.kid, "use": "sig", "alg": ALG}


def _segment(members: Mapping[str, object]) -> str:
    return _spelt(orjson.dumps(members))


def _spelt(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
