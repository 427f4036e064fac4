"""Cookies and forms of a browser: what it must show before it may change anything.

Cookies are `__Host-` ones wherever the API is https, HttpOnly and SameSite=Lax. A form carries a
token made from the cookie's secret, another one in each page, so that compression tells nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from dmp.domain.marks import KNOWN_S
from dmp.domain.refusals import BadParameter
from dmp.domain.sign_in import is_secret
from dmp.edge.http import Request

DEVICE = "dmp-device"
_FIELDS_MAX = 60
_NONCE_CHARACTERS = 22
_VALUE_MAX = 200


def cookie_of(name: str, value: str, *, secure: bool, seconds: int | None = None) -> str:
    """A Set-Cookie value; without `seconds` it lives as long as the browser, 0 takes it away."""
    kept = "" if seconds is None else f"; Max-Age={seconds}"
    prefix, flag = ("__Host-", "; Secure") if secure else ("", "")
    return f"{prefix}{name}={value}; Path=/; HttpOnly; SameSite=Lax{kept}{flag}"


def cookie_value(headers: Mapping[str, str], name: str, *, secure: bool) -> str | None:
    """A cookie of ours; None when absent, twice there or too long."""
    wanted = f"__Host-{name}" if secure else name
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    found = [value for key, _, value in pairs if key == wanted]
    return found[0] if len(found) == 1 and len(found[0]) <= _VALUE_MAX else None


def device_of(headers: Mapping[str, str], *, secure: bool) -> str:
    """The handle that the browser keeps, by which it is known to who signed in with it; or none."""
    kept = cookie_value(headers, DEVICE, secure=secure) or ""
    return kept if is_secret(kept) else ""


def device_cookie(handle: str, *, secure: bool) -> str:
    """A Set-Cookie value that makes the browser keep the handle."""
    return cookie_of(DEVICE, handle, secure=secure, seconds=KNOWN_S)


def form_token(secret: str, nonce: str) -> str:
    """The token of a form shown to the browser that holds the secret."""
    nonce = nonce[:_NONCE_CHARACTERS]
    return nonce + hashlib.sha256(f"form {nonce} {secret}".encode()).hexdigest()


def is_form_token(token: str, secret: str) -> bool:
    """Whether a form came from a page of ours, shown to the browser that holds the secret."""
    return hmac.compare_digest(form_token(secret, token).encode(), token.encode())


def from_elsewhere(request: Request) -> bool:
    """Whether the browser itself says that another site made it send this."""
    return request.headers.get("sec-fetch-site", "same-origin") != "same-origin"


def fields_of(request: Request) -> dict[str, list[str]]:
    """The fields of a form, in order, each with all its values."""
    try:
        pairs = parse_qsl(
            request.body.decode("utf-8"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=_FIELDS_MAX,
        )
    except ValueError:
        raise BadParameter("the body is not a form in UTF-8") from None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields
