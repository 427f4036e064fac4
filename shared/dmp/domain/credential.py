"""What a person proves themselves with beyond a code by SMS: passkeys, a PIN, recovery codes.

A holder is a patient, or a practitioner at one organisation. One row holds all of it and changes
as one; its `version` is what two changes at once are told apart by.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import asdict, dataclass, replace
from itertools import pairwise

from dmp.domain.refusals import Invalid

STRONG_S = 300
CEREMONY_S = 300
ENROLMENT_S = 24 * 3600
PIN_TRIES = 5
PIN_LOCK_S = 3600
PASSKEYS_MAX = 10
RECOVERY_CODES = 10
RECOVERY_BITS = 80
SALT_BITS = 128
CREDENTIAL_ID_BYTES_MAX = 1023
_PIN_DIGITS = range(6, 13)
_NAME_MAX = 60
_SCRYPT_LOG2 = 14
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's: nothing is read as something else
_MEANT = str.maketrans("OIL", "011")
_RECOVERY_CHARACTERS = RECOVERY_BITS // 5
_GROUP = 4
_PATIENT = re.compile(r"[0-9a-v]{20}\Z")


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN as a MAC over a slow hash, in hex; `cost` is scrypt's, as a power of two.

    `wrong` counts the wrong tries since the last right one, `tried` is the last one's instant.
    """

    salt: str
    cost: int
    mac: str
    wrong: int = 0
    tried: int = 0

    def locked_s(self, now: int) -> int:
        """Seconds until it may be tried again; 0 when it may be now."""
        return max(0, self.tried + PIN_LOCK_S - now) if self.wrong >= PIN_TRIES else 0

    def tried_wrong(self, now: int) -> Pin:
        """After a wrong try; the first one after a lock counts anew."""
        return replace(self, wrong=1 if self.wrong >= PIN_TRIES else self.wrong + 1, tried=now)


@dataclass(frozen=True, slots=True)
class Passkey:
    """A WebAuthn credential: `id` and the COSE `key` in base64url; `count` of its signatures."""

    id: str
    key: str
    count: int
    backed_up: bool
    name: str
    created: int
    used: int = 0

    @property
    def handle(self) -> str:
        """Its name in URLs and as a key: short, whatever the length of its id."""
        return handle_of(self.id)

    def shown(self) -> dict[str, object]:
        """As its owner sees it; times in epoch seconds."""
        view: dict[str, object] = {
            "id": self.handle,
            "name": self.name,
            "synced": self.backed_up,
            "created": self.created,
        }
        return {**view, "last_used": self.used} if self.used else view


