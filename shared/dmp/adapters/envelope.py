"""Envelope encryption: one root key a patient, wrapped by KMS; aws-encryption-sdk without the MPL.

Suite 0x0478 (commitment required, no signature), one frame, one encrypted data key. The message's
context is patient, purpose and place, checked here on opening because raw providers do not.
The root key gives three keys by HKDF: record, journal and notice; the last is wrapped a second time
so that the notifier's role opens notices and nothing clinical. The notice key gives one more, for
the journal entries of functions that have no other key.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Any, Literal, TypeVar

from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient
from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
from aws_encryption_sdk.identifiers import Algorithm, EncryptionKeyType, WrappingAlgorithm
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKey
from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from dmp.domain.refusals import Gone, Unavailable

Purpose = Literal["record", "journal", "notice", "notice-journal"]
T = TypeVar("T")
_SUITE = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
_FRAME = 1 << 20
PARSED_BYTES_MAX = 128 * 1024  # sealed, of one record; some eight to eighteen times that in clear
PARSED_RECORDS_MAX = 16
_SDK = EncryptionSDKClient(
    commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=1
)


class Erased(Gone):
    """The patient's keys are destroyed: nothing of theirs can be read again."""


class Unopenable(Unavailable):
    """A message that does not belong where it was found, or was altered; raises an alarm."""


@dataclass(frozen=True, slots=True)
class PatientKeys:
    """The row of the keys table: key version, and root and notice keys as KMS wrapped them."""

    kv: int
    rec: bytes
    ntc: bytes


class Ring:
    """The keys of one patient that the process may use."""

    def __init__(self, patient: str, version: int, keys: dict[Purpose, bytes]) -> None:
        self._patient = patient
        self._index = _derived(keys["record"], "index") if "record" in keys else b""
        self._masters = {
            purpose: RawMasterKey(
                provider_id="dmp",
                key_id=f"{patient}#{version}#{purpose}".encode(),
                wrapping_key=WrappingKey(
                    wrapping_algorithm=WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING,
                    wrapping_key=key,
                    wrapping_key_type=EncryptionKeyType.SYMMETRIC,
                ),
            )
            for purpose, key in keys.items()
        }
        self._parsed: dict[str, tuple[bytes, Any]] = {}
        self._room = PARSED_BYTES_MAX

    def seal(self, purpose: Purpose, place: str, plaintext: bytes) -> bytes:
        """The message for that place of the record (commit id, entry id, STANDING, CONTACT)."""
        message, _ = _SDK.encrypt(
            source=plaintext,
            key_provider=self._masters[purpose],
            algorithm=_SUITE,
            frame_length=_FRAME,
            encryption_context={"p": self._patient, "u": purpose, "i": place},
        )
        return bytes(message)

    def token(self, text: str) -> str:
        """A keyed hash for sort keys: the same text gives another token in every record."""
        return hmac.digest(self._index, text.encode(), "sha256").hex()[:32]

    def open(self, purpose: Purpose, place: str, message: bytes) -> bytes:
        """The plaintext; Unopenable if the message was altered or belongs anywhere else."""
        source, master = BytesIO(message), self._masters[purpose]
        try:
            # at once: `decrypt` reads 8 kB at a time, and copies what is left each time
            with _SDK.stream(mode="d", source=source, key_provider=master) as opened:
                plaintext = opened.read(len(message))
                context = dict(opened.header.encryption_context)
        except (AWSEncryptionSDKClientError, InvalidTag, struct.error, ValueError) as error:
            raise Unopenable(type(error).__name__) from None
        if source.tell() != len(message):  # the SDK leaves what follows the message unread
            raise Unopenable("more than a message")
        expected = {"p": self._patient, "u": purpose, "i": place}
        if context != expected:
            raise Unopenable("another place")
        return bytes(plaintext)

    def parsed(self, place: str, message: bytes, parse: Callable[[bytes], T]) -> T:
        """`parse` of a record's message. The same bytes again are not opened again.

        What is kept for a place is one immutable value; it lives and dies with the keys, or until
        `forget`.
        """
        held = self._parsed.get(place)
        if held is not None and held[0] == message:
            known: T = held[1]
            return known
        value = parse(self.open("record", place, message))
        room = self._room - len(message) + (len(held[0]) if held else 0)
        if room >= 0:
            self._parsed[place], self._room = (message, value), room
        return value

    def forget(self) -> None:
        """Let go of everything parsed."""
        self._parsed.clear()
        self._room = PARSED_BYTES_MAX


