"""`Composition/{id}/$document`: a composition with what it refers to, as one Bundle to keep.

Whoever asks is given what they may see: a hidden target is left out as one that is nowhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence

from dmp.domain.instants import instant
from dmp.domain.record import State, Version
from dmp.domain.refusals import BadParameter, Gone, TooLarge
from dmp.fhir import json_reader
from dmp.fhir.document import brought, document
from dmp.use_cases.access_queries import Request, named
from dmp.use_cases.gate import Ask, Gate, Reading, Visit
from dmp.use_cases.ports import Clock, Records
from dmp.use_cases.restrictions import within
from dmp.use_cases.searches import absent

TYPE = "Composition"
BYTES_MAX = 5 * 1024 * 1024  # a document has no pages, and the gateway carries 6 MB


class Documents:
    """Makes documents; keeps none."""

    def __init__(self, records: Records, clock: Clock, base: str) -> None:
        self._records = records
        self._clock = clock
        self._base = base
        self._gate = Gate(records, clock)

    def document(self, request: Request, text: str, parameters: Sequence[tuple[str, str]]) -> bytes:
        """The document of one composition as it stands.

        404 when it is absent or hidden, 410 when deleted, 413 when the answer would not be carried.
        """
        name = named(request.caller, TYPE, text, "read")
        _require_unkept(parameters)

        def work(visit: Visit) -> Reading[bytes]:
            state = self._records.state(visit.door)
            composition = state.current.get((TYPE, name.text))
            if composition is None or not (
                visit.sees(composition.item) and within(visit.ask.caller, "r", composition)
            ):
                return Reading(absent())
            if composition.deleted:
                return Reading(Gone("the resource was deleted", "id"))
            return self._made(visit, [composition, *self._along(visit, state, composition)], state)

        ask = Ask(request.caller, name.patient, "read", "operation", request.query, request.request)
        return self._gate.read(ask, work)

    def _made(self, visit: Visit, versions: Sequence[Version], state: State) -> Reading[bytes]:
        body = document(
            [(f"{self._base}/{v.type}/{v.id}", v.body) for v in versions],
            identifier=uuid.UUID(int=self._clock.random_bits(128), version=4).urn,
            made=instant(visit.now_ms),
        )
        if len(body) > BYTES_MAX:
            return Reading(TooLarge(f"the document is over {BYTES_MAX} bytes: read what it names"))
        return Reading(body, [v.name for v in versions], state.newest)

    def _along(self, visit: Visit, state: State, composition: Version) -> Iterator[Version]:
        """What the composition refers to, each once, as far as the caller may know of it."""
        caller, taken = visit.ask.caller, {(composition.type, composition.id)}
        for text in brought(json_reader.reread(composition.body)):
            local, _, number = text.removeprefix(f"{self._base}/").partition("/_history/")
            kind, _, own = local.partition("/")
            found = state.current.get((kind, own))
            if found is None or found.deleted or number not in ("", str(found.version)):
                continue
            known = visit.sees(found.item) and within(caller, "r", found)
            if known and (kind, own) not in taken:
                taken.add((kind, own))
                yield found


def _require_unkept(parameters: Sequence[tuple[str, str]]) -> None:
    """400 for what a document is asked beyond `persist=false`."""
    if len(parameters) > 1 or any(name != "persist" for name, _ in parameters):
        other = next((name for name, _ in parameters if name != "persist"), "persist")
        raise BadParameter("$document takes persist, once", other)
    if any(value != "false" for _, value in parameters):
        text = "documents are made and not kept: persist can only be false"
        raise BadParameter(text, "persist")
