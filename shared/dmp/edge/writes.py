"""HTTP headers of writes to what the use cases take, and back."""

from __future__ import annotations

from dmp.domain.refusals import BadParameter
from dmp.edge.http import Answer, Request
from dmp.use_cases import written

KEY_MAX = 128


def write_of(request: Request, *, representation: bool = True) -> written.Request:
    """Who writes, how the journal tells it, and the headers that change the answer."""
    if request.header("if-none-exist"):
        raise BadParameter("conditional create is not served", "If-None-Exist")
    key = request.header("idempotency-key")
    if key is not None and not 0 < len(key) <= KEY_MAX:
        raise BadParameter(f"1 to {KEY_MAX} characters", "Idempotency-Key")
    told = told_as(request)
    return written.Request(
        caller=request.authenticated(),
        request=request.request_id,
        query=told,
        idempotency_key=key,
        digest=written.digest_of(request.method, told, request.body),
        representation=_preferred(request.header("prefer"), representation),
    )


def answer_of(done: written.Written) -> Answer:
    """The write's own status, headers and body."""
    return Answer(done.status, done.body, done.headers)


def told_as(request: Request) -> str:
    """The request line as the journal keeps it, sealed: path with its ids, and the query."""
    path = request.path
    for name, value in request.parameters.items():
        path = path.replace("{" + name + "}", value)
    query = "&".join(f"{name}={value}" for name, value in request.query)
    path = path.removeprefix("/fhir").removeprefix("/") or "Bundle"
    return f"{path}?{query}" if query else path


def _preferred(prefer: str | None, default: bool) -> bool:
    """`Prefer: return=` minimal or representation."""
    for part in (prefer or "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name.lower() == "return":
            return value.strip('"') == "representation"
    return default
