"""`GET /fhir/Patient?identifier=`: the id behind a national identifier, and no more.

Any live practitioner may ask, since without the id there is nothing to ask a patient's consent
for; 60 times an hour, and the patient's journal tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dmp.domain.identifiers import NATIONAL
from dmp.domain.instants import instant
from dmp.domain.refusals import BadParameter, Forbidden
from dmp.fhir import bundle, json_reader
from dmp.use_cases.access_queries import Request
from dmp.use_cases.gate import Ask, Gate
from dmp.use_cases.ports import Clock, Door, Records

RULE = "identifier-lookup"


class IdentifierIndex(Protocol):
    """National identifiers, reached by keyed hashes alone."""

    def patient(self, system: str, value: str) -> str | None:
        """The pseudonym, or None when the person has no record."""

    def spend(self, who: str, now: int) -> None:
        """TooMany when the practitioner has asked too often."""


class PatientLookup:
    """Finds a pseudonym; journalled in the record it finds, before it is told."""

    def __init__(
        self, records: Records, identifiers: IdentifierIndex, clock: Clock, base: str
    ) -> None:
        self._records = records
        self._identifiers = identifiers
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)

    def find(self, request: Request, parameters: Sequence[tuple[str, str]]) -> bytes:
        """A searchset of no or one Patient that has an id and nothing else."""
        caller = request.caller
        if caller.kind != "practitioner":
            raise Forbidden("only a practitioner finds a patient by identifier")
        if caller.confined:
            raise Forbidden("the app was let in to one record: it finds no other")
        caller.require_scope("Patient", "search")
        system, value = _asked(parameters)
        now_ms = self._clock.now_ms()
        self._identifiers.spend(f"{caller.practitioner}", now_ms // 1000)
        patient = self._identifiers.patient(system, value)
        # without a record the caller must be live all the same; no record has this pseudonym
        door = self._records.enter(patient or "0" * 20, caller)
        rows = door.rows if isinstance(door, Door) else door
        caller.require_live(rows, now_ms // 1000, instant(now_ms)[:10])
        entries: list[tuple[str, bytes, str]] = []
        if patient and isinstance(door, Door) and door.active:
            ask = Ask(caller, patient, "read", "search", "Patient?identifier", request.request)
            self._gate.note(ask, door, RULE, now_ms)
            body = json_reader.write({"resourceType": "Patient", "id": patient})
            entries.append((f"{self._base}/Patient/{patient}", body, "match"))
        links = [("self", f"{self._base}/Patient")]
        return bundle.searchset(
            entries, total=len(entries), links=links, last_updated=instant(now_ms)
        )


def _asked(parameters: Sequence[tuple[str, str]]) -> tuple[str, str]:
    if len(parameters) != 1:
        raise BadParameter("identifier is the only parameter, and given once", "identifier")
    system, bar, value = parameters[0][1].partition("|")
    if not bar or system not in NATIONAL or not value:
        raise BadParameter(f"system|value, of {', '.join(sorted(NATIONAL))}", "identifier")
    return system, value.strip().upper()
