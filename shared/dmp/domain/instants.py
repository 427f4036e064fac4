"""Instants as text: UTC with milliseconds, so that text order is time order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def instant(millis: int) -> str:
    """`2026-11-22T10:00:00.000Z`."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def http_date(millis: int) -> str:
    """RFC 9110 date, for Last-Modified."""
    moment = datetime.fromtimestamp(millis / 1000, UTC)
    day = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")[moment.weekday()]
    months = "JanFebMarAprMayJunJulAugSepOctNovDec"
    month = months[3 * moment.month - 3 : 3 * moment.month]
    return f"{day}, {moment.day:02} {month} {moment.year} {moment:%H:%M:%S} GMT"


def in_utc(text: str, *, end: bool = False) -> str:
    """A FHIR date, dateTime or instant as an instant in UTC.

    A date without time stands for its first millisecond in UTC, or, with `end`, for the first
    millisecond after it (so that a period ends with its last day). What lies outside the years 1
    to 9999 is drawn to their border, and a leap second to the second before it.
    """
    if "T" not in text:
        year, month, day = (*text.split("-"), "", "")[:3]
        first = datetime(int(year), int(month or 1), int(day or 1), tzinfo=UTC)
        return _text(_after(first, bool(month), bool(day)) if end else first)
    moment = datetime.fromisoformat(text.replace(":60", ":59"))
    try:
        return _text(moment.astimezone(UTC))
    except OverflowError:
        return _text(_LAST if moment.year > 1 else _FIRST)


def _after(first: datetime, month: bool, day: bool) -> datetime:
    try:
        if day:
            return first + timedelta(days=1)
        if month:
            return (first.replace(day=28) + timedelta(days=4)).replace(day=1)
        return first.replace(year=first.year + 1)
    except (OverflowError, ValueError):
        return _LAST


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
