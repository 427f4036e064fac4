"""A patient's sign-in by one-time code: how often, how long, how many tries; and its session."""

from __future__ import annotations

import base64
import ipaddress
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

PURPOSE = "sign-in"
GRANT = "urn:dmp:params:oauth:grant-type:otp"
CODE_DIGITS = 6
CODE_BITS = 64
SECRET_BITS = 256
CODE_SECONDS = 300
TRIES = 3
SPACING_S = 60
PER_HOUR = 5
PER_DAY = 10
PER_ADDRESS_HOUR = 30
HOUR_S = 3600
DAY_S = 24 * HOUR_S
IDLE_S = 30 * 60
SESSION_S_MAX = 12 * HOUR_S
SCOPES = "patient/*.cruds"
_SECRET = re.compile(r"[A-Za-z0-9_-]{43}\Z")
CLIENT_ID = "dmp"  # a sign-in without an app: the patient's own session


@dataclass(frozen=True, slots=True)
class Challenge:
    """A code that was asked for.

    `patient` is None when nobody has that identifier: no code was sent and none is right, but
    whoever asked cannot tell. `identifier` is the MAC of the one it was asked for.
    """

    id: str
    patient: str | None
    mac: bytes
    expires: int
    tries: int = TRIES
    identifier: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in patient. `expires` moves with use, `until` never; both in epoch seconds.

    `family` and `refresh` are hashes of the two parts of the refresh token's secret: the first
    stays for the session, the second changes at every refresh. `strong_until` is when the last
    proof by passkey or PIN ends to count. `agent` is the browser, as it says of itself; empty for
    a program.
    """

    id: str
    patient: str
    client_id: str
    scope: str
    family: str
    refresh: str
    expires: int
    until: int
    strong_until: int = 0
    agent: str = ""


@dataclass(frozen=True, slots=True)
class PractitionerSession:
    """A practitioner signed in for one organisation; times and `secret` as a patient's `family`."""

    id: str
    practitioner: str
    organization: str
    role: str
    secret: str
    expires: int
    until: int


@dataclass(frozen=True, slots=True)
class CodesSent:
    """The codes a subject asked for in the last day, and the newest; `version` for the swap."""

    subject: str
    sent: tuple[int, ...] = ()
    challenge: str | None = None
    version: int = 0


def wait_s(sent: Sequence[int], now: int) -> int:
    """Seconds until another code may be asked for; 0 when it may be now.

    `sent` holds the instants of the codes of the last day, oldest first. At most one a minute,
    5 in any hour, 10 in any day.
    """
    waits = [0]
    if sent:
        waits.append(sent[-1] + SPACING_S - now)
    if len(sent) >= PER_HOUR:
        waits.append(sent[-PER_HOUR] + HOUR_S - now)
    if len(sent) >= PER_DAY:
        waits.append(sent[-PER_DAY] + DAY_S - now)
    return max(waits)


def with_one_more(sent: Sequence[int], now: int) -> tuple[int, ...]:
    """The instants to keep after a code at `now`: those that still count."""
    return (*[at for at in sent if at > now - DAY_S][-(PER_DAY - 1) :], now)


def secret(random: int) -> str:
    """256 random bits as 43 characters of base64url."""
    return base64.urlsafe_b64encode(random.to_bytes(SECRET_BITS // 8, "big")).rstrip(b"=").decode()


def is_secret(text: str) -> bool:
    """Whether the text has the form of a secret; no other is looked up."""
    return _SECRET.match(text) is not None


def code(random: int) -> str:
    """Six digits out of 64 random bits, each number as likely to within 10^-13."""
    return f"{random % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def typed(text: str) -> str | None:
    """The six digits a person typed, spaces and other scripts' digits allowed; None if not six."""
    digits = [unicodedata.decimal(c, None) for c in text if not c.isspace()]
    if len(digits) != CODE_DIGITS or None in digits:
        return None
    return "".join(str(digit) for digit in digits)


def session_expires(now: int, until: int) -> int:
    """When a session used now ends unless it is used again."""
    return min(now + IDLE_S, until)


def source_of(address: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 a household has in IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
