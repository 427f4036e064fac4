"""The one table that gives refusals their HTTP status and FHIR issue type; OperationOutcome.

Also the two other error forms of the API: RFC 6749 JSON under /oauth2 and RFC 9457
`application/problem+json` elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import orjson

from dmp.domain import refusals as r
from dmp.domain.refusals import Issue, Refusal

CODES = "https://dmp.ma/fhir/CodeSystem/refusal"
PLACE_MAX = 500  # of an expression's characters
RESPONSES: dict[type[Refusal], tuple[int, str]] = {
    r.NotJson: (400, "structure"),
    r.BadParameter: (400, "value"),
    r.OAuthError: (400, "security"),
    r.Unauthenticated: (401, "login"),
    r.Forbidden: (403, "forbidden"),
    r.NotFound: (404, "not-found"),
    r.MethodNotAllowed: (405, "not-supported"),
    r.NotAcceptable: (406, "not-supported"),
    r.IdempotencyConflict: (409, "duplicate"),
    r.Gone: (410, "deleted"),
    r.PreconditionFailed: (412, "conflict"),
    r.TooLarge: (413, "too-long"),
    r.UnsupportedMediaType: (415, "not-supported"),
    r.Invalid: (422, "invalid"),
    r.TooMany: (429, "throttled"),
}


def response_of(refusal: Refusal) -> tuple[int, str]:
    """HTTP status and FHIR issue type, looked up along the class's ancestry."""
    for ancestor in type(refusal).__mro__:
        if ancestor in RESPONSES:
            return RESPONSES[ancestor]
    raise LookupError(type(refusal).__name__)


def outcome_of(refusal: Refusal, request_id: str) -> bytes:
    """The refusal as an OperationOutcome."""
    _, fallback = response_of(refusal)
    issues = [
        Issue(i.text, i.expression, fallback if i.code == "invalid" else i.code, i.severity)
        for i in refusal.issues
    ]
    if "tries_left" in refusal.details:
        text = f"{issues[0].text}; {refusal.details['tries_left']} tries left"
        issues = [replace(issues[0], text=text)]
    return operation_outcome(issues, refusal.code, request_id)


def operation_outcome(issues: Sequence[Issue], code: str, request_id: str) -> bytes:
    """An OperationOutcome; `code` is the project's stable code, in `details.coding`."""
    return orjson.dumps(
        {
            "resourceType": "OperationOutcome",
            "issue": [
                {
                    "severity": issue.severity,
                    "code": issue.code,
                    "details": {
                        "coding": [{"system": CODES, "code": code}],
                        "text": issue.text,
                    },
                    "diagnostics": f"request {request_id}",
                    **({"expression": [place]} if (place := _place(issue)) else {}),
                }
                for issue in issues
            ],
        }
    )


def ignored(names: Sequence[str], request_id: str) -> bytes | None:
    """A warning for each search parameter that lenient reading skipped; None without any."""
    if not names:
        return None
    text = "not a search parameter that is served here: it was ignored"
    issues = [Issue(text, name, "not-supported", "warning") for name in names]
    return operation_outcome(issues, "bad-parameter", request_id)


def _place(issue: Issue) -> str:
    """The expression as a FHIR string: a name in it is the sender's, and may be anything."""
    text = (issue.expression or "")[:PLACE_MAX]
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text).strip()


def problem_of(refusal: Refusal, request_id: str) -> bytes:
    """The refusal as `application/problem+json`, with its details (`tries_left`…)."""
    status, _ = response_of(refusal)
    first = refusal.issues[0]
    members: dict[str, object] = {
        "type": "about:blank",
        "title": str(refusal),
        "status": status,
        "code": refusal.code,
        "detail": first.text,
        "request_id": request_id,
        **refusal.details,
    }
    if first.expression:
        members["expression"] = first.expression
    return orjson.dumps(members)


def oauth_error_of(refusal: Refusal) -> tuple[int, bytes]:
    """The refusal as RFC 6749 section 5.2 JSON, with its status (401 for `invalid_client`)."""
    status, _ = response_of(refusal)
    error = "invalid_request"
    if isinstance(refusal, r.OAuthError):
        error = refusal.error
        status = 401 if error == "invalid_client" else 400
    elif isinstance(refusal, r.Unauthenticated):
        error = "invalid_token"
    elif isinstance(refusal, r.StrongerSignInNeeded):
        error = "insufficient_user_authentication"  # RFC 9470
    text = "; ".join(issue.text for issue in refusal.issues)
    return status, orjson.dumps({"error": error, "error_description": text, **refusal.details})
