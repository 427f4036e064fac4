"""The Consent that a grant becomes, on the PCF basic profile, and who may touch it afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dmp.domain.grants import Grant
from dmp.domain.identifiers import INPE
from dmp.domain.refusals import Invalid
from dmp.fhir.consent import GRANT, grant_of

_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_RECIPIENT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_SOURCES = {
    "request": "Accord du patient, donné par son code lors d'une rencontre",
    "break-glass": "Accès d'urgence sans l'accord du patient",
}
_MAY_CHANGE = ("meta", "status", "text")


def grant_consent(grant: Grant) -> dict[str, Any]:
    """Read and write of everything, for that practitioner at that organisation, for its time."""
    practitioner = _named("Practitioner", grant.practitioner, grant.practitioner_name)
    organization = _named("Organization", grant.organization, grant.organization_name)
    by_patient = {"reference": f"Patient/{grant.patient}"}
    role = {"coding": [{"system": _RECIPIENT, "code": "IRCP"}]}
    provision: dict[str, Any] = {
        "type": "permit",
        "period": {"start": grant.starts, "end": grant.ends},
        "actor": [{"role": role, "reference": who} for who in (practitioner, organization)],
    }
    if grant.purposes:
        purposes = [{"system": _REASON, "code": code} for code in grant.purposes]
        provision["purpose"] = purposes
    return {
        "resourceType": "Consent",
        "extension": [{"url": GRANT, "valueCode": grant.kind}],
        "status": "active",
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": by_patient,
        "dateTime": grant.starts,
        "performer": [by_patient if grant.kind == "request" else practitioner],
        "organization": [organization],
        "sourceAttachment": {"title": _SOURCES[grant.kind]},
        "policy": [{"uri": f"urn:dmp:policy:{grant.kind}"}],
        "provision": provision,
    }


def require_untouched(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> None:
    """Refuse whoever writes the server's extension, or changes a grant but to make it inactive."""
    if before is not None and grant_of(before):
        kept = [
            {name: v for name, v in consent.items() if name not in _MAY_CHANGE}
            for consent in (before, after)
        ]
        if kept[0] != kept[1] or after.get("status") != "inactive":
            text = "a grant made by the server can be set inactive or deleted, and nothing else"
            raise Invalid(text, "Consent")
        return
    for i, extension in enumerate(after.get("extension", ())):
        if extension.get("url") == GRANT:
            raise Invalid("only the server writes it", f"Consent.extension[{i}]")


def _named(kind: str, inpe: str, name: str) -> dict[str, Any]:
    reference: dict[str, Any] = {"type": kind, "identifier": {"system": INPE, "value": inpe}}
    return {**reference, "display": name} if name else reference
