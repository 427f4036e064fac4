"""From a national identifier to the record behind it: one MAC, one consistent GetItem."""

from __future__ import annotations

from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.registry import found
from dmp.adapters.dynamodb.tables import IdentifierItem
from dmp.adapters.macs import Macs

LOOKUPS_MAX = 60
HOUR_S = 3600


class Identifiers:
    """Implements the port of `patient_lookup` over the registry's `identifier#` rows."""

    def __init__(self, macs: Macs, registry: str) -> None:
        self._macs = macs
        self._rates = Rates(dynamodb(), registry)
        bind(IdentifierItem, registry)

    def patient(self, system: str, value: str) -> str | None:
        """The pseudonym, or None when the person has no record."""
        mac = self._macs.identifier(system, value)
        item = found(IdentifierItem, f"identifier#{mac}")
        return item.patient if item else None

    def spend(self, who: str, now: int) -> None:
        """One of the 60 look-ups an hour that each practitioner has; TooMany beyond."""
        self._rates.spend(f"lookup#{who}", LOOKUPS_MAX, HOUR_S, now)
