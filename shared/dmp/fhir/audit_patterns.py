"""Which pattern of IHE BALP an entry follows: its codes, and the parts that client and server play.

A refusal by consent is an authorization decision. What no pattern is for (a transaction, a history,
a sign-in) is told in the same form, and then no profile is claimed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dmp.domain.journal import Entry

Code = tuple[str, str]
_DCM = "http://dicom.nema.org/resources/ontology/DCM"
_REST = ("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest")
_INTERACTION = "http://hl7.org/fhir/restful-interaction"
_BALP = "https://profiles.ihe.net/ITI/BALP"
_PROFILE = f"{_BALP}/StructureDefinition/IHE.BasicAudit."
AUTHORIZER = ("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver")
APPLICATION = (_DCM, "110150")
RECIPIENT = ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")
AUTHOR = ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "AUT")
_SOURCE, _DESTINATION = (_DCM, "110153"), (_DCM, "110152")
_CUSTODIAN = ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian")
_DECIDED = frozenset(
    {"seal", "block", "consent-deny", "policy-deny", "break-glass-forbidden", "break-glass-needed"}
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`profile` is what a success claims; `asks` when the pattern tells the query, not the data."""

    profile: str
    type: Code
    subtypes: tuple[Code, ...]
    action: str
    client: Code
    server: Code
    user: Code
    asks: bool = False
    decision: bool = False


def _read(subtype: str, profile: str = "PatientRead") -> Pattern:
    subtypes = ((_INTERACTION, subtype),)
    return Pattern(profile, _REST, subtypes, "R", _DESTINATION, _SOURCE, RECIPIENT)


def _query(subtype: str) -> Pattern:
    subtypes = ((_INTERACTION, subtype),)
    parts = _SOURCE, _DESTINATION, RECIPIENT
    return Pattern("PatientQuery", _REST, subtypes, "E", *parts, asks=True)


def _write(subtype: str, action: str, profile: str = "") -> Pattern:
    subtypes = ((_INTERACTION, subtype),)
    return Pattern(profile, _REST, subtypes, action, _SOURCE, _DESTINATION, AUTHOR)


def _authentication(*subtypes: Code) -> Pattern:
    parts = APPLICATION, AUTHORIZER, RECIPIENT
    return Pattern("", (_DCM, "110114"), subtypes, "E", *parts, asks=True)


_CREATE, _UPDATE = _write("create", "C", "PatientCreate"), _write("update", "U", "PatientUpdate")
_DISCLOSE = ("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose")
_EXPORT = Pattern(
    "PrivacyDisclosure.Source", (_DCM, "110106"), (_DISCLOSE, (_INTERACTION, "read")), "R",
    _DESTINATION, _SOURCE, RECIPIENT,
)  # fmt: skip
_AUTHORIZED = Pattern(
    "AuthZconsent", (_DCM, "110113"), ((f"{_BALP}/CodeSystem/AuthZsubType", "AuthZ-Consent"),),
    "E", APPLICATION, AUTHORIZER, RECIPIENT, decision=True,
)  # fmt: skip
_PATTERNS: Mapping[str, Pattern] = {
    "read": _read("read"),
    "vread": _read("vread"),
    "history": _read("history-instance", ""),
    "search": _query("search-type"),
    "operation": _query("operation"),
    "create": _CREATE,
    "update": _UPDATE,
    "delete": replace(
        _write("delete", "D", "PatientDelete"), client=APPLICATION, server=_CUSTODIAN
    ),
    "transaction": _write("transaction", "C"),
    "consent": _UPDATE,
    "activation": _CREATE,
    "preferences": _UPDATE,
    "contact": _UPDATE,
    "credentials": _UPDATE,
    "sign-in": _authentication((_DCM, "110122")),
    "authorization": _authentication(("urn:ihe:event-type-code", "ITI-71")),
    "export": _EXPORT,
}


def pattern_of(entry: Entry) -> Pattern:
    """The pattern of the entry's action, or of the decision that refused a practitioner."""
    if entry.outcome == "refuse" and entry.rule in _DECIDED and entry.who["kind"] == "practitioner":
        return _AUTHORIZED
    if entry.action == "consent" and entry.what and entry.what[0].endswith("/_history/1"):
        return _CREATE
    return _PATTERNS[entry.action]


def profile_of(entry: Entry, pattern: Pattern) -> str:
    """The profile's URL, if the entry has all that it asks for; else empty."""
    told = bool(entry.query) if pattern.asks else bool(entry.what)
    success = entry.outcome == "permit" and told
    if not pattern.profile or not (pattern.decision or success):
        return ""
    return _PROFILE + pattern.profile
