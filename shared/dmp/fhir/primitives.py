"""Checks of FHIR's primitive types: JSON kind, the official form, and real calendar days."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from dmp.fhir.definitions import ValueSet
from dmp.fhir.faults import Fault, Faults, Mention, Null, expected, listed

Check = Callable[[object], Faults | None]
MAX_STRING = 1024 * 1024
MAX_LISTED = 16

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPACE = re.compile(r"\s")
_HTML = (
    "a|abbr|audio|b|base|blockquote|body|br|button|center|code|div|em|embed|font|form|frame|h[1-6]"
    "|head|hr|html|i|iframe|img|input|label|li|link|math|meta|object|ol|option|p|pre|script|select"
    "|small|span|strong|style|sub|sup|svg|table|tbody|td|textarea|th|thead|title|tr|u|ul|video"
)
_MARKUP = re.compile(
    rf"<\s*script|<!--|<!doctype|</?(?:{_HTML})(?:\s[^<>]*)?/?>|<[^<>]*\son[a-z]+\s*=",
    re.IGNORECASE,
)
_ACTIVE = re.compile(
    r"<\s*/?\s*(?:script|iframe|object|embed|form|style|link|meta|base|svg|math)\b"
    r"|<[^>]*\bon[a-z]+\s*=|(?:javascript|vbscript)\s*:",
    re.IGNORECASE,
)
# UUIDs are written in either case; a fragment or version may follow either.
_URN = re.compile(
    r"urn:(?:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|oid:[0-2](?:\.(?:0|[1-9][0-9]*))+)"
    r"(?:[#|/].*)?",
    re.IGNORECASE,
)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_DAY = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_MONTH = r"[0-9]{4}(?:-(?:0[1-9]|1[0-2]))?"
# Each form with what is told to whoever breaks it.
_FORMS = {
    "code": (r"\S+(?:\s\S+)*", "a code without leading, trailing or double spaces"),
    "id": (r"[A-Za-z0-9\-.]{1,64}", "an id of 1 to 64 letters, digits, '-' and '.'"),
    "oid": (r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "urn:oid: and an OID"),
    "uuid": (
        r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "urn:uuid: and a UUID in lower case",
    ),
    "time": (_CLOCK, "a time hh:mm:ss"),
    "date": (f"{_MONTH}|{_DAY}", "a real date YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": (
        f"{_MONTH}|{_DAY}(?:T{_CLOCK}{_ZONE})?",
        "a real date YYYY, YYYY-MM or YYYY-MM-DD, or a date and time with seconds and zone",
    ),
    "instant": (f"{_DAY}T{_CLOCK}{_ZONE}", "a date and time with seconds and zone"),
}
_DATED = ("date", "dateTime", "instant")
_INTEGERS = {
    "integer": (-(2**31), "an integer of 32 bits"),
    "unsignedInt": (0, "an integer from 0 to 2147483647"),
    "positiveInt": (1, "an integer from 1 to 2147483647"),
}


def string(value: object) -> Faults | None:
    """A string or id: not empty, no control character, no markup, at most 1 MiB."""
    if value.__class__ is not str:
        return [Null("structure", "null is not a value")] if value is None else _kind(value)
    assert isinstance(value, str)
    if value and (value.isprintable() or not _CONTROL.search(value)):
        if "<" in value and _MARKUP.search(value):
            return [Fault("value", "what looks like an HTML tag is not allowed in a string")]
        return None if len(value) <= MAX_STRING else [Fault("too-long", "over 1 MiB")]
    return [Fault("value", "empty" if not value else "a control character was found")]


def _markdown(value: object) -> Faults | None:
    """A string that may have HTML as Markdown has it, but nothing active."""
    if value.__class__ is not str:
        return string(value)
    assert isinstance(value, str)
    if "<" in value or "script" in value:
        if _ACTIVE.search(value):
            return [Fault("value", "active HTML is not allowed in markdown")]
        value = value.replace("<", "")
    return string(value) if value else None


def uri(value: object) -> Faults | None:
    """A URI without spaces; of the right form if by UUID or OID."""
    if value.__class__ is not str:
        return [Null("structure", "null is not a value")] if value is None else _kind(value)
    assert isinstance(value, str)
    if value and ((value.isprintable() and " " not in value) or not _SPACE.search(value)):
        if value[0] == "#":
            return [Mention(value)]
        if value.startswith(("urn:uuid:", "urn:oid:")) and not _URN.fullmatch(value):
            return [Fault("value", "urn:uuid: is followed by a UUID, urn:oid: by an OID")]
        return None
    return [Fault("value", "empty" if not value else "a URI has no spaces")]


def absolute(value: object) -> Faults | None:
    """The uri of a system, which R4 wants absolute."""
    found = uri(value)
    if isinstance(value, str) and value and not _ABSOLUTE.match(value):
        return [Fault("value", "a system is an absolute URI")]
    return found


def _boolean(value: object) -> Faults | None:
    return None if value is True or value is False else _kind(value, "true or false")


def _decimal(value: object) -> Faults | None:
    if isinstance(value, int | Decimal | float) and value is not True and value is not False:
        return None
    return _kind(value, "a number")


def _base64(value: object) -> Faults | None:
    if value.__class__ is not str:
        return _kind(value)
    assert isinstance(value, str)
    try:
        packed = "".join(value.split()).encode("ascii")
        if binascii.a2b_base64(packed, strict_mode=True):
            return None
    except ValueError:
        pass
    return [Fault("value", "not base64")]


def _kind(value: object, what: str = "a string") -> Faults:
    if value is None:
        return [Null("structure", f"null was found, {what} is expected")]
    return [expected(value, what)]


def _form(name: str) -> Check:
    pattern, told = _FORMS[name]
    match = re.compile(pattern, re.ASCII).fullmatch
    dated = name in _DATED

    def check(value: object) -> Faults | None:
        if value.__class__ is not str:
            return _kind(value)
        assert isinstance(value, str)
        if match(value) and not (dated and not _is_day(value)):
            return None
        return [Fault("value", f"not of the form of its type, which is {told}")]

    return check


def _is_day(text: str) -> bool:
    """Whether a text of the right form names a day of the calendar (year 0 does not exist)."""
    if text[8:10] <= "28":
        return text[:4] != "0000"
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        return False
    return True


def _integer(name: str) -> Check:
    least, told = _INTEGERS[name]

    def check(value: object) -> Faults | None:
        if value.__class__ is not int:
            return _kind(value, told)
        assert isinstance(value, int)
        return None if least <= value < 2**31 else [Fault("value", f"not {told}")]

    return check


def bound_code(value_set: ValueSet) -> Check:
    """A code of a required binding."""
    accepted = frozenset[str]().union(*value_set.codes.values())
    told = f"the code is not in the value set {value_set.url}"
    if 0 < len(accepted) <= MAX_LISTED:
        told += f", which has {listed(sorted(accepted))}"
    match = re.compile(value_set.pattern, re.ASCII).fullmatch if value_set.pattern else None

    def check(value: object) -> Faults | None:
        if value.__class__ is not str:
            return _kind(value)
        assert isinstance(value, str)
        if value in accepted or (match and match(value)):
            return None
        return [Fault("code-invalid", told)]

    return check


_MADE: dict[str, Check] = {
    "string": string,
    "markdown": _markdown,
    "uri": uri,
    "url": uri,
    "canonical": uri,
    "boolean": _boolean,
    "decimal": _decimal,
    "base64Binary": _base64,
}


def check_of(name: str) -> Check | None:
    """The check of a primitive type, made at first use; None when the name is not one's."""
    if name not in _MADE:
        if name in _FORMS:
            _MADE[name] = _form(name)
        elif name in _INTEGERS:
            _MADE[name] = _integer(name)
    return _MADE.get(name)
