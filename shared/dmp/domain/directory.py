"""Who may act: registered apps, practitioners, organisations and the roles that bind them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from dmp.domain.identifiers import INPE, is_inpe
from dmp.domain.refusals import OAuthError

ACT_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_REASON_OID = "urn:oid:2.16.840.1.113883.5.8"
KEY_URL_MAX = 512
# No user, query or fragment, no international name: one URL has one spelling.
_URL_CHARACTERS = re.compile(r"https://[a-z0-9.\-]+(:[0-9]+)?(/[A-Za-z0-9._~\-/%]*)?")
# PATRQT is missing on purpose: a patient's request never comes from an app.
ADMINISTRATOR, AUDITOR, REGISTRAR = "administrator", "auditor", "registrar"
PURPOSES = frozenset(
    {"TREAT", "COC", "ETREAT", "BTG", "HOPERAT", "HPAYMT", "HRESCH", "PUBHLTH", "PATADMIN",
     "HCOMPL", "HSYSADMIN"}
)  # fmt: skip
AUDIT_PURPOSES = frozenset({"HCOMPL", "HSYSADMIN"})  # compliance, and running the system


@dataclass(frozen=True, slots=True)
class Client:
    """A registered app. `prefix` is that of its own ids.

    Its public keys are registered by value (`jwks`, JSON text) or by their URL (`jwks_uri`); a
    public app has neither. `redirect_uris` are where people may be sent back to it.
    """

    id: str
    name: str
    active: bool
    organizations: tuple[str, ...]
    prefix: str
    jwks: str
    scopes: str
    jwks_uri: str = ""
    redirect_uris: tuple[str, ...] = ()

    @property
    def public(self) -> bool:
        """Whether it has no keys, and so cannot prove that it is itself."""
        return not (self.jwks or self.jwks_uri)


@dataclass(frozen=True, slots=True)
class Practitioner:
    """A professional; `id` is the FHIR id, `inpe` the national number, `ends` the last day."""

    inpe: str
    id: str
    family: str
    given: tuple[str, ...]
    name: str
    active: bool = True
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Organization:
    """A hospital, practice, laboratory or pharmacy; `ends` is the last day that it is open."""

    inpe: str
    id: str
    name: str
    active: bool = True
    ends: str | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """What a practitioner is in an organisation, from a day to a day (both included)."""

    practitioner: str
    organization: str
    code: str
    starts: str
    practitioner_id: str
    organization_id: str
    practitioner_name: str
    organization_name: str
    ends: str | None = None
    active: bool = True

    def holds(self, day: str) -> bool:
        """Whether the role is active on the day (YYYY-MM-DD)."""
        return self.active and self.starts <= day and (self.ends is None or day <= self.ends)


def is_key_url(value: object) -> bool:
    """Whether keys may be registered by this URL: https, a plain host, nothing after the path."""
    if not isinstance(value, str) or not 0 < len(value) <= KEY_URL_MAX:
        return False
    try:
        parts = urlsplit(value)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    origin = host if port is None else f"{host}:{port}"
    plain = _URL_CHARACTERS.fullmatch(value) is not None and value == parts.geturl()
    return plain and parts.scheme == "https" and parts.netloc == origin and "." in host


@dataclass(frozen=True, slots=True)
class Requester:
    """On whose behalf an app asks: INPE of practitioner and organisation, one purpose of use."""

    practitioner: str
    organization: str
    purpose: str


def requester_of(extensions: object) -> Requester:
    """The requester in an assertion's `extensions` (`hl7-b2b` version 1), else invalid_grant.

    Names and role in it are what the sender believes: they are type-checked and left aside.
    """
    b2b = extensions.get("hl7-b2b") if isinstance(extensions, Mapping) else None
    if not isinstance(b2b, Mapping):
        raise OAuthError("invalid_grant", "the assertion needs extensions.hl7-b2b")
    if b2b.get("version") != "1":
        raise OAuthError("invalid_grant", 'hl7-b2b.version must be "1"')
    for name in ("subject_name", "subject_role", "organization_name"):
        if not isinstance(b2b.get(name, ""), str):
            raise OAuthError("invalid_grant", f"hl7-b2b.{name} must be a string")
    return Requester(
        practitioner=_inpe(b2b.get("subject_id"), "subject_id"),
        organization=_inpe(b2b.get("organization_id"), "organization_id"),
        purpose=_purpose(b2b.get("purpose_of_use")),
    )


def _inpe(value: object, name: str) -> str:
    system, _, number = value.partition("|") if isinstance(value, str) else ("", "", "")
    if system != INPE or not is_inpe(number):
        raise OAuthError("invalid_grant", f"hl7-b2b.{name} must be {INPE}| and nine digits")
    return number


def _purpose(value: object) -> str:
    """The one code: plain, `system|code`, or as UDAP writes it, `urn:oid:…#code`."""
    one = value[0] if isinstance(value, Sequence) and len(value) == 1 else None
    if isinstance(value, str) or not isinstance(one, str):
        raise OAuthError("invalid_grant", "hl7-b2b.purpose_of_use must be an array of one code")
    code = one.removeprefix(f"{ACT_REASON}|").removeprefix(f"{ACT_REASON_OID}#")
    code = code.removeprefix(f"{ACT_REASON_OID}|")
    if code not in PURPOSES:
        raise OAuthError(
            "invalid_grant", f"hl7-b2b.purpose_of_use must be one of {', '.join(sorted(PURPOSES))}"
        )
    return code
