"""HTTP headers of reads to what the use cases take, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from dmp.domain.identifiers import commit_millis
from dmp.domain.instants import http_date
from dmp.domain.record import Version
from dmp.domain.refusals import NotFound
from dmp.edge.http import Answer, Request
from dmp.edge.request_line import told_as
from dmp.use_cases import access_queries


def read_of(request: Request) -> access_queries.Request:
    """Who reads, and how the journal tells it."""
    return access_queries.Request(
        request.authenticated(), request.request_id, told_as(request), _lenient(request)
    )


def named(request: Request) -> tuple[str, str]:
    """The type and the id in the path."""
    return request.parameters["type"], request.parameters["id"]


Operation = Callable[[access_queries.Request, str, list[tuple[str, str]]], bytes]


def operated(
    own: Mapping[str, Operation], queries: access_queries.AccessQueries, request: Request
) -> bytes:
    """What an operation answers; `own` are those of one resource, by `Type/$name`."""
    kind, name = request.parameters["type"], request.parameters["id"]
    operation = request.parameters.get("operation")
    if operation is None:
        if (kind, name) == ("Observation", "$lastn"):
            return queries.lastn(read_of(request), request.query)
        raise NotFound("no such operation is served on a type", "id")
    if answer := own.get(f"{kind}/{operation}"):
        return answer(read_of(request), name, request.query)
    if operation == "$meta":
        return queries.meta(read_of(request), kind, name)
    if operation in ("$meta-add", "$meta-delete"):
        raise NotFound("tags and labels change with their resource, by PUT or PATCH", "operation")
    raise NotFound("no such operation is served", "operation")


def answer_of(version: Version) -> Answer:
    """200 with the resource, its version and its time."""
    return Answer(200, version.body, _headers(version))


def not_modified(request: Request, version: Version) -> Answer | None:
    """304 when the client holds the current version; the read was journalled all the same.

    If-None-Match names versions; without it, If-Modified-Since a time, in whole seconds.
    """
    wanted, since = request.header("if-none-match"), request.header("if-modified-since")
    if wanted is not None:
        held = f'"{version.version}"' in wanted
    else:
        held = since is not None and commit_millis(version.commit) // 1000 <= _seconds(since)
    return Answer(304, b"", _headers(version)) if held else None


def _lenient(request: Request) -> bool:
    """`Prefer: handling=lenient`.

    Strict is the default: a filter not understood would show, and journal, more than was asked for.
    """
    parts = (request.header("prefer") or "").replace(",", ";").lower().split(";")
    return "handling=lenient" in [part.replace('"', "").replace(" ", "") for part in parts]


def _seconds(text: str) -> int:
    """An HTTP date in seconds since 1970; one that is none holds nothing (RFC 9110, 13.1.3)."""
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except ValueError:
        return -1


def _headers(version: Version) -> dict[str, str]:
    modified = http_date(commit_millis(version.commit))
    return {"ETag": f'W/"{version.version}"', "Last-Modified": modified}
