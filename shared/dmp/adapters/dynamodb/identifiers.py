"""From a national identifier to the record behind it: one MAC, one consistent GetItem."""

from __future__ import annotations

from botocore.exceptions import BotoCoreError, ClientError

from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.conflicts import available
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.tables import IdentifierItem
from dmp.adapters.macs import Macs
from dmp.domain.refusals import Unavailable

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
        try:
            mac = self._macs.identifier(system, value)
        except (ClientError, BotoCoreError):
            raise Unavailable("kms") from None
        found = available(
            lambda: list(IdentifierItem.query(f"identifier#{mac}", consistent_read=True))
        )
        return found[0].patient if found else None

    def spend(self, who: str, now: int) -> None:
        """One of the 60 look-ups an hour that each practitioner has; TooMany beyond."""
        self._rates.spend(f"lookup#{who}", LOOKUPS_MAX, HOUR_S, now)
