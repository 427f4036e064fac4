"""The bodies of the OAuth endpoints, strictly: RFC 6749 lets no parameter come twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl

from dmp.domain.identifiers import NATIONAL
from dmp.domain.refusals import Invalid, OAuthError
from dmp.edge.http import Request
from dmp.fhir import json_reader

_BYTES_MAX = 32 * 1024
_FIELDS_MAX = 20
_VALUE = re.compile(r"[A-Za-z0-9]{2,20}\Z")


def form_of(request: Request) -> Mapping[str, str]:
    """The form's parameters; none from the URL, where a log might keep them."""
    if len(request.body) > _BYTES_MAX:
        raise OAuthError("invalid_request", f"the form exceeds {_BYTES_MAX} bytes")
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
    if not isinstance(value, str) or not _VALUE.match(value):
        raise Invalid("the value must be letters and digits", "identifier.value")
    return system, value.upper()
