"""Consents that the server makes: by the patient's code at a first meeting, or by break-glass.

A grant is for one practitioner at one organisation and for one record; it ends by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal, get_args

from dmp.domain.sign_in import TRIES

Kind = Literal["request", "break-glass"]
Reason = Literal["UNCONSCIOUS", "LIFE_THREAT", "INCAPABLE", "OTHER"]
REASONS: tuple[Reason, ...] = get_args(Reason)
PURPOSES = ("ETREAT", "TREAT")  # of a first meeting: care, and nothing else
EMERGENCY = "BTG"
REVIEWERS = frozenset({"auditor"})
DAY_S = 24 * 3600
REQUESTED_S = DAY_S
REQUESTED_S_MAX = 7 * DAY_S  # a short stay; whoever treats longer is given a lasting consent
BREAK_GLASS_S = 4 * 3600
SKEW_S = 600  # how far an app's clock may be ahead when it says "from now"
PER_MEETING_DAY = 3
PER_PRACTITIONER_HOUR = 60
PER_PATIENT_DAY = 10
OUTCOMES = ("justified", "unjustified")
TEXT_MIN, TEXT_MAX = 10, 500


@dataclass(frozen=True, slots=True)
class Meeting:
    """A code that a practitioner asked a patient for. `ends` is when the grant would end.

    `tries` are those left; `mac` is what the right code gives at this meeting.
    """

    key: str
    mac: bytes
    ends: str
    expires: int
    tries: int = TRIES


@dataclass(frozen=True, slots=True)
class Grant:
    """What a server-made consent says, of whom and until when; instants in UTC."""

    kind: Kind
    patient: str
    practitioner: str
    practitioner_name: str
    organization: str
    organization_name: str
    starts: str
    ends: str
    purposes: tuple[str, ...] = ()


def meeting_key(patient: str, practitioner: str, organization: str) -> str:
    """Where the one live code of a practitioner, organisation and patient is kept."""
    text = f"first-meeting|{patient}|{practitioner}|{organization}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
