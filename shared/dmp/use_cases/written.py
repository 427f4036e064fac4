"""A write as it is asked for and answered; the answer is kept for its Idempotency-Key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dmp.domain.caller import Caller
from dmp.domain.instants import http_date
from dmp.fhir import bundle
from dmp.use_cases.changes import Made
from dmp.use_cases.gate import ONCE_S
from dmp.use_cases.ports import Once


@dataclass(frozen=True, slots=True)
class Request:
    """What stands behind a write besides its content. `query` is how the journal tells it."""

    caller: Caller
    request: str
    query: str
    idempotency_key: str | None = None
    digest: str = ""
    representation: bool = True


@dataclass(frozen=True, slots=True)
class Written:
    """The answer to a write, as kept for its Idempotency-Key: status, headers and body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def to_bytes(self) -> bytes:
        """Headers first, line by line, then the body."""
        head = "\n".join([str(self.status), *(f"{k}: {v}" for k, v in self.headers.items())])
        return head.encode() + b"\n\n" + self.body

    @classmethod
    def from_bytes(cls, kept: bytes) -> Written:
        """The inverse of `to_bytes`."""
        head, _, body = kept.partition(b"\n\n")
        status, *lines = head.decode().split("\n")
        pairs = (line.partition(": ") for line in lines)
        return cls(int(status), {name: value for name, _, value in pairs}, body)


Render = Callable[[Sequence[Made], int], Written]


def one_answer(base: str, *, representation: bool) -> Render:
    """201 or 200 with Location, ETag and the resource; 204 for a deletion."""

    def render(made: Sequence[Made], at_ms: int) -> Written:
        version = made[0].version
        if version is None or version.deleted:
            return Written(204, {}, b"")
        headers = {"Location": f"{base}/{version.name}", "ETag": f'W/"{version.version}"'}
        headers["Last-Modified"] = http_date(at_ms)
        status = 201 if version.version == 1 else 200
        return Written(status, headers, version.body if representation else b"")

    return render


def bundle_answer(*, representation: bool) -> Render:
    """A transaction-response, entry for entry."""

    def render(made: Sequence[Made], _: int) -> Written:
        answers = [_answer(one, representation) for one in made]
        at = next((m.version.at for m in made if m.version), "")
        return Written(
            200, {}, bundle.transaction_response("transaction", answers, last_updated=at)
        )

    return render


def once_key(request: Request) -> str:
    """The guard of an Idempotency-Key: per client and person."""
    caller = request.caller
    who = caller.practitioner or caller.patient or ""
    return f"key|{caller.client_id}|{who}|{request.idempotency_key}"


def digest_of(method: str, path: str, body: bytes) -> str:
    """What must be the same for an Idempotency-Key to be the same request."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def once_of(request: Request, answer: Written, at_ms: int) -> Once | None:
    """The guard that keeps the answer for 24 h, when the request has a key."""
    if not request.idempotency_key:
        return None
    until = at_ms // 1000 + ONCE_S
    return Once(once_key(request), request.digest, answer.to_bytes(), until)


def _answer(made: Made, representation: bool) -> bundle.Answer:
    version = made.version
    if version is None or version.deleted:
        return bundle.Answer("204 No Content")
    return bundle.Answer(
        status="201 Created" if version.version == 1 else "200 OK",
        location=version.name,
        etag=f'W/"{version.version}"',
        last_modified=version.at,
        resource=version.body if representation else None,
    )