@dataclass(frozen=True, slots=True)
class Credential:
    """All that one holder can prove themselves with. `recovery` are MACs in hex."""

    holder: str
    version: int = 0
    pin: Pin | None = None
    recovery: tuple[str, ...] = ()
    passkeys: tuple[Passkey, ...] = ()

    @property
    def known(self) -> bool:
        """Whether there is anything that can be asked for."""
        return self.pin is not None or bool(self.passkeys)

    @property
    def user_handle(self) -> bytes:
        """WebAuthn's user id: the same for all passkeys of the holder, and says nothing of them."""
        return hashlib.sha256(f"user\0{self.holder}".encode()).digest()

    def passkey(self, handle: str) -> Passkey | None:
        """The passkey of that handle."""
        return next((p for p in self.passkeys if p.handle == handle), None)

    def with_passkey(self, passkey: Passkey) -> Credential:
        """With the passkey, in place of the one with its id."""
        others = tuple(p for p in self.passkeys if p.id != passkey.id)
        return replace(self, passkeys=(*others, passkey))

    def without(self, handle: str) -> Credential:
        """Without that passkey; recovery codes go with the last thing that they stand in for."""
        left = replace(self, passkeys=tuple(p for p in self.passkeys if p.handle != handle))
        return left if left.known else replace(left, recovery=())

    def without_pin(self) -> Credential:
        """Without PIN; recovery codes as above."""
        left = replace(self, pin=None)
        return left if left.known else replace(left, recovery=())

    def to_text(self) -> str:
        """As its row keeps it."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Credential:
        """The inverse of `to_text`."""
        members = json.loads(text)
        return cls(
            holder=members["holder"],
            version=members["version"],
            pin=Pin(**members["pin"]) if members["pin"] else None,
            recovery=tuple(members["recovery"]),
            passkeys=tuple(Passkey(**p) for p in members["passkeys"]),
        )

    def shown(self) -> dict[str, object]:
        """As its owner sees it."""
        return {
            "passkeys": [p.shown() for p in self.passkeys],
            "pin": self.pin is not None,
            "recovery_codes": len(self.recovery),
        }


def handle_of(credential_id: str) -> str:
    """What a credential id is kept and shown under."""
    return hashlib.sha256(credential_id.encode()).hexdigest()[:32]


def is_patient_holder(holder: str) -> bool:
    """Whether a holder is a patient."""
    return _PATIENT.match(holder) is not None


def practitioner_holder(practitioner: str, organization: str) -> str:
    """The holder that a practitioner is at an organisation; INPE numbers."""
    return f"{practitioner}#{organization}"


def pin_of(value: object) -> str:
    """A PIN that somebody chose, or Invalid with the reason; digits of any script."""
    digits = _digits(value)
    if digits is None or len(digits) not in _PIN_DIGITS:
        raise Invalid("a PIN has 6 to 12 digits", "pin")
    if len(set(digits)) < 3:
        raise Invalid("at least three different digits are needed", "pin")
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(digits)}
    if len(steps) == 1:
        raise Invalid("digits in a row are guessed first", "pin")
    if any(digits == (digits[:n] * len(digits))[: len(digits)] for n in (2, 3)):
        raise Invalid("digits that repeat are guessed first", "pin")
    return digits


def typed_pin(value: object) -> str | None:
    """The digits of a PIN that is given as proof; None when it can be nobody's."""
    digits = _digits(value)
    return digits if digits is not None and len(digits) in _PIN_DIGITS else None


def _digits(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > 4 * max(_PIN_DIGITS):
        return None
    digits = [unicodedata.decimal(c, None) for c in value if not c.isspace()]
    return None if None in digits else "".join(str(digit) for digit in digits)


def stretched(digits: str, salt: str, cost: int = _SCRYPT_LOG2) -> str:
    """The slow hash of a PIN, in hex: some 16 MB and 50 ms for each guess."""
    made = hashlib.scrypt(digits.encode(), salt=bytes.fromhex(salt), n=1 << cost, r=8, p=1)
    return made.hex()


def new_pin(salt: str, mac: bytes) -> Pin:
    """A PIN at today's cost."""
    return Pin(salt, _SCRYPT_LOG2, mac.hex())


def recovery_code(random: int) -> str:
    """80 random bits, in four groups to read and write by hand."""
    text = "".join(_ALPHABET[(random >> 5 * i) & 31] for i in range(_RECOVERY_CHARACTERS))
    return "-".join(text[i : i + _GROUP] for i in range(0, len(text), _GROUP))


def typed_recovery_code(value: object) -> str | None:
    """A recovery code as it is kept, whatever spaces, dashes and cases; None if it is none."""
    if not isinstance(value, str) or len(value) > 4 * _RECOVERY_CHARACTERS:
        return None
    text = "".join(c for c in value.upper() if c not in "- ").translate(_MEANT)
    if len(text) != _RECOVERY_CHARACTERS or not set(text) <= set(_ALPHABET):
        return None
    return text


def name_of(value: object) -> str:
    """What a person calls their passkey, or Invalid."""
    if not isinstance(value, str) or not 0 < len(value.strip()) <= _NAME_MAX:
        raise Invalid(f"a name of 1 to {_NAME_MAX} characters is needed", "name")
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in value):
        raise Invalid("a name has letters, digits and signs alone", "name")
    return value.strip()
