"""One record in memory behind the real use cases: what is written to it is decided and dropped."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from dmp.domain.identifiers import base32hex, commit_id
from dmp.domain.record import Version
from dmp.edge.writes import fhirpath_patch
from dmp.fhir import compartment, json_reader
from dmp.fhir.references import rewrite
from dmp.fhir.validator import validate
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.bundles import Bundles
from dmp.use_cases.commit import Committer
from dmp.use_cases.ports import Door
from dmp.use_cases.written import Request
from tests.fhir import examples
from tests.shelf import BASE, DOCTOR, NOW, PID, Shelf, Still, standing_of, version_of

Json = dict[str, Any]
AUTHOR = "100000009"  # as version_of has it
WRITER = replace(DOCTOR, scopes=("system/*.cruds",), prefix="cli", organization=AUTHOR)
REQUEST = Request(WRITER, "r", "q")
BYTES_MAX = 6000
_SUBJECT = re.compile(r'"Patient/[A-Za-z0-9\-.]+"')
_STRAY = re.compile(r'("reference": ?")([A-Z][A-Za-z]+/)')


def own(text: str) -> str:
    """The text with every patient that it refers to being the record's."""
    return _SUBJECT.sub(f'"Patient/{PID}"', text)


@cache
def resources() -> tuple[Json, ...]:
    """Small official examples, one or two of each type that a record holds, as its own."""
    found: dict[str, list[Json]] = {}
    for path in examples.files("hl7-r4-examples"):
        if path.stat().st_size > BYTES_MAX:
            continue
        resource = json_reader.read_object(own(path.read_text("utf-8")).encode())
        kind = resource["resourceType"]
        if kind in compartment.served() and len(found.setdefault(kind, [])) < 2:
            found[kind].append(resource)
    kept = [r for two in found.values() for r in two]
    ids = [PID if r["resourceType"] == "Patient" else _id(n) for n, r in enumerate(kept)]
    names = {f"{r['resourceType']}/{r['id']}": own for r, own in zip(kept, ids, strict=True)}
    mapping = {old: f"{old.partition('/')[0]}/{own}" for old, own in names.items()}
    linked = [rewrite({**r, "id": own}, mapping) for r, own in zip(kept, ids, strict=True)]
    return tuple(json_reader.read_object(_abroad(r)) for r in linked)


def _id(number: int) -> str:
    return f"{PID}.{commit_id(NOW - 60_000, number)}.{base32hex(number, 4)}"


def _abroad(resource: Json) -> bytes:
    """References that the record does not hold lead to another server."""
    text = json_reader.write(resource).decode()
    held = re.compile(rf'("reference":")https://x\.test/([A-Za-z]+/{PID})')
    return held.sub(r"\1\2", _STRAY.sub(r"\1https://x.test/\2", text)).encode()


@dataclass
class Desk(Shelf):
    """A shelf that can be written to: nothing stays, so that every input meets the same record."""

    def enter(self, _: object, __: object, wanted: Sequence[Any] = (), *___: object) -> Door:
        kept = {v.commit: [v] for v in self.versions}
        named = {name.commit for _, name in wanted}
        found = {commit: kept[commit] for commit in named & kept.keys()}
        rows = {key: {"active": True} for key in WRITER.registry_keys()[:-1]}
        door = super().enter()
        return replace(door, commits=found, rows={**door.rows, **rows})

    def versions_of(self, commits: Container[str]) -> dict[str, list[Version]]:
        return {v.commit: [v] for v in self.versions if v.commit in commits}

    def commit(self, _: Door, write: Any) -> None:
        for version in write.versions:
            assert version.deleted or json_reader.reread(version.body)

    def used(self, *_: object) -> None:
        return None

    def swaps(self, _: Door, keys: Sequence[str]) -> Mapping[str, str]:
        return dict.fromkeys(keys, "")

    def references(self, criteria: Sequence[str]) -> Mapping[str, str]:
        return {text: f"{text.partition('?')[0]}/1" for text in criteria}


class _Records:
    """The desk as the committer knows it: there `versions` asks, on a shelf it holds."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._desk, name)

    def identifier(self, system: str, value: str) -> str:
        return f"{system}|{value}"

    def persons(self, _: Container[str]) -> dict[str, str]:
        return {}

    def versions(self, _: Door, commits: Container[str]) -> dict[str, list[Version]]:
        return self._desk.versions_of(commits)


@cache
def desk() -> Desk:
    """The record."""
    versions = [version_of(r, r["id"].split(".")[1]) for r in resources() if "." in r["id"]]
    return Desk(versions, standing_of([]))


@cache
def bundles() -> Bundles:
    """`POST /fhir` on the record."""
    records: Any = _Records(desk())
    committer = Committer(records, records, Still(), records)
    queries = AccessQueries(records, desk(), Still(), BASE)  # type: ignore[arg-type]
    return Bundles(committer, queries, Still(), fhirpath_patch)


@cache
def faultless() -> tuple[Json, ...]:
    """A few of those resources that a client could have sent."""
    kinds = ("Patient", "Observation", "MedicationRequest", "Consent", "Composition")
    return tuple(r for r in resources() if r["resourceType"] in kinds and not validate(r))
