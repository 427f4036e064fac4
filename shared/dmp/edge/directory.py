"""Requests for the directory among those for records: they are of its types and name no record."""

from __future__ import annotations

from collections.abc import Callable

from dmp.edge.http import Answer, Request, View
from dmp.edge.logs import count
from dmp.edge.reads import read_of
from dmp.use_cases.directory_queries import DirectoryQueries


def unless_of(directory: DirectoryQueries) -> Callable[[View], View]:
    """A view of records, asked only for what the directory does not answer itself."""

    def before(view: View) -> View:
        return lambda request: _told(directory, request) or view(request)

    return before


def _told(directory: DirectoryQueries, request: Request) -> Answer | None:
    """The directory's answer; None when a record is meant."""
    kind, name = request.parameters["type"], request.parameters.get("id")
    if name is None:
        if not directory.searches(kind, request.query):
            return None
        body = directory.search(read_of(request), kind, request.query)
    elif directory.serves(kind, name):
        body = directory.read(read_of(request), kind, name)
    else:
        return None
    count("DirectoryReads")
    return Answer(200, body)
