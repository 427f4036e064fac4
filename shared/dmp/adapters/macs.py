"""Keyed hashes by KMS.

National identifiers and one-time codes are few enough to be guessed offline, so the key never
leaves KMS and every guess is a call that is logged and throttled.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dmp.domain.identifiers import canonical
from dmp.domain.refusals import Unavailable


class Macs:
    """HMAC-SHA-256 under the region's identifier key; one KMS call each."""

    def __init__(self, kms: Any, key_arn: str) -> None:
        self._kms = kms
        self._key_arn = key_arn

    def identifier(self, system: str, value: str) -> str:
        """The registry's and the population register's key for an identifier, in hex."""
        return self._mac(f"identifier\0{system}|{canonical(value)}").hex()

    def code(self, place: str, code: str) -> bytes:
        """The MAC of a one-time code at its place (a challenge or an activation)."""
        return self._mac(f"code\0{place}\0{code}")

    def _mac(self, message: str) -> bytes:
        try:
            answered = self._kms.generate_mac(
                KeyId=self._key_arn, MacAlgorithm="HMAC_SHA_256", Message=message.encode()
            )
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None
        return bytes(answered["Mac"])
