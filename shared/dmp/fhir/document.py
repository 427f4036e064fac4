"""FHIR documents: what a Composition brings along, and the Bundle that holds them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

Json = Mapping[str, Any]
# R4, section 3.3: "the resources that the Composition refers to"; section.section likewise.
_ROOT = ("subject", "encounter", "author", "attester.party", "custodian", "event.detail")
_SECTION = ("author", "focus", "entry")


def brought(composition: Json) -> list[str]:
    """Each reference of the composition whose target belongs in its document, once, in order.

    As written: relative, absolute, by version or contained.
    """
    found = [text for path in _ROOT for text in _references(composition, path.split("."))]
    found += _of_sections(composition)
    return list(dict.fromkeys(found))


def document(entries: Sequence[tuple[str, bytes]], *, identifier: str, made: str) -> bytes:
    """A Bundle of type document of (fullUrl, resource), the composition first.

    `identifier` is a urn, `made` the instant at which the document was put together.
    """
    head = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": made},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": identifier},
        "type": "document",
        "timestamp": made,
        "entry": [{"fullUrl": url, "resource": orjson.Fragment(body)} for url, body in entries],
    }
    return orjson.dumps(head)


def _of_sections(holder: Json) -> Iterator[str]:
    for section in _objects(holder.get("section")):
        for path in _SECTION:
            yield from _references(section, [path])
        yield from _of_sections(section)


def _references(value: Json, path: Sequence[str]) -> Iterator[str]:
    for one in _objects(value.get(path[0])):
        if len(path) > 1:
            yield from _references(one, path[1:])
        elif isinstance(one.get("reference"), str):
            yield one["reference"]


def _objects(value: object) -> Iterator[Json]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict):
            yield one
