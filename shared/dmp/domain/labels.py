"""Security labels: what an item's codes mean to a permit, and to a deny.

HL7 v3 Confidentiality (U L M N R V) and the information-sensitivity codes of v3 ActCode. A label
only ever restricts, so an item's own label is read narrowly by permits and widely by denies.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

_ORDINARY = frozenset({"U", "L", "M"})
LEVELS = _ORDINARY | {"N", "R", "V"}
SENSITIVE = frozenset(
    {"BH", "COGN", "DVD", "EMOTDIS", "ETH", "ETHUD", "GDIS", "HIV", "MH", "MST", "OPIOIDUD",
     "PREGNANT", "PSY", "PSYTHPN", "SCA", "SDV", "SEX", "SICKLE", "SPI", "STD", "SUD", "TBOO",
     "VIO"}
)  # fmt: skip
# What a code is within, by the hierarchy of v3 ActCode; SUD and the older ETH are one subject.
_WITHIN = {
    "COGN": ("BH",), "DVD": ("BH",), "EMOTDIS": ("BH",), "MH": ("BH",), "PSY": ("MH", "BH"),
    "PSYTHPN": ("PSY", "MH", "BH"), "SUD": ("ETH", "BH"), "ETH": ("SUD", "BH"),
    "ETHUD": ("SUD", "ETH", "BH"), "OPIOIDUD": ("SUD", "ETH", "BH"), "HIV": ("STD",),
    "SDV": ("VIO",), "MST": ("SDV", "VIO"), "STD": ("SEX",), "PREGNANT": ("SEX",),
}  # fmt: skip


def is_normal(labels: Iterable[str]) -> bool:
    """Whether nothing marks it as more than normally confidential."""
    return _level(frozenset(labels)) == "N"


@lru_cache(maxsize=1024)
def for_permit(labels: tuple[str, ...]) -> frozenset[str]:
    """The labels by which a permit may reach an item: its own, and its one true level.

    What is not marked is N, as in HL7; what bears a sensitivity label is R, whatever else it says.
    """
    own = frozenset(labels)
    level = _level(own)
    return own - (LEVELS if level != "N" else frozenset()) | {level}


@lru_cache(maxsize=1024)
def for_deny(labels: tuple[str, ...]) -> frozenset[str]:
    """The labels by which a deny reaches it: its own, what they are within, and its level."""
    own = frozenset(labels)
    wider = {broad for code in own for broad in _WITHIN.get(code, ())}
    level = _level(own)
    return own | wider | ({"V", "R"} if level == "V" else {level})


def _level(labels: frozenset[str]) -> str:
    if "V" in labels:
        return "V"
    return "R" if "R" in labels or not labels.isdisjoint(SENSITIVE) else "N"
