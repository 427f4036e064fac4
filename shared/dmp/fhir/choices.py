"""What a patient chooses on a page, as the resources that the API takes for the same.

To let somebody in is a permit on the PCF basic profile, for care and until a day; to refuse is a
deny for every purpose, without end; who acts for the patient is a RelatedPerson with powers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dmp.domain.consent import Effect
from dmp.domain.grants import PURPOSES
from dmp.domain.identifiers import INPE
from dmp.fhir.consent import DIRECTION, POLICY
from dmp.fhir.delegation import POWER

_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_RECIPIENT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
_SOURCE = "Choix du patient sur ses pages du DMP"


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody of the directory."""

    kind: Literal["Practitioner", "Organization"]
    inpe: str
    name: str


def permit(patient: str, who: Listed, now: str, ends: str, *, writing: bool) -> dict[str, Any]:
    """Let in for care until an instant, to read, or to read and write."""
    purposes = [{"system": _REASON, "code": code} for code in PURPOSES]
    narrowed = {} if writing else {"extension": [{"url": DIRECTION, "valueCode": "read"}]}
    rest = {**narrowed, "period": {"start": now, "end": ends}, "purpose": purposes}
    return _consent(patient, who, "permit", now, rest)


def deny(patient: str, who: Listed, now: str) -> dict[str, Any]:
    """Refused, whatever else permits."""
    return _consent(patient, who, "deny", now, {})


def related(
    patient: str, identifier: tuple[str, str], name: str, powers: Sequence[str], ends: str
) -> dict[str, Any]:
    """Who acts for the patient with those powers; until an instant, or without end."""
    system, value = identifier
    return {
        "resourceType": "RelatedPerson",
        "extension": [{"url": POWER, "valueCode": power} for power in powers],
        "identifier": [{"system": system, "value": value}],
        "active": True,
        "patient": {"reference": f"Patient/{patient}"},
        "name": [{"text": name}],
        **({"period": {"end": ends}} if ends else {}),
    }


def _consent(
    patient: str, who: Listed, effect: Effect, now: str, rest: Mapping[str, Any]
) -> dict[str, Any]:
    own = {"reference": f"Patient/{patient}"}
    named = {"type": who.kind, "identifier": {"system": INPE, "value": who.inpe},
             "display": who.name}  # fmt: skip
    role = {"coding": [{"system": _RECIPIENT, "code": "IRCP"}]}
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": own,
        "dateTime": now,
        "performer": [own],
        "organization": [{"display": "DMP"}],
        "sourceAttachment": {"title": _SOURCE},
        "policy": [{"uri": POLICY}],
        "provision": {"type": effect, **rest, "actor": [{"role": role, "reference": named}]},
    }
