"""The claims of our own access tokens, to a Caller and back: one place that both ends share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.domain.caller import Caller
from dmp.domain.refusals import Unauthenticated

SECONDS_MAX = 300
TYPE = "at+jwt"  # RFC 9068
_BY_ATTRIBUTE = (
    ("patient", "patient"),
    ("session", "sid"),
    ("practitioner", "practitioner"),
    ("organization", "organization"),
    ("role", "role"),
    ("practitioner_id", "practitioner_id"),
    ("organization_id", "organization_id"),
    ("practitioner_name", "practitioner_name"),
    ("organization_name", "organization_name"),
    ("prefix", "prefix"),
    ("app", "app"),
)
_NEEDED = {
    "patient": ("client_id", "purpose", "patient"),
    "practitioner": ("client_id", "purpose", "practitioner", "organization", "role"),
}


def claims_of(caller: Caller) -> dict[str, object]:
    """What the token says of the caller; issuer, audience, region and `iat` are the issuer's."""
    claims: dict[str, object] = {
        "sub": caller.subject,
        "client_id": caller.client_id,
        "kind": caller.kind,
        "scope": " ".join(caller.scopes),
        "purpose": caller.purpose,
        "exp": caller.expires,
        "jti": caller.token_id,
    }
    for attribute, claim in _BY_ATTRIBUTE:
        if value := getattr(caller, attribute):
            claims[claim] = value
    return claims


def caller_of(claims: Mapping[str, object]) -> Caller:
    """The caller that a verified token names; a claim missing or of another type is refused."""
    kind = _text(claims, "kind")
    expires = claims.get("exp")
    if kind not in ("patient", "practitioner") or not isinstance(expires, int):
        raise Unauthenticated("the access token's claims are not those of this server")
    optional: dict[str, Any] = {a: _text(claims, c) for a, c in _BY_ATTRIBUTE if c in claims}
    caller = Caller(
        kind="patient" if kind == "patient" else "practitioner",
        client_id=_text(claims, "client_id"),
        scopes=tuple(_text(claims, "scope").split()),
        purpose=_text(claims, "purpose"),
        expires=expires,
        token_id=_text(claims, "jti"),
        **optional,
    )
    lives = kind == "practitioner" or caller.session or caller.app
    if not lives or not all(getattr(caller, attribute) for attribute in _NEEDED[kind]):
        raise Unauthenticated("the access token does not say for whom it is")
    return caller


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise Unauthenticated("the access token's claims are not those of this server")
    return value
