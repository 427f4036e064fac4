"""How a patient wants to be told: what a request may say, and what an answer shows of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from dmp.domain.activation import is_email
from dmp.domain.contact import (
    CHANNELS,
    LANGUAGES,
    RHYTHMS,
    Channel,
    Contact,
    Language,
    Rhythm,
)
from dmp.domain.refusals import Invalid, Issue

_MEMBERS = ("language", "channel", "rhythm")
_OPTIONAL = ("digestHour", "quietHours")
_HOURS = range(24)
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d\Z")
DIGEST_HOUR = 18
REASONS = ("lost", "stolen", "changed", "error")
DOCUMENT_MIN, DOCUMENT_MAX = 3, 100


def shown(contact: Contact) -> dict[str, object]:
    """The preferences; addresses are recognisable to their owner alone."""
    view: dict[str, object] = {
        "language": contact.language,
        "channel": contact.channel,
        "rhythm": contact.rhythm,
    }
    if contact.rhythm == "daily":
        view["digestHour"] = contact.digest_hour
    if contact.quiet:
        view["quietHours"] = {"from": contact.quiet[0], "until": contact.quiet[1]}
    if contact.phone:
        view["phone"] = f"{contact.phone[:5]}••••••{contact.phone[-2:]}"
    if contact.email:
        name, _, domain = contact.email.partition("@")
        view["email"] = f"{name[:1]}•••@{domain}"
    return view


def preferred(contact: Contact, body: Mapping[str, Any]) -> Contact:
    """The contact with the preferences of the body, or Invalid with every fault.

    `digestHour` and `quietHours` may be left out: at 18, and never.
    """
    issues = []
    if not set(_MEMBERS) <= set(body) <= {*_MEMBERS, *_OPTIONAL}:
        text = f"exactly {', '.join(_MEMBERS)} are needed, and {', '.join(_OPTIONAL)} may be given"
        issues.append(Issue(text, "body"))
    if body.get("language") not in LANGUAGES:
        issues.append(Issue(f"one of {', '.join(LANGUAGES)} is needed", "language"))
    if body.get("channel") not in CHANNELS:
        issues.append(Issue(f"one of {', '.join(CHANNELS)} is needed", "channel"))
    elif not (contact.phone if body["channel"] == "sms" else contact.email):
        issues.append(Issue("no address is known for it; give one at /contact first", "channel"))
    if body.get("rhythm") not in RHYTHMS:
        issues.append(Issue(f"one of {', '.join(RHYTHMS)} is needed", "rhythm"))
    issues += _times(body)
    if issues:
        raise Invalid(issues, errors=[{"field": i.expression, "detail": i.text} for i in issues])
    quiet = body.get("quietHours")
    return replace(
        contact,
        language=cast("Language", body["language"]),
        channel=cast("Channel", body["channel"]),
        rhythm=cast("Rhythm", body["rhythm"]),
        digest_hour=int(body.get("digestHour", DIGEST_HOUR)),
        quiet=(quiet["from"], quiet["until"]) if quiet else None,
    )


def _times(body: Mapping[str, Any]) -> list[Issue]:
    issues = []
    hour, quiet = body.get("digestHour", DIGEST_HOUR), body.get("quietHours")
    if type(hour) is not int or hour not in _HOURS:
        issues.append(Issue("a whole number from 0 to 23 is needed", "digestHour"))
    if quiet is None:
        return issues
    if not isinstance(quiet, Mapping) or set(quiet) != {"from", "until"}:
        issues.append(Issue("exactly from and until are needed", "quietHours"))
        return issues
    issues += [
        Issue("a time like 21:30 is needed", f"quietHours.{name}")
        for name in ("from", "until")
        if not isinstance(quiet[name], str) or not _CLOCK.match(quiet[name])
    ]
    if quiet["from"] == quiet["until"]:
        issues.append(Issue("quiet hours begin and end at different times", "quietHours"))
    return issues


def new_address(body: Mapping[str, Any], phone: Callable[[str], str | None]) -> tuple[str, str]:
    """(`phone` or `email`, the address), or Invalid."""
    if len(body) != 1 or next(iter(body)) not in ("phone", "email"):
        raise Invalid("exactly one of phone and email is needed", "body")
    ((kind, value),) = body.items()
    if kind == "email":
        if not is_email(value):
            raise Invalid("an e-mail address is needed", "email")
        return kind, value
    number = phone(value) if isinstance(value, str) else None
    if number is None:
        raise Invalid("a Moroccan mobile number is needed", "phone")
    return kind, number


def given_in_person(
    body: Mapping[str, Any], phone: Callable[[str], str | None]
) -> tuple[str, str, dict[str, str]]:
    """The new address as `new_address` has it, and the reason to journal; or Invalid.

    `document` is the identity document that the registrar saw.
    """
    address = {name: value for name, value in body.items() if name not in ("reason", "document")}
    if len(address) != 1 or not {"reason", "document"} <= set(body):
        raise Invalid("reason, document and exactly one of phone and email are needed", "body")
    reason, document = body["reason"], body["document"]
    if reason not in REASONS:
        raise Invalid(f"one of {', '.join(REASONS)} is needed", "reason")
    seen = " ".join(document.split()) if isinstance(document, str) else ""
    if not DOCUMENT_MIN <= len(seen) <= DOCUMENT_MAX:
        text = f"{DOCUMENT_MIN} to {DOCUMENT_MAX} characters are needed: its kind and number"
        raise Invalid(text, "document")
    return *new_address(address, phone), {"code": reason, "text": seen}


def moved(contact: Contact, address: str, value: str) -> Contact:
    """The contact with its new address."""
    if address == "phone":
        return replace(contact, phone=value)
    return replace(contact, email=value)


def former(contact: Contact, address: str) -> tuple[str, str]:
    """(phone, e-mail) that must hear of a change: what is replaced, else what was there before."""
    replaced = contact.phone if address == "phone" else contact.email
    if (address == "phone") == bool(replaced):
        return contact.phone or "", ""
    return "", contact.email or ""
