"""`GET /docs`: the OpenAPI document in Swagger UI, from files of this API alone.

Each file's name holds its content's hash, so that it may be kept for ever. Nothing is read before
the first request: other routes of the function start as light as without it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from string import Template

from dmp.domain.refusals import NotFound
from dmp.edge.http import HTML, Answer, Api, Request

_PAGES = Path(__file__).resolve().parent.parent / "pages"
_PACKAGE = "drf_spectacular_sidecar"  # in the layer `viewer`; never imported
_DIST = f"static/{_PACKAGE}/swagger-ui-dist"
_SCRIPT = "text/javascript; charset=utf-8"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FIXED = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE = {**_FIXED, "Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=300"}
_KEPT = {**_FIXED, "Cache-Control": "public, max-age=31536000, immutable"}


def serve(api: Api) -> None:
    """Register the page and its files."""
    api.route("/docs", ["GET"])(_page)
    api.route("/docs/{file}", ["GET"])(_file)


def _page(_: Request) -> Answer:
    names = {part: name for name, (part, _, _) in _files().items()}
    page = Template((_PAGES / "docs.html").read_text("utf-8")).substitute(names)
    return Answer(200, page.encode(), _PAGE, f"{HTML}; charset=utf-8")


def _file(request: Request) -> Answer:
    found = _files().get(request.parameters["file"])
    if found is None:
        raise NotFound("there is no such file", "file")
    _, media_type, content = found
    return Answer(200, content, _KEPT, media_type)


@cache
def _files() -> Mapping[str, tuple[str, str, bytes]]:
    """By name: the part of the page that it is, its media type, its content."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise LookupError("the layer `viewer` is missing")
    dist = Path(spec.origin).parent / _DIST
    parts = (
        ("style", "text/css; charset=utf-8", dist / "swagger-ui.css"),
        ("viewer", _SCRIPT, dist / "swagger-ui-bundle.js"),
        ("start", _SCRIPT, _PAGES / "docs.js"),
    )
    held = [(part, kind, path, path.read_bytes()) for part, kind, path in parts]
    return {
        f"{path.stem}-{hashlib.sha256(content).hexdigest()[:16]}{path.suffix}": (
            part,
            kind,
            content,
        )
        for part, kind, path, content in held
    }
