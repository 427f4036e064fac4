"""A software authenticator, and the many ways in which one can lie."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ORIGIN = "https://dmp.test"
RP_ID = "dmp.test"
UP, UV, BE, BS, AT = 0x01, 0x04, 0x08, 0x10, 0x40


def b64(content: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The inverse."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One P-256 passkey; `count` stays 0 for one that is synced."""

    origin: str = ORIGIN
    rp_id: str = RP_ID
    flags: int = UP | UV
    counts: bool = True
    fmt: str = "none"
    count: int = 0
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    user: bytes = b""

    def create(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """What navigator.credentials.create() gives, as toJSON() has it."""
        self.user = unb64(options["user"]["id"])
        client = self._client("webauthn.create", lies.get("challenge", options["challenge"]))
        cose = lies.get("cose", self.cose())
        public = cose if isinstance(cose, bytes) else cbor2.dumps(cose)
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(self.flags | AT) + attested + lies.get("rest", b"")
        statement = lies.get("statement", self._statement(data + hashlib.sha256(client).digest()))
        attestation = cbor2.dumps({"fmt": self.fmt, "attStmt": statement, "authData": data})
        response = {
            "clientDataJSON": b64(client),
            "attestationObject": b64(lies.get("attestation", attestation)),
        }
        return self._answer(response)

    def get(self, options: dict[str, Any], **lies: Any) -> dict[str, Any]:
        """What navigator.credentials.get() gives."""
        self.count += self.counts
        client = self._client("webauthn.get", lies.get("challenge", options["challenge"]))
        data = self._data(self.flags) + lies.get("rest", b"")
        signed = data + hashlib.sha256(client).digest()
        response = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(data),
            "signature": b64(lies.get("signature", self._signed(signed))),
            "userHandle": lies.get("user", b64(self.user)),
        }
        return self._answer({k: v for k, v in response.items() if v is not None})

    def cose(self, **changes: Any) -> dict[int, Any]:
        """The public key; a change by COSE label, `_3=-8` for the algorithm."""
        numbers = self.key.public_key().public_numbers()
        made: dict[int, Any] = {
            1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")
        }  # fmt: skip
        made |= {int(name.replace("_", "").replace("m", "-")): v for name, v in changes.items()}
        return {name: value for name, value in made.items() if value is not None}

    def _statement(self, signed: bytes) -> dict[str, Any]:
        return {"alg": -7, "sig": self._signed(signed)} if self.fmt == "packed" else {}

    def _signed(self, content: bytes) -> bytes:
        return self.key.sign(content, ec.ECDSA(hashes.SHA256()))

    def _data(self, flags: int) -> bytes:
        rp = hashlib.sha256(self.rp_id.encode()).digest()
        return rp + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        content = {"type": kind, "challenge": challenge, "origin": self.origin}
        return json.dumps({**content, "crossOrigin": False}).encode()

    def _answer(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }


def rsa_key(bits: int) -> dict[int, Any]:
    """An RSA public key of that size, as COSE has it."""
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    return {1: 3, 3: -257, -1: numbers.n.to_bytes(bits // 8, "big"), -2: b"\x01\x00\x01"}
