"""Where and how a patient wants to be told; sealed, and never taken from `Patient.telecom`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, get_args

Language = Literal["ar", "fr", "zgh", "en"]
Channel = Literal["sms", "email"]
Rhythm = Literal["each", "daily", "none"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
RHYTHMS: tuple[Rhythm, ...] = get_args(Rhythm)
CHANNELS: tuple[Channel, ...] = get_args(Channel)
NO_GRANT_S = 24 * 3600  # after a change of address no new grant is made for a day


@dataclass(frozen=True, slots=True)
class Contact:
    """`phone` in E.164. `rhythm`: accesses are told one by one, once a day, or not at all.

    `digest_hour` (0 to 23) and `quiet` (from, until: HH:MM) are times of Morocco's clock.
    """

    phone: str | None
    email: str | None
    language: Language
    channel: Channel
    rhythm: Rhythm = "each"
    digest_hour: int = 18
    quiet: tuple[str, str] | None = None

    def to_bytes(self) -> bytes:
        """The plaintext that is sealed at CONTACT."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, plaintext: bytes) -> Contact:
        """The inverse of `to_bytes`; members added later take their defaults."""
        members = json.loads(plaintext)
        if members.get("quiet"):
            members["quiet"] = tuple(members["quiet"])
        return cls(**members)
