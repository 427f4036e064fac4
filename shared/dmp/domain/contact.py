"""Where and how a patient wants to be told; sealed, and never taken from `Patient.telecom`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

Language = Literal["ar", "fr", "zgh", "en"]
Channel = Literal["sms", "email"]
Rhythm = Literal["each", "daily"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
CHANNELS: tuple[Channel, ...] = get_args(Channel)


@dataclass(frozen=True, slots=True)
class Contact:
    """`phone` in E.164; `rhythm` says whether accesses are told one by one or once a day."""

    phone: str | None
    email: str | None
    language: Language
    channel: Channel
    rhythm: Rhythm = "each"

    def to_bytes(self) -> bytes:
        """The plaintext that is sealed at CONTACT."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, plaintext: bytes) -> Contact:
        """The inverse of `to_bytes`; members added later take their defaults."""
        return cls(**json.loads(plaintext))
