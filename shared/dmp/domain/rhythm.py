"""When a notice goes out: at once, after the quiet hours, in the day's digest, or not at all.

Accesses follow the patient's rhythm; what guards the record itself is told at once, whatever was
chosen. Times are the patient's own: aware datetimes of Morocco's zone, its Ramadan change included.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dmp.domain.contact import Contact

# Told by the patient's rhythm, or by none if they want none.
CHOSEN = frozenset({"access"})
# Not urgent: they may wait for the end of the quiet hours.
PATIENT = CHOSEN | {"refused", "digest", "review-justified", "review-unjustified"}
_DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True)
class Plan:
    """`at`: when it is told, in epoch seconds. `day`: of the digest that tells it, as YYYYMMDD."""

    act: Literal["tell", "wait", "digest", "suppress"]
    at: int = 0
    day: str = ""


TELL = Plan("tell")


def planned(kind: str, contact: Contact, now: datetime) -> Plan:
    """What to do with a notice of that kind now."""
    if kind in CHOSEN and contact.rhythm == "none":
        return Plan("suppress")
    if kind in CHOSEN and contact.rhythm == "daily":
        hour = _next(now, contact.digest_hour * 60)
        return Plan("digest", int(hour.timestamp()), f"{hour:%Y%m%d}")
    if kind in PATIENT and (end := _quiet_until(contact, now)):
        return Plan("wait", int(end.timestamp()))
    return TELL


def next_digest(contact: Contact, after: datetime) -> Plan:
    """The digest that follows the one of `after`'s day."""
    hour = _next(after, contact.digest_hour * 60)
    return Plan("digest", int(hour.timestamp()), f"{hour:%Y%m%d}")


def _quiet_until(contact: Contact, now: datetime) -> datetime | None:
    """The end of the quiet hours that `now` lies in."""
    if contact.quiet is None:
        return None
    start, end = (_minutes(text) for text in contact.quiet)
    minute = now.hour * 60 + now.minute
    if (minute - start) % _DAY_MINUTES >= (end - start) % _DAY_MINUTES:
        return None
    return _next(now, end)


def _next(now: datetime, minute: int) -> datetime:
    """The next time that the clock on the wall shows that minute of the day."""
    at = now.replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0)
    return at if at > now else at + timedelta(days=1)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
