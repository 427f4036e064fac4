"""The routes of the journal that are not FHIR: its list of accesses, and exports."""

from __future__ import annotations

import orjson

from dmp.domain.contact import LANGUAGES
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.reads import read_of
from dmp.use_cases.journal_exports import JournalExports

_DEFAULT = "fr"


def serve_exports(api: Api, exports: JournalExports) -> None:
    """Register them."""

    @api.route("/journal/usage", ["GET"])
    def usage(request: Request) -> Answer:
        """Who used the record, by access, for a national portal."""
        told = exports.usage(read_of(request), request.query)
        return Answer(200, orjson.dumps(told), media_type=JSON)

    @api.route("/journal/export", ["GET"])
    def export(request: Request) -> Answer:
        """The journal to take away, page by page."""
        page = exports.export(read_of(request), request.query, _language(request))
        links = {"Link": f'<{page.following}>; rel="next"'} if page.following else {}
        return Answer(200, page.body, links, page.media_type)


def _language(request: Request) -> str:
    """The first of Accept-Language that is served; French without."""
    for part in (request.header("accept-language") or "")[:200].split(","):
        spoken = part.partition(";")[0].strip().lower().partition("-")[0]
        if spoken in LANGUAGES:
            return spoken
    return _DEFAULT
