"""A write as it is asked for and answered; the answer is kept for its Idempotency-Key."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_millis
from dmp.domain.instants import http_date, instant
from dmp.domain.refusals import IdempotencyConflict, Issue
from dmp.fhir import bundle, outcome
from dmp.use_cases.changes import Made
from dmp.use_cases.gate import ONCE_S
from dmp.use_cases.ports import Once

Returns = Literal["minimal", "representation", "OperationOutcome"]
_SAVED = Issue("saved", None, "informational", "information")


@dataclass(frozen=True, slots=True)
class Request:
    """What stands behind a write besides its content. `query` is how the journal tells it."""

    caller: Caller
    request: str
    query: str
    idempotency_key: str | None = None
    digest: str = ""
    returns: Returns = "representation"


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


def one_answer(base: str, request: Request) -> Render:
    """201 or 200 with Location, ETag and what was asked back; 204 for a deletion."""

    def render(made: Sequence[Made], _: int) -> Written:
        version = made[0].version or made[0].change.found
        if version is None or version.deleted:
            return Written(204, {}, b"")
        headers = {"Location": f"{base}/{version.name}", "ETag": f'W/"{version.version}"'}
        headers["Last-Modified"] = http_date(commit_millis(version.commit))
        created = made[0].version is not None and version.version == 1
        return Written(201 if created else 200, headers, _returned(made[0], request))

    return render


def bundle_answer(request: Request) -> Render:
    """A transaction-response, entry for entry."""

    def render(made: Sequence[Made], at_ms: int) -> Written:
        answers = [entry_answer(one, request) for one in made]
        at = instant(at_ms)
        body = bundle.transaction_response("transaction", answers, last_updated=at)
        return Written(200, {}, body)

    return render


def entry_answer(made: Made, request: Request) -> bundle.Answer:
    """What a bundle's response says of one change."""
    version = made.version or made.change.found
    if version is None or version.deleted:
        return bundle.Answer("204 No Content")
    created = made.version is not None and version.version == 1
    returned = _returned(made, request) or None
    told = request.returns == "OperationOutcome"
    return bundle.Answer(
        status="201 Created" if created else "200 OK",
        location=version.name,
        etag=f'W/"{version.version}"',
        last_modified=version.at,
        resource=None if told else returned,
        outcome=returned if told else None,
    )


def _returned(made: Made, request: Request) -> bytes:
    version = made.version or made.change.found
    if request.returns == "OperationOutcome":
        return outcome.operation_outcome([_SAVED], "saved", request.request)
    if version is None or not made.shown or request.returns != "representation":
        return b""
    return version.body


def once_key(request: Request) -> str:
    """The guard of an Idempotency-Key: per client and person."""
    caller = request.caller
    who = caller.practitioner or caller.patient or ""
    return f"key|{caller.client_id}|{who}|{request.idempotency_key}"


def first_answer(request: Request, used: tuple[str, bytes] | None) -> Written | None:
    """What the key's first request was answered, if any; 409 when that was another request."""
    if used is None:
        return None
    digest, answer = used
    if digest != request.digest:
        raise IdempotencyConflict("the Idempotency-Key was used with another request")
    return Written.from_bytes(answer)


def digest_of(method: str, path: str, body: bytes) -> str:
    """What must be the same for an Idempotency-Key to be the same request."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def once_of(request: Request, answer: Written, at_ms: int) -> Once | None:
    """The guard that keeps the answer for 24 h, when the request has a key."""
    if not request.idempotency_key:
        return None
    until = at_ms // 1000 + ONCE_S
    return Once(once_key(request), request.digest, answer.to_bytes(), until)
