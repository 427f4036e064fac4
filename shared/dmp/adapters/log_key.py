"""The key that signs the journal's checkpoints: it never leaves KMS."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from dmp.domain.checkpoint import Checkpoint
from dmp.domain.refusals import Unavailable


class LogKey:
    """Implements the port `LogSigner`."""

    def __init__(self, kms: Any, key_arn: str) -> None:
        self._kms = kms
        self._key_arn = key_arn

    @cached_property
    def spki(self) -> bytes:
        """The public half, as DER; one KMS call for the process."""
        try:
            return bytes(self._kms.get_public_key(KeyId=self._key_arn)["PublicKey"])
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None

    def pem(self) -> bytes:
        """The public half in PEM, as outsiders need it."""
        key = load_der_public_key(self.spki)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def note(self, checkpoint: Checkpoint) -> str:
        """One call of Sign; the note is short enough to be signed whole."""
        try:
            answered = self._kms.sign(
                KeyId=self._key_arn,
                Message=checkpoint.body().encode(),
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None
        return checkpoint.signed(self.spki, answered["Signature"])
