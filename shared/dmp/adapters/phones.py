"""Telephone numbers of Morocco, by libphonenumber: its ranges move, and are not ours to list."""

from __future__ import annotations


def mobile(text: str) -> str | None:
    """The number in E.164 when it is a Moroccan mobile, however it was typed; else None.

    Land lines take no SMS, and numbers abroad cost and are abused: neither is accepted.
    """
    import phonenumbers  # noqa: PLC0415  # a tenth of a cold start, and most requests need none

    try:
        number = phonenumbers.parse(text, "MA")
    except phonenumbers.NumberParseException:
        return None
    if phonenumbers.region_code_for_number(number) != "MA":
        return None
    kinds = phonenumbers.PhoneNumberType
    if phonenumbers.number_type(number) not in (kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
