"""How a patient wants to be told: what a request may say, and what an answer shows of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from dmp.domain.activation import is_email
from dmp.domain.contact import CHANNELS, LANGUAGES, Channel, Contact, Language
from dmp.domain.refusals import Invalid, Issue

_MEMBERS = ("language", "channel", "rhythm")
NO_GRANT_S = 24 * 3600  # after a change of address no new grant is made for a day


def shown(contact: Contact) -> dict[str, str]:
    """The preferences; addresses are recognisable to their owner alone."""
    view: dict[str, str] = {
        "language": contact.language,
        "channel": contact.channel,
        "rhythm": contact.rhythm,
    }
    if contact.phone:
        view["phone"] = f"{contact.phone[:5]}••••••{contact.phone[-2:]}"
    if contact.email:
        name, _, domain = contact.email.partition("@")
        view["email"] = f"{name[:1]}•••@{domain}"
    return view


def preferred(contact: Contact, body: Mapping[str, Any]) -> Contact:
    """The contact with the preferences of the body, or Invalid with every fault."""
    issues = []
    if set(body) != set(_MEMBERS):
        issues.append(Issue(f"exactly {', '.join(_MEMBERS)} are needed", "body"))
    if body.get("language") not in LANGUAGES:
        issues.append(Issue(f"one of {', '.join(LANGUAGES)} is needed", "language"))
    if body.get("channel") not in CHANNELS:
        issues.append(Issue(f"one of {', '.join(CHANNELS)} is needed", "channel"))
    elif not (contact.phone if body["channel"] == "sms" else contact.email):
        issues.append(Issue("no address is known for it; give one at /contact first", "channel"))
    if body.get("rhythm") == "daily":
        issues.append(Issue("a daily digest is not offered yet; only each", "rhythm"))
    elif body.get("rhythm") != "each":
        issues.append(Issue("each is needed", "rhythm"))
    if issues:
        raise Invalid(issues, errors=[{"field": i.expression, "detail": i.text} for i in issues])
    language, channel = cast("Language", body["language"]), cast("Channel", body["channel"])
    return replace(contact, language=language, channel=channel, rhythm="each")


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
