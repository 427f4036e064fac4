"""The request line as the journal keeps it."""

from __future__ import annotations

from dmp.edge.http import Request


def told_as(request: Request) -> str:
    """The request line as the journal keeps it, sealed: path with its ids, and the query."""
    path = request.path
    for name, value in request.parameters.items():
        path = path.replace("{" + name + "}", value)
    query = "&".join(f"{name}={value}" for name, value in request.query)
    path = path.removeprefix("/fhir").removeprefix("/") or "Bundle"
    return f"{path}?{query}" if query else path
