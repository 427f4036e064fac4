"""Moroccan identifiers and the profiles that ask for them: one table for checks and for publishing.

What is known of each form, and how surely, decides whether another form is refused or only noted:
published sources agree on INPE and IDCS, not on CIN and CNSS, and say nothing of an FSE number's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dmp.domain.identifiers import CIN, CNSS, FSE, IDCS, INPE, canonical
from dmp.domain.refusals import Issue, Severity

CANONICAL = "https://dmp.ma/fhir"
DEFINITIONS = f"{CANONICAL}/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class Numbering:
    """One system of identifiers: its form, what breaking it means, and HL7's type for it."""

    name: str
    system: str
    title: str
    pattern: str
    told: str
    severity: Severity
    code: str


@dataclass(frozen=True, slots=True)
class Profile:
    """What a resource must carry to be of the profile: for each numbering, at least so many."""

    name: str
    type: str
    title: str
    element: str
    needs: tuple[tuple[str, int], ...]


NUMBERINGS = (
    Numbering(
        "cin", CIN, "Carte nationale d'identité électronique (CIN)", "[A-Z]{1,2}[0-9]{1,7}",
        "a CIN has one or two letters and up to seven digits, eight characters at most",
        "warning", "NI",
    ),
    Numbering(
        "idcs", IDCS, "Identifiant digital civil et social (IDCS)", "[0-9]{10}",
        "an IDCS has ten digits", "error", "NI",
    ),
    Numbering(
        "cnss", CNSS, "Immatriculation CNSS, assurance maladie obligatoire (AMO)",
        "[0-9]{9}|[A-Z][0-9]{8}", "a CNSS registration number has nine characters",
        "warning", "SS",
    ),
    Numbering(
        "inpe", INPE, "Identifiant national du professionnel ou de l'établissement (INPE)",
        "[0-9]{9}", "an INPE has nine digits", "error", "PRN",
    ),
    Numbering(
        "fse", FSE, "Numéro unique de la feuille de soins électronique (FSE)",
        r"[A-Za-z0-9][A-Za-z0-9./\-]{0,63}",
        "an FSE number has up to 64 letters, digits and separators", "warning", "PLAC",
    ),
)  # fmt: skip
BY_SYSTEM: Mapping[str, Numbering] = {n.system: n for n in NUMBERINGS}
BY_NAME: Mapping[str, Numbering] = {n.name: n for n in NUMBERINGS}
PROFILES = (
    Profile("ma-patient", "Patient", "Patient au Maroc", "identifier",
            (("cin", 0), ("idcs", 0), ("cnss", 0))),
    Profile("ma-practitioner", "Practitioner", "Professionnel de santé au Maroc", "identifier",
            (("inpe", 1),)),
    Profile("ma-organization", "Organization", "Établissement de santé au Maroc", "identifier",
            (("inpe", 1),)),
    Profile("ma-prescription", "MedicationRequest", "Prescription avec son numéro FSE",
            "groupIdentifier", (("fse", 1),)),
)  # fmt: skip
BY_URL: Mapping[str, Profile] = {DEFINITIONS + p.name: p for p in PROFILES}


def broken(identifier: Mapping[str, Any]) -> Numbering | None:
    """The numbering whose form an Identifier's value does not have, if any."""
    numbering = BY_SYSTEM.get(identifier.get("system", ""))
    value = identifier.get("value")
    if numbering is None or not isinstance(value, str):
        return None
    text = (
        canonical(value) if numbering.severity == "warning" and numbering.name != "fse" else value
    )
    fits = re.fullmatch(numbering.pattern, text, re.ASCII)
    return None if fits and (numbering.name != "cin" or len(text) <= 8) else numbering


def missing(profile: Profile, resource: Mapping[str, Any]) -> Iterator[Issue]:
    """What a sound resource lacks of a profile."""
    if resource["resourceType"] != profile.type:
        yield Issue(f"the profile {profile.name} is one of {profile.type}", "resourceType", "value")
        return
    held = resource.get(profile.element, [])
    systems = [one.get("system") for one in (held if isinstance(held, list) else [held])]
    for name, least in profile.needs:
        if systems.count(BY_NAME[name].system) < least:
            text = f"the profile {profile.name} asks for an identifier of {BY_NAME[name].system}"
            yield Issue(text, f"{profile.type}.{profile.element}", "required")
