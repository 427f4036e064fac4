"""What a person can let an app do, one choice at a time: a kind of data, read or written.

Seventy types of resources are more than anybody reads: they are told by the kind they belong to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dmp.domain.scopes import Restriction, Scope, parsed

READ, WRITE = "rs", "cud"
_TYPES = {
    "person": "Patient RelatedPerson Person",
    "allergies": "AllergyIntolerance AdverseEvent DetectedIssue",
    "illnesses": "Condition ClinicalImpression FamilyMemberHistory RiskAssessment Flag",
    "medicines": "Medication MedicationAdministration MedicationDispense MedicationRequest "
    "MedicationStatement NutritionOrder SupplyDelivery SupplyRequest",
    "results": "Observation DiagnosticReport Specimen BodyStructure MolecularSequence",
    "vaccinations": "Immunization ImmunizationEvaluation ImmunizationRecommendation",
    "procedures": "Procedure Device DeviceRequest DeviceUseStatement VisionPrescription",
    "documents": "Binary Composition DocumentManifest DocumentReference ImagingStudy Media "
    "QuestionnaireResponse",
    "visits": "Appointment AppointmentResponse Encounter EpisodeOfCare Schedule Slot",
    "plans": "CarePlan CareTeam Goal ServiceRequest Task RequestGroup Communication "
    "CommunicationRequest ReferralRequest",
    "costs": "Account ChargeItem Claim ClaimResponse Coverage ExplanationOfBenefit Invoice",
    "consents": "Consent",
    "journal": "AuditEvent Provenance",
}
KINDS = ("everything", *_TYPES, "other")
_KIND_OF = {name: kind for kind, names in _TYPES.items() for name in names.split()}


@dataclass(frozen=True, slots=True)
class Choice:
    """One line with a box: `scopes` is what leaving it ticked gives.

    `types` are named for a kind of `other`; `restriction` says that only a part is asked for.
    """

    id: str
    kind: str
    writes: bool
    scopes: tuple[str, ...]
    types: tuple[str, ...] = ()
    restriction: Restriction = ()


def choices(scopes: Iterable[str], contexts: Collection[str] = ("patient",)) -> list[Choice]:
    """The choices in a request's scopes of some contexts, reading before writing, widest first."""
    groups: dict[tuple[bool, int, Restriction], list[Scope]] = {}
    for scope in parsed(scopes):
        if scope.context not in contexts:
            continue
        for writes, letters in ((False, READ), (True, WRITE)):
            kept = "".join(letter for letter in scope.letters if letter in letters)
            if kept:
                place = KINDS.index(kind_of(scope.type))
                part = Scope(scope.context, scope.type, kept, scope.restriction)
                groups.setdefault((writes, place, scope.restriction), []).append(part)
    return [
        Choice(
            id=f"choice-{number}",
            kind=KINDS[place],
            writes=writes,
            scopes=tuple(str(part) for part in parts),
            types=tuple(dict.fromkeys(p.type for p in parts)) if KINDS[place] == "other" else (),
            restriction=restriction,
        )
        for number, ((writes, place, restriction), parts) in enumerate(sorted(groups.items()))
    ]


def chosen(offered: Iterable[Choice], ids: Collection[str]) -> list[str]:
    """The scopes of the choices that were left ticked; ids of no choice give nothing."""
    return [scope for choice in offered if choice.id in ids for scope in choice.scopes]


def kind_of(resource_type: str) -> str:
    """The kind of data that a type belongs to; `*` is all of them."""
    return "everything" if resource_type == "*" else _KIND_OF.get(resource_type, "other")
