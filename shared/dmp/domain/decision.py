"""The words of a decision: who asks, for what, and the answer with its rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dmp.domain.consent import Direction

Rule = Literal[
    "patient-own", "stronger-sign-in", "delegate", "guardian", "not-the-patient", "patient-only",
    "seal", "block", "consent-permit", "consent-deny", "policy-permit", "policy-deny",
    "break-glass", "break-glass-forbidden", "break-glass-needed",
]  # fmt: skip
BREAK_GLASS = "BTG"
PATIENT_ONLY = frozenset({"Consent", "AuditEvent"})


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for what. `now` is an instant in UTC; INPE numbers and FHIR ids both name actors.

    `patient` is the pseudonym of the asker's own record, of a delegate too; `strong` tells
    whether a patient's session has shown PIN or passkey lately, or has none to show.
    """

    direction: Direction
    purpose: str
    now: str
    patient: str | None = None
    practitioner: frozenset[str] = frozenset()
    organization: frozenset[str] = frozenset()
    role: str = ""
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """What decides about one resource, from a commit's index alone.

    `author` is the INPE of the organisation that wrote version 1 (`patient` for their own);
    `writers` name the practitioner (INPE) and both as `Practitioner/id` and `Organization/id`.
    """

    type: str
    id: str
    author: str = ""
    encounter: str = ""
    date: str = ""
    labels: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, by `rule` of `consent` (a RelatedPerson's id for a delegate, empty for a policy)."""

    rule: Rule
    consent: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No, by `rule` of `consent`."""

    rule: Rule
    consent: str = ""


Decision = Permit | Refuse
