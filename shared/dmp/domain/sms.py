"""What an SMS can hold: the GSM 03.38 alphabet, the parts a text takes, names made to fit.

One part holds 160 characters of the alphabet, or 70 UTF-16 units of any script (153 and 67 each
when there are several). The alphabet has é, è, à and ù but not ê, ç or ï: one of those in a name
would more than double the message.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Typographic quotes and dashes, oe, no-break space.
_SPELT = str.maketrans(
    {"\u2019": "'", "\u2018": "'", "\u2013": "-", "\u2014": "-", "\u0153": "oe", "\xa0": " "}
)
_GSM_PART, _GSM_PARTS = 160, 153
_UCS_PART, _UCS_PARTS = 70, 67
_NAME_MIN = 6


def parts(text: str) -> int:
    """How many parts the text is sent in; `€`, `[` and their like count as another script."""
    length, one, several = len(text), _GSM_PART, _GSM_PARTS
    if not GSM.issuperset(text):
        length, one, several = len(text.encode("utf-16-be")) // 2, _UCS_PART, _UCS_PARTS
    return 1 if length <= one else -(-length // several)


def plain(name: str) -> str:
    """The name within the GSM alphabet: accents go where they must, other scripts are left out."""
    kept = []
    for character in unicodedata.normalize("NFC", name).translate(_SPELT):
        if character in GSM:
            kept.append(character)
        else:
            base = unicodedata.normalize("NFKD", character)
            kept.extend(c for c in base if c in GSM)
    text = " ".join("".join(kept).split())
    return text if any(c.isalpha() for c in text) else ""


def shortened(
    names: tuple[str, str], spell: Callable[[str, str], str], parts_max: int, mark: str
) -> tuple[str, str]:
    """Two names, the longer cut first, until what `spell` makes of them fits in `parts_max`.

    `mark` ends a name that was cut. Below six characters a name is not cut further.
    """
    first, second = names
    lengths = [len(first), len(second)]

    def cut(name: str, length: int) -> str:
        return name if length >= len(name) else name[: length - 1].rstrip(" ,.-'") + mark

    while parts(spell(cut(first, lengths[0]), cut(second, lengths[1]))) > parts_max:
        longer = 0 if lengths[0] >= lengths[1] else 1
        if lengths[longer] <= _NAME_MIN:
            break
        lengths[longer] -= 1
    return cut(first, lengths[0]), cut(second, lengths[1])
