"""Whom and what a Consent's provision refers to.

An actor is a practitioner or organisation (by id or by INPE number), a care team or related person
of the record, or everybody who holds a role: a logical reference of type PractitionerRole whose
identifier is `urn:dmp:role|<code of the directory>`, since PCF fixes `actor.role` to IRCP.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from dmp.domain.consent import Actor, ActorKind
from dmp.domain.identifiers import INPE
from dmp.domain.record import PATIENT
from dmp.domain.refusals import Invalid

ROLE = "urn:dmp:role"
_RELATIVE = re.compile(r"[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}\Z")
_KINDS: Mapping[str, ActorKind] = {
    "Practitioner": "practitioner",
    "Organization": "organization",
    "CareTeam": "care-team",
    "RelatedPerson": "related-person",
}
_LISTED: tuple[ActorKind, ...] = ("practitioner", "organization")
_RELATING = frozenset({"Encounter", "CarePlan", "EpisodeOfCare"})
_WHO = (
    "an actor is a Practitioner or Organization, by reference or urn:ma:inpe identifier, a CareTeam"
    " or RelatedPerson of the record, or a PractitionerRole by urn:dmp:role identifier"
)


def actors_of(reference: Mapping[str, Any], path: str) -> Iterator[Actor]:
    """Who is meant; an INPE number without a type may be a person's or an establishment's."""
    text = reference.get("reference", "")
    kind, _, own = text.partition("/")
    if kind in _KINDS and _RELATIVE.match(text):
        yield Actor(_KINDS[kind], own)
        return
    identifier, stated = reference.get("identifier", {}), reference.get("type")
    system, value = identifier.get("system"), identifier.get("value")
    if system == ROLE and value and stated in (None, "PractitionerRole"):
        yield Actor("role", value)
    elif system == INPE and value and (stated is None or _KINDS.get(stated) in _LISTED):
        # An INPE number is one person's or one establishment's: untyped, it can only mean that one.
        for named in (_KINDS[stated],) if stated else _LISTED:
            yield Actor(named, value)
    else:
        raise Invalid(_WHO, path)


def author_of(reference: Mapping[str, Any], path: str) -> str:
    """Who wrote version 1, as authenticated: practitioner, organisation or the patient."""
    text = reference.get("reference", "")
    kind = text.partition("/")[0]
    if kind == "Patient" and _RELATIVE.match(text):
        return PATIENT
    if kind in ("Practitioner", "Organization") and _RELATIVE.match(text):
        return str(text)
    identifier, stated = reference.get("identifier", {}), reference.get("type")
    if (
        identifier.get("system") != INPE
        or not identifier.get("value")
        or (stated is not None and _KINDS.get(stated) not in _LISTED)
    ):
        text = (
            "an author is a Practitioner or Organization, by reference or urn:ma:inpe, or Patient"
        )
        raise Invalid(text, path)
    return str(identifier["value"])


def instance_of(reference: Mapping[str, Any], path: str) -> str:
    """The `Type/id` that is meant."""
    text = reference.get("reference", "")
    if not _RELATIVE.match(text):
        raise Invalid("a reference of the form Type/id", path)
    return str(text)


def relating_of(reference: Mapping[str, Any], path: str) -> str:
    """The encounter, care plan or episode that data are related to."""
    text = instance_of(reference, path)
    if text.partition("/")[0] not in _RELATING:
        raise Invalid("data are related to an Encounter, CarePlan or EpisodeOfCare", path)
    return text
