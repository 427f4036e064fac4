"""The key that signs the journal's checkpoints, as outsiders need it."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from dmp.domain.refusals import Unavailable


def public_pem(kms: Any, key_arn: str) -> bytes:
    """The public half in PEM; one KMS call."""
    try:
        der = kms.get_public_key(KeyId=key_arn)["PublicKey"]
    except (ClientError, BotoCoreError):
        raise Unavailable("kms") from None
    key = load_der_public_key(der)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