class Vault:
    """Wraps and unwraps patients' keys; at most one KMS call a patient, purpose and 300 s."""

    def __init__(self, kms: Any, key_arn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._kms = kms
        self._key_arn = key_arn
        self._clock = clock
        self._rings: OrderedDict[bytes, tuple[float, Ring]] = OrderedDict()
        self._lock = threading.Lock()
        self.ttl_s = 300.0
        self.size_max = 512

    def new_keys(self, patient: str) -> PatientKeys:
        """Fresh keys for a patient, wrapped; two KMS calls."""
        try:
            made = self._kms.generate_data_key(
                KeyId=self._key_arn,
                KeySpec="AES_256",
                EncryptionContext=_context(patient, "record"),
            )
            notice = self._kms.encrypt(
                KeyId=self._key_arn,
                Plaintext=_derived(made["Plaintext"], "notice"),
                EncryptionContext=_context(patient, "notice"),
            )
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None
        return PatientKeys(1, made["CiphertextBlob"], notice["CiphertextBlob"])

    def record_ring(self, patient: str, keys: PatientKeys | None) -> Ring:
        """Every key of the patient; Erased when the row is gone."""
        return self._ring(patient, keys, "record")

    def notice_ring(self, patient: str, keys: PatientKeys | None) -> Ring:
        """The notice key alone."""
        return self._ring(patient, keys, "notice")

    def _ring(
        self, patient: str, keys: PatientKeys | None, purpose: Literal["record", "notice"]
    ) -> Ring:
        if keys is None:
            raise Erased("the record's keys are destroyed")
        wrapped = keys.rec if purpose == "record" else keys.ntc
        # reached only through the wrapped key just read: erase the row and no warm entry answers
        slot = hashlib.sha256(f"{patient}#{keys.kv}#{purpose}#".encode() + wrapped).digest()
        now = self._clock()
        with self._lock:
            held = self._rings.get(slot)
            if held and now < held[0]:
                self._rings.move_to_end(slot)
                self._forget()
                return held[1]
        ring = Ring(patient, keys.kv, self._unwrap(patient, wrapped, purpose))
        with self._lock:
            self._rings[slot] = (now + self.ttl_s, ring)
            while len(self._rings) > self.size_max:
                self._rings.popitem(last=False)
            self._forget()
        return ring

    def _forget(self) -> None:
        """One ring at a time leaves the latest few: it keeps its keys and nothing else."""
        latest = reversed(self._rings.values())
        for _, ring in islice(latest, PARSED_RECORDS_MAX, PARSED_RECORDS_MAX + 1):
            ring.forget()

    def _unwrap(self, patient: str, wrapped: bytes, purpose: str) -> dict[Purpose, bytes]:
        try:
            raw = self._kms.decrypt(
                KeyId=self._key_arn,
                CiphertextBlob=wrapped,
                EncryptionContext=_context(patient, purpose),
            )["Plaintext"]
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None
        if purpose == "notice":
            return {"notice": raw, "notice-journal": _derived(raw, "journal")}
        notice = _derived(raw, "notice")
        return {
            "record": _derived(raw, "record"),
            "journal": _derived(raw, "journal"),
            "notice": notice,
            "notice-journal": _derived(notice, "journal"),
        }


def _context(patient: str, purpose: str) -> dict[str, str]:
    return {"patient": patient, "purpose": purpose}


def _derived(root: bytes, use: str) -> bytes:
    """RFC 5869; the root key itself encrypts nothing."""
    return HKDF(SHA256(), 32, None, f"dmp/{use}/v1".encode()).derive(root)
