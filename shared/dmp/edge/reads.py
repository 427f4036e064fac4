"""HTTP headers of reads to what the use cases take, and back."""

from __future__ import annotations

from dmp.domain.identifiers import commit_millis
from dmp.domain.instants import http_date
from dmp.domain.record import Version
from dmp.edge.http import Answer, Request
from dmp.edge.writes import told_as
from dmp.use_cases import access_queries


def read_of(request: Request) -> access_queries.Request:
    """Who reads, and how the journal tells it."""
    return access_queries.Request(
        request.authenticated(), request.request_id, told_as(request), _lenient(request)
    )


def answer_of(version: Version) -> Answer:
    """200 with the resource, its version and its time."""
    return Answer(200, version.body, _headers(version))


def not_modified(request: Request, version: Version) -> Answer | None:
    """304 when If-None-Match names the current version; the read was journalled all the same."""
    wanted = request.header("if-none-match")
    if wanted is None or f'"{version.version}"' not in wanted:
        return None
    return Answer(304, b"", _headers(version))


def _lenient(request: Request) -> bool:
    """`Prefer: handling=lenient`.

    Strict is the default: a filter not understood would show, and journal, more than was asked for.
    """
    parts = (request.header("prefer") or "").replace(",", ";").lower().split(";")
    return "handling=lenient" in [part.replace('"', "").replace(" ", "") for part in parts]


def _headers(version: Version) -> dict[str, str]:
    modified = http_date(commit_millis(version.commit))
    return {"ETag": f'W/"{version.version}"', "Last-Modified": modified}
