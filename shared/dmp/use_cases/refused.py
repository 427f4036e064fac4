"""Refusals that patients hear of: the third in a day of one practitioner."""

from __future__ import annotations

import hashlib

from dmp.domain.caller import Caller
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice, reference_of

TOLD_AT = 3  # refusals of one practitioner, organisation and patient in a day (UTC)


def refusals_key(caller: Caller, patient: str, day: str) -> str:
    """The name of their count."""
    who = (caller.practitioner or "", caller.organization or "")
    return hashlib.sha256("|".join((patient, *who, day)).encode()).hexdigest()[:32]


def refusals_notice(caller: Caller, entry: Entry, now: int) -> Notice:
    """What the patient is told of them, owed with the entry that reached the count."""
    return Notice(
        kind="refused",
        at=entry.at,
        reference=reference_of(entry.entry),
        due=now,
        practitioner=caller.practitioner_name,
        organization=caller.organization_name,
        purpose=caller.purpose,
    )
