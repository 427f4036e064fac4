"""What a person types to say who they are: a CIN or an IDCS number, in one field."""

from __future__ import annotations

import re
import unicodedata

from dmp.domain.identifiers import CIN, IDCS, canonical

_CIN = re.compile(r"[A-Z]{1,2}[0-9]{1,7}\Z")
_IDCS = re.compile(r"[0-9]{10}\Z")
_TYPED_MAX = 40
_MARKS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"


def identifier_typed(text: str) -> tuple[str, str] | None:
    """System and value, whatever spaces, cases and digits it was typed with; None for neither."""
    if len(text) > _TYPED_MAX:
        return None
    kept = "".join(c for c in unicodedata.normalize("NFKC", text) if c not in _MARKS)
    digits = (unicodedata.decimal(c, None) for c in kept)
    value = canonical("".join(
        c if digit is None else str(digit) for c, digit in zip(kept, digits, strict=True)
    ))  # fmt: skip
    if _CIN.match(value):
        return CIN, value
    return (IDCS, value) if _IDCS.match(value) else None
