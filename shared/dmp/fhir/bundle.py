"""Bundles: transactions and batches taken apart, answers put together.

Answers are spliced from bodies that are JSON already; nothing is parsed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from dmp.domain.refusals import Invalid, Issue
from dmp.fhir.definitions import resource_types, value_set
from dmp.fhir.faults import MAX_ISSUES, listed
from dmp.fhir.references import conditional_references, rewrite, unresolved

__all__ = [
    "Answer", "Entry", "Version", "collection", "conditional_references", "entries_of", "history",
    "names_of", "rewrite", "searchset", "shell", "transaction_response", "unresolved",
]  # fmt: skip

_KINDS = ("batch", "transaction")
_VERBS = "http://hl7.org/fhir/ValueSet/http-verb"
_TEXTS = ("ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a transaction or batch; `url` is relative to the FHIR base."""

    index: int
    full_url: str | None
    method: str
    url: str
    resource: dict[str, Any] | None
    if_none_exist: str | None
    if_match: str | None
    if_none_match: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one entry; `resource` and `outcome` are JSON."""

    status: str
    location: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    resource: bytes | None = None
    outcome: bytes | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version in a history; `body` is None for a deletion."""

    full_url: str
    body: bytes | None
    method: str
    url: str
    status: str
    etag: str
    last_modified: str


def entries_of(bundle: Mapping[str, Any]) -> list[Entry]:
    """The requests of a transaction or batch, in the order they came.

    Raises Invalid with an issue for each fault of form: the bundle's type, a request missing or
    of the wrong shape for its method, a fullUrl twice, one resource changed twice.
    """
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in _KINDS:
        text = "a Bundle of type transaction or batch is expected"
        raise Invalid([Issue(text, "Bundle.type", "value")])
    raw = bundle.get("entry", [])
    if not isinstance(raw, list):
        raise Invalid([Issue("an array is expected", "Bundle.entry", "structure")])
    issues = [issue for at, item in enumerate(raw) for issue in _entry_faults(item, at)]
    if not issues:
        entries = [_entry(item, at) for at, item in enumerate(raw)]
        issues = list(_repetitions(entries, atomic=bundle["type"] == "transaction"))
        if not issues:
            return entries
    raise Invalid(issues[:MAX_ISSUES])


def shell(bundle: Mapping[str, Any]) -> dict[str, Any]:
    """The Bundle without its resources, which are checked as what they are changed to be."""
    bare = [{k: v for k, v in entry.items() if k != "resource"} for entry in bundle["entry"]]
    return {**bundle, "entry": bare}


def names_of(entry: Entry) -> list[str]:
    """The references by which other entries may mean what this one creates.

    Its fullUrl and, when that is a RESTful address, the relative `Type/id` at its end.
    """
    if entry.full_url is None:
        return []
    names = [entry.full_url]
    parts = entry.full_url.split("/")
    if len(parts) > 2 and parts[-2] in resource_types():
        names.append("/".join(parts[-2:]))
    return names


def searchset(
    entries: Sequence[tuple[str, bytes, str]],
    *,
    total: int | None,
    links: Sequence[tuple[str, str]],
    last_updated: str,
    outcome: bytes | None = None,
) -> bytes:
    """A searchset of (fullUrl, resource, search mode); `links` are (relation, url)."""
    parts = [
        b'{"fullUrl":%b,"resource":%b,"search":{"mode":%b}}' % (_text(url), body, _text(mode))
        for url, body, mode in entries
    ]
    if outcome is not None:
        parts.append(b'{"resource":%b,"search":{"mode":"outcome"}}' % outcome)
    return _bundle("searchset", parts, total=total, links=links, last_updated=last_updated)


def collection(
    entries: Sequence[tuple[str, bytes]], *, links: Sequence[tuple[str, str]], last_updated: str
) -> bytes:
    """A collection of (fullUrl, resource)."""
    parts = [b'{"fullUrl":%b,"resource":%b}' % (_text(url), body) for url, body in entries]
    return _bundle("collection", parts, total=None, links=links, last_updated=last_updated)


def transaction_response(kind: str, answers: Sequence[Answer], *, last_updated: str) -> bytes:
    """The answer to a bundle of type `kind` (transaction or batch), entry for entry."""
    parts = []
    for answer in answers:
        response = {
            "status": answer.status,
            "location": answer.location,
            "etag": answer.etag,
            "lastModified": answer.last_modified,
            "outcome": orjson.Fragment(answer.outcome) if answer.outcome else None,
        }
        entry = {
            "resource": orjson.Fragment(answer.resource) if answer.resource else None,
            "response": _present(response),
        }
        parts.append(orjson.dumps(_present(entry)))
    return _bundle(f"{kind}-response", parts, total=None, links=(), last_updated=last_updated)


