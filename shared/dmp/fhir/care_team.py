"""CareTeam: who is in it, as a consent that names it means them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from dmp.domain.consent import Actor, CareTeam, Member
from dmp.domain.instants import in_utc
from dmp.domain.refusals import Invalid
from dmp.fhir.consent_references import actors_of

_WHO = ("practitioner", "organization")


def team_of(care_team: Mapping[str, Any], name: str) -> CareTeam:
    """The professionals and organisations of an active team; none of a team that is not active.

    Who takes part on behalf of an organisation is meant as of that organisation alone.
    """
    if care_team.get("status") != "active":
        return CareTeam(name)
    return CareTeam(name, tuple(_members(care_team)))


def _members(care_team: Mapping[str, Any]) -> Iterator[Member]:
    starts, ends = _period(care_team)
    for participant in care_team.get("participant", ()):
        begins, stops = _period(participant)
        who = _actors(participant.get("member", {}))
        where = participant.get("onBehalfOf")
        for pair in product(who, _actors(where)) if where else ((one,) for one in who):
            yield Member(pair, max(starts, begins), min(filter(None, (ends, stops)), default=""))


def _actors(reference: Mapping[str, Any]) -> list[Actor]:
    """Relatives, patients and teams within the team are nobody here."""
    try:
        return [actor for actor in actors_of(reference, "") if actor.kind in _WHO]
    except Invalid:
        return []


def _period(one: Mapping[str, Any]) -> tuple[str, str]:
    period = one.get("period", {})
    return (
        in_utc(period["start"]) if "start" in period else "",
        in_utc(period["end"], end=True) if "end" in period else "",
    )
