"""Whether a provision is in force, whom it names and what it is about.

Who is unknown is nobody. What is unknown of an item never helps it: without a date it is outside
every permit's period and inside every deny's, and a year or month counts for a permit only when
all of it lies within, for a deny when any of it does.
"""

from __future__ import annotations

from dmp.domain.consent import Actor, CareTeam, Data, Provision, Standing
from dmp.domain.decision import Asking, Item
from dmp.domain.labels import for_deny, for_permit

_ALWAYS = ("", "")


def is_live(starts: str, ends: str, now: str) -> bool:
    """From the first millisecond of `starts` to the last before `ends`; empty has no bound."""
    return starts <= now and (not ends or now < ends)


def is_for(provision: Provision, asking: Asking) -> bool:
    """Whether it is about the purpose that is asked for."""
    return not provision.purposes or asking.purpose in provision.purposes


def is_in_force(provision: Provision, asking: Asking) -> bool:
    """Whether it is about the direction, and its period holds the instant."""
    if provision.directions and asking.direction not in provision.directions:
        return False
    return is_live(provision.starts, provision.ends, asking.now)


def names(provision: Provision, asking: Asking, standing: Standing) -> bool:
    """Whether it names who asks: by any of its actors, a grant by all of them."""
    named = (is_actor(actor, asking, standing) for actor in provision.actors)
    if provision.grant:
        return bool(provision.actors) and all(named)
    return any(named)


def is_actor(actor: Actor, asking: Asking, standing: Standing) -> bool:
    """Whether who asks is the actor; a RelatedPerson is asked for in dmp.domain.delegation."""
    if actor.kind in ("practitioner", "organization"):
        return is_self(actor, asking)
    if actor.kind == "role":
        return bool(actor.value) and actor.value == asking.role
    if actor.kind == "care-team":
        return any(_is_in(team, asking) for team in standing.teams if team.id == actor.value)
    return actor.kind == "anyone"  # a kind that is not known is nobody


def is_self(actor: Actor, asking: Asking) -> bool:
    """Whether the actor is the very practitioner or organisation who asks."""
    if actor.kind == "practitioner":
        return actor.value in asking.practitioner
    return actor.kind == "organization" and actor.value in asking.organization


def _is_in(team: CareTeam, asking: Asking) -> bool:
    return any(
        bool(member.actors)
        and is_live(member.starts, member.ends, asking.now)
        and all(is_self(actor, asking) for actor in member.actors)
        for member in team.members
    )


def permits(data: Data, item: Item) -> bool:
    """Whether a permit of the data reaches the item: only when that is certain."""
    return (
        (not data.items or _reference(item) in data.items)
        and _reaches(data, item)
        and (not data.labels or not for_permit(item.labels).isdisjoint(data.labels))
        and (data.period == _ALWAYS or _is_within(item.date[:10], *data.period))
    )


def denies(data: Data, item: Item) -> bool:
    """Whether a deny of the data reaches the item, or what refers to it: unless it cannot.

    All of a record refers to its patient, so what names the Patient reaches that resource alone.
    """
    return (
        (not data.items or not _about(item).isdisjoint(data.items))
        and _reaches(data, item)
        and (not data.labels or not for_deny(item.labels).isdisjoint(data.labels))
        and (data.period == _ALWAYS or _may_touch(item.date[:10], *data.period))
    )


def _reference(item: Item) -> str:
    return f"{item.type}/{item.id}"


def _about(item: Item) -> set[str]:
    return {_reference(item), *(r for r in item.related if not r.startswith("Patient/"))}


def _reaches(data: Data, item: Item) -> bool:
    """Type, relation and author: what an item is never unsure of."""
    if data.types and item.type not in data.types:
        return False
    if data.related:
        relations = {item.encounter, _reference(item), *item.related}
        if relations.isdisjoint(data.related):
            return False
    return not data.authors or not {item.author, *item.writers}.isdisjoint(data.authors)


def _is_within(day: str, first: str, last: str) -> bool:
    """Whether every day that the date may be is in the period."""
    return bool(day) and _first(first) <= _first(day) and (not last or _last(day) <= _last(last))


def _may_touch(day: str, first: str, last: str) -> bool:
    """Whether any day that the date may be is in the period; without a date, any day may be."""
    return not day or (_first(first) <= _last(day) and (not last or _first(day) <= _last(last)))


def _first(date: str) -> str:
    """The first day of a year or month: text order is time order."""
    return date + "-01-01"[len(date) - 4 :] if date else ""


def _last(date: str) -> str:
    return date + "-12-31"[len(date) - 4 :]
