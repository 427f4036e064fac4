"""The bodies of the OAuth endpoints, strictly: RFC 6749 lets no parameter come twice."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import parse_qsl

import orjson

from dmp.domain.identifiers import NATIONAL, canonical
from dmp.domain.refusals import Invalid, OAuthError
from dmp.edge.http import JSON, Answer, Request
from dmp.edge.logs import count
from dmp.fhir import json_reader

_FIELDS_MAX = 20
_VALUE = re.compile(r"[A-Z0-9]{2,20}\Z")


def form_of(request: Request) -> Mapping[str, str]:
    """The form's parameters; none from the URL, where a log might keep them."""
    try:
        pairs = parse_qsl(
            request.body.decode("utf-8"),
            keep_blank_values=True,
            strict_parsing=bool(request.body),
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise OAuthError("invalid_request", "the body is not a form in UTF-8") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise OAuthError("invalid_request", "a parameter comes twice")
    if len(request.query) > len(pairs):
        raise OAuthError("invalid_request", "parameters belong in the body, not in the URL")
    return form


def identifier_of(body: bytes) -> tuple[str, str]:
    """`{"identifier": {"system", "value"}}`, of a national system."""
    identifier = json_reader.read_object(body).get("identifier")
    if not isinstance(identifier, Mapping):
        raise Invalid("an identifier is needed", "identifier")
    system, value = identifier.get("system"), identifier.get("value")
    if not isinstance(system, str) or system not in NATIONAL:
        raise Invalid(f"the system must be one of {', '.join(sorted(NATIONAL))}",
                      "identifier.system")  # fmt: skip
    written = canonical(value) if isinstance(value, str) else ""
    if not _VALUE.match(written):
        raise Invalid("the value must be 2 to 20 letters and digits", "identifier.value")
    return system, written


def answer_of(
    status: int, content: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Answer:
    """A JSON answer."""
    return Answer(status, orjson.dumps(content), headers or {}, JSON)


def asked(challenge: str, *, sent: bool) -> Answer:
    """The answer to whoever asked for a code; whether one went out is the operator's alone."""
    count("CodesSent" if sent else "CodesNotSent")
    return answer_of(202, {"challenge": challenge})


@contextmanager
def lasting(milliseconds: int) -> Iterator[None]:
    """Leave the block no sooner than that, so that its time does not tell what was done in it."""
    due = time.monotonic() + milliseconds / 1000
    try:
        yield
    finally:
        time.sleep(max(0.0, due - time.monotonic()))
