"""What the text of R4's Bundle says beyond its constraints: links, fullUrls, documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from dmp.fhir.definitions import resource_types
from dmp.fhir.faults import Fault, Faults, prefixed

Json = dict[str, Any]
# What a document need not bring along: other documents, and what extensions refer to.
_NOT_INCLUDED = frozenset({"contained", "extension", "modifierExtension", "relatesTo"})
_ONCE = frozenset({"self", "first", "last", "next", "prev", "previous"})


def bundle_faults(bundle: Json) -> Faults:
    """The faults of a Bundle whose parts are sound each for itself."""
    entries: list[Json] = bundle.get("entry", [])
    faults = _links(bundle.get("link", []))
    for at, entry in enumerate(entries):
        for name, text in _entry(entry, bundle.get("type")):
            fault = Fault("invariant", text)
            faults += prefixed(prefixed(prefixed([fault], name), at), "entry")
    if bundle.get("type") == "document" and not faults:
        faults += _document(entries)
    return faults


def _links(links: list[Json]) -> Faults:
    faults: Faults = []
    seen: set[str] = set()
    for at, link in enumerate(links):
        relation = link.get("relation", "")
        if relation in _ONCE and relation in seen:
            fault = Fault("invariant", "another link has this relation, which occurs once")
            faults += prefixed(prefixed(prefixed([fault], "relation"), at), "link")
        seen.add(relation)
    return faults


def _entry(entry: Json, kind: object) -> Iterator[tuple[str, str]]:
    """Element and text of what is wrong with one entry."""
    url, resource = entry.get("fullUrl"), entry.get("resource", {})
    if isinstance(url, str):
        if ":" not in url:
            yield "fullUrl", "a fullUrl is an absolute URI"
        elif "id" in resource and _disagrees(url, resource):
            yield "fullUrl", "a fullUrl ends with the resource's own type and id"
    if kind == "searchset" and resource:
        mode, told = entry.get("search", {}).get("mode"), "OperationOutcome"
        if mode == "outcome" and resource["resourceType"] != told:
            yield "resource", f"an outcome of a search is an {told}"
        outcome = mode == "outcome" or (mode is None and resource["resourceType"] == told)
        if not outcome and "id" not in resource:
            yield "resource", "what a search found has an id"


def _disagrees(url: str, resource: Json) -> bool:
    """Whether a RESTful address names another resource than the one it comes with."""
    *_, kind, name = ["", *url.split("/")]
    restful = url.startswith(("http:", "https:")) and kind in resource_types()
    return restful and (kind, name) != (resource["resourceType"], resource["id"])


def _document(entries: list[Json]) -> Faults:
    """What a Composition refers to is in its document, once."""
    places = Counter(_addresses(entries))
    first = entries[0]
    base = _base_of(first.get("fullUrl", ""), first["resource"])
    faults: Faults = []
    for path, text in _references(first["resource"], ("resource", 0, "entry")):
        if text.startswith("#"):
            continue
        found = places[text if ":" in text else base + text]
        if found != 1:
            told = "several entries are" if found else "no entry is"
            fault = Fault("not-found", f"{told} what the Composition refers to")
            fault.parts = ["reference", *path]
            faults.append(fault)
    return faults


def _addresses(entries: list[Json]) -> Iterator[str]:
    """Every address at which each entry is found; as of a version, too."""
    for entry in entries:
        url = entry.get("fullUrl")
        if isinstance(url, str):
            yield url
            version = entry.get("resource", {}).get("meta", {}).get("versionId")
            if version is not None:
                yield f"{url}/_history/{version}"


def _base_of(url: str, resource: Json) -> str:
    """What relative references of an entry are relative to; empty under a urn."""
    own = f"{resource['resourceType']}/{resource.get('id')}"
    return url.removesuffix(own) if url.endswith("/" + own) else ""


def _references(
    value: Json, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every literal reference with its path, innermost first."""
    for key, item in value.items():
        if key in _NOT_INCLUDED:
            continue
        for at, one in enumerate(item) if isinstance(item, list) else [(None, item)]:
            if isinstance(one, dict):
                inner = (key, *path) if at is None else (at, key, *path)
                if isinstance(one.get("reference"), str):
                    yield inner, one["reference"]
                yield from _references(one, inner)
