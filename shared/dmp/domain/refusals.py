"""What the system says no with; HTTP and FHIR give them codes in one table (dmp.fhir.outcome).

    Refusal                     the request or the rules say no; final until something changes
      NotJson, BadParameter     400
      Unauthenticated           401
      ScopeMissing, NotAuthor, NoPermit, StrongerSignInNeeded, Forbidden   403
      NotFound 404, MethodNotAllowed 405, NotAcceptable 406, IdempotencyConflict 409, Gone 410,
      PreconditionFailed 412, TooLarge 413, UnsupportedMediaType 415, Invalid 422, TooMany 429
    Unavailable                 503: a dependency could not; the same request may be sent again

No text may repeat a value that the request or the record holds: it may be health data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

Severity = Literal["error", "warning", "information"]


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault: FHIR's issue-type code, English text, FHIRPath of the element or parameter."""

    text: str
    expression: str | None = None
    code: str = "invalid"
    severity: Severity = "error"


class Refusal(Exception):
    """A final no. `code` is the stable project code; `issues` are what developers read."""

    code: ClassVar[str] = "refused"

    def __init__(self, text: str, expression: str | None = None, **details: object) -> None:
        super().__init__(text)
        self.issues: Sequence[Issue] = (Issue(text, expression),)
        self.details = details


class NotJson(Refusal):
    """The body is not strict JSON within the published limits of depth and nodes."""

    code = "not-json"


class BadParameter(Refusal):
    """A query parameter, header or id of the wrong form, named in `expression`."""

    code = "bad-parameter"


class Unauthenticated(Refusal):
    """No token, or one that is expired, revoked or of somebody no longer active."""

    code = "unauthenticated"


class Forbidden(Refusal):
    """The caller's kind may not do this at all."""

    code = "forbidden"


class ScopeMissing(Forbidden):
    """The token's scopes do not cover this interaction."""

    code = "scope-missing"


class NotAuthor(Forbidden):
    """Only the organisation that wrote version 1, or the patient for their own, may change it."""

    code = "not-author"


class NoPermit(Forbidden):
    """No consent in force permits it; the same answer whether patient or item exist."""

    code = "no-permit"


class StrongerSignInNeeded(Forbidden):
    """The patient has a PIN or passkey, and this asks for it; then it may be sent again."""

    code = "stronger-sign-in"

    def __init__(self) -> None:
        super().__init__("prove yourself with your passkey or PIN, then send this again")


class ContactJustChanged(Forbidden):
    """No new grant is made for a day after the patient's address changed."""

    code = "contact-just-changed"

    def __init__(self) -> None:
        text = "the patient's address changed within 24 hours: no grant is made until then"
        super().__init__(text)


class NotFound(Refusal):
    """Unknown type, absent or hidden id."""

    code = "not-found"


class MethodNotAllowed(Refusal):
    """The route exists, this interaction does not."""

    code = "method-not-allowed"


class NotAcceptable(Refusal):
    """Only JSON is served."""

    code = "not-acceptable"


class IdempotencyConflict(Refusal):
    """The same Idempotency-Key came with another body."""

    code = "idempotency-conflict"


class Gone(Refusal):
    """Deleted, closed, or the time to answer is over."""

    code = "gone"


class PreconditionFailed(Refusal):
    """If-Match, If-None-Match or If-None-Exist do not hold."""

    code = "precondition-failed"


class TooLarge(Refusal):
    """Over a published limit of size or number."""

    code = "too-large"


class UnsupportedMediaType(Refusal):
    """The body's media type is not one this route reads."""

    code = "unsupported-media-type"


class Invalid(Refusal):
    """JSON that is not valid FHIR or breaks a rule; every fault found is in `issues`."""

    code = "invalid"

    def __init__(
        self, issues: Sequence[Issue] | str, expression: str | None = None, **details: object
    ) -> None:
        first = issues if isinstance(issues, str) else "the content breaks a rule"
        super().__init__(first, expression, **details)
        if not isinstance(issues, str):
            self.issues = tuple(issues)


class WrongCode(Invalid):
    """Not the one-time code that was sent; `tries_left` says how often another may be given."""

    code = "wrong-code"


class TooMany(Refusal):
    """A published rate was exceeded; `retry_after_s` says when to try again."""

    code = "too-many"

    def __init__(self, text: str, retry_after_s: int) -> None:
        super().__init__(text, retry_after_s=retry_after_s)
        self.retry_after_s = retry_after_s


class OAuthError(Refusal):
    """RFC 6749 section 5.2: `error` is its code (invalid_client, invalid_grant…)."""

    code = "oauth"

    def __init__(self, error: str, text: str, **details: object) -> None:
        super().__init__(text)
        self.details = details
        self.error = error


class Unavailable(Exception):
    """A dependency failed or was too busy; nothing was half done, the request may be repeated."""

    retry_after_s = 1
