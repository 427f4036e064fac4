"""The care teams that consents name: only those the patient wrote, always as they stand now.

A team's members are in STANDING. A change of a team by its patient makes the next policy version,
whether a consent names it or not: so a consent that is being written meanwhile is decided again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dmp.domain.consent import CareTeam, Provision, Standing
from dmp.domain.identifiers import ResourceId, resource_id
from dmp.domain.record import PATIENT, Version
from dmp.domain.refusals import Invalid
from dmp.fhir import json_reader
from dmp.fhir.care_team import team_of
from dmp.use_cases.held import Held

CARE_TEAM = "CareTeam"
_NOT_OWN = "a care team counts only if the patient wrote it, in this record"


def named_by(provisions: Iterable[Provision], patient: str) -> list[tuple[str, ResourceId]]:
    """The care teams that provisions name; 422 for one that is of no record or another's."""
    named = []
    actors = {a.value for p in provisions for a in p.actors if a.kind == "care-team"}
    for text in sorted(actors):
        name = resource_id(text)
        if name is None or name.patient != patient:
            raise Invalid(_NOT_OWN, "Consent.provision.actor")
        named.append((CARE_TEAM, name))
    return named


def teams_held(named: Sequence[tuple[str, ResourceId]], held: Held) -> list[CareTeam]:
    """Each as it stands; 422 for one that is absent, deleted or not the patient's own."""
    teams = []
    for kind, name in named:
        version = held.current(kind, name)
        if version is None or version.deleted or version.origin != PATIENT:
            raise Invalid(_NOT_OWN, "Consent.provision.actor")
        teams.append(_team(version))
    return teams


def standing_after(standing: Standing, versions: Iterable[Version]) -> Standing | None:
    """The next standing when the patient's own care teams change; None when none does."""
    changed = [v for v in versions if v.type == CARE_TEAM and v.origin == PATIENT and v.version > 1]
    return standing.with_teams(_team(version) for version in changed) if changed else None


def _team(version: Version) -> CareTeam:
    if version.deleted:
        return CareTeam(version.id)
    content: Mapping[str, Any] = json_reader.reread(version.body)
    return team_of(content, version.id)