def history(
    versions: Sequence[Version],
    *,
    total: int | None,
    links: Sequence[tuple[str, str]],
    last_updated: str,
) -> bytes:
    """A history Bundle, newest version first as given."""
    parts = []
    for version in versions:
        entry = {
            "fullUrl": version.full_url,
            "resource": orjson.Fragment(version.body) if version.body else None,
            "request": {"method": version.method, "url": version.url},
            "response": {
                "status": version.status,
                "etag": version.etag,
                "lastModified": version.last_modified,
            },
        }
        parts.append(orjson.dumps(_present(entry)))
    return _bundle("history", parts, total=total, links=links, last_updated=last_updated)


def _bundle(
    kind: str,
    entries: Sequence[bytes],
    *,
    total: int | None,
    links: Sequence[tuple[str, str]],
    last_updated: str,
) -> bytes:
    head: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": last_updated},
        "type": kind,
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links] or None,
    }
    opened = orjson.dumps(_present(head))[:-1]
    if not entries:
        return opened + b"}"
    return b"".join((opened, b',"entry":[', b",".join(entries), b"]}"))


def _present(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _text(value: str) -> bytes:
    return orjson.dumps(value)


def _entry(item: Mapping[str, Any], index: int) -> Entry:
    request = item["request"]
    return Entry(
        index=index,
        full_url=item.get("fullUrl"),
        method=request["method"],
        url=request["url"].removeprefix("/"),
        resource=item.get("resource"),
        if_none_exist=request.get("ifNoneExist"),
        if_match=request.get("ifMatch"),
        if_none_match=request.get("ifNoneMatch"),
    )


def _entry_faults(item: object, index: int) -> Iterator[Issue]:
    path = f"Bundle.entry[{index}]"
    if not isinstance(item, dict):
        yield Issue("an object is expected", path, "structure")
        return
    full_url = item.get("fullUrl")
    if full_url is not None and not _is_absolute(full_url):
        yield Issue("a fullUrl is an absolute URI", f"{path}.fullUrl", "value")
    request = item.get("request")
    if not isinstance(request, dict):
        yield Issue("each entry must have a request", f"{path}.request", "required")
        return
    for name in _TEXTS:
        if name in request and not isinstance(request[name], str):
            yield Issue("a string is expected", f"{path}.request.{name}", "structure")
    yield from _request_faults(request, item.get("resource"), path)


def _is_absolute(url: object) -> bool:
    return isinstance(url, str) and url.startswith(("urn:uuid:", "urn:oid:", "http://", "https://"))


def _request_faults(request: Mapping[str, Any], resource: object, path: str) -> Iterator[Issue]:
    method, url = request.get("method"), request.get("url")
    verbs = value_set(_VERBS)
    accepted = sorted(frozenset[str]().union(*verbs.codes.values())) if verbs else []
    if method not in accepted:
        yield Issue(f"must be {listed(accepted)}", f"{path}.request.method", "code-invalid")
        return
    url = url.removeprefix("/") if isinstance(url, str) else ""  # as @medplum/core writes it
    if not url or url.startswith(("/", "http:", "https:")):
        yield Issue("a URL relative to the FHIR base is expected", f"{path}.request.url", "value")
        return
    if method in ("POST", "PUT", "PATCH"):
        if not isinstance(resource, dict):
            yield Issue(f"{method} needs a resource", f"{path}.resource", "required")
        elif method != "PATCH":
            yield from _target_faults(method, url, resource, path)
    elif resource is not None:
        yield Issue(f"{method} carries no resource", f"{path}.resource", "structure")


def _target_faults(
    method: str, url: str, resource: Mapping[str, Any], path: str
) -> Iterator[Issue]:
    """POST names the resource's type; PUT its type and id, or its type and criteria."""
    kind, _, own = url.partition("?")[0].partition("/")
    if kind != resource.get("resourceType"):
        text = "the url's type and the resource's must be the same"
        yield Issue(text, f"{path}.request.url", "value")
    elif method == "PUT" and own and own != resource.get("id"):
        text = "the resource's id must be the one in request.url"
        yield Issue(text, f"{path}.resource.id", "value")
    elif method == "PUT" and not own and "?" not in url:
        yield Issue("PUT needs an id or criteria", f"{path}.request.url", "value")
    elif method == "POST" and (own or "?" in url):
        yield Issue("POST names a type alone", f"{path}.request.url", "value")


def _repetitions(entries: Sequence[Entry], *, atomic: bool) -> Iterator[Issue]:
    """A fullUrl used twice (bdl-7); in a transaction, one resource changed twice."""
    urls: set[str] = set()
    targets: set[str] = set()
    for entry in entries:
        path = f"Bundle.entry[{entry.index}]"
        if entry.full_url in urls:
            yield Issue("another entry has this fullUrl (bdl-7)", f"{path}.fullUrl", "invariant")
        if entry.full_url is not None:
            urls.add(entry.full_url)
        if atomic and entry.method in ("PUT", "PATCH", "DELETE"):
            if entry.url in targets:
                text = "another entry changes the same resource"
                yield Issue(text, f"{path}.request.url", "business-rule")
            targets.add(entry.url)
