"""Who could read a record now, by which rule; what a change would open, close and take along.

Every answer is `decide`'s own: nothing here knows a rule. Somebody is asked for under treatment and
every purpose that a provision names; one yes is a yes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dmp.domain.access import Asking, Decision, Item, Permit, decide, may_break_glass, may_enter
from dmp.domain.consent import Actor, Data, Provision, Standing
from dmp.domain.decision import BREAK_GLASS
from dmp.domain.matching import denies

Kind = Literal["practitioner", "organization", "role", "anyone", "delegate", "break-glass"]
SIMULATED = "simulated"
_TREATMENT = "TREAT"
_STRANGER = "stranger"
_ORDER: tuple[Kind, ...] = (
    "practitioner", "organization", "role", "delegate", "anyone", "break-glass",
)  # fmt: skip


@dataclass(frozen=True, slots=True, order=True)
class Known:
    """Somebody who could ask: a practitioner (at an organisation), all of one, a role, anyone.

    `person` is a delegate's pseudonym; `break-glass` is any practitioner in an emergency.
    """

    kind: Kind
    practitioner: str = ""
    organization: str = ""
    role: str = ""
    person: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What somebody could read: the deciding rule, and how many of the items."""

    known: Known
    decision: Decision
    readable: int
    items: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change would show somebody, and hide from them."""

    known: Known
    opened: tuple[str, ...]
    closed: tuple[str, ...]


def known_to(standings: Iterable[Standing], seen: Iterable[Mapping[str, str]]) -> list[Known]:
    """Everybody that provisions or the journal's `who` name, then anyone, and an emergency."""
    found = {Known("anyone"), Known("break-glass")}
    for who in seen:
        if who.get("kind") == "practitioner":
            inpe, place = who.get("inpe", ""), who.get("organization", "")
            found.add(Known("practitioner", inpe, place, who.get("role", "")))
    met = {known.practitioner for known in found if known.practitioner}
    for standing in standings:
        found |= {Known("delegate", person=d.person) for d in standing.delegates}
        found |= {_together(m.actors) for team in standing.teams for m in team.members}
        for provision in standing.provisions:  # whom the journal knows better is not told twice
            found |= {k for k in _named(provision) if k.practitioner not in met}
    return sorted(found, key=lambda k: (_ORDER.index(k.kind), k))


def explained(
    everybody: Sequence[Known], standing: Standing, items: Sequence[Item], now: str
) -> list[Finding]:
    """For each of them: the rule at the item if there is but one, else at the record's door."""
    made, kinds = [], Counter(alike(items, [standing]).values())
    for known in everybody:
        decisions = {item: _best(known, standing, item, now) for item in kinds}
        readable = sum(n for i, n in kinds.items() if isinstance(decisions[i], Permit))
        single = next(iter(decisions.values())) if len(items) == 1 else None
        decision = single or _door(known, standing, now)
        made.append(Finding(known, decision, readable, len(items)))
    return made


def differences(
    everybody: Sequence[Known],
    standings: tuple[Standing, Standing],
    items: Sequence[Item],
    now: str,
) -> list[Difference]:
    """For each of them: the items, as `Type/id`, that the second standing opens and closes."""
    made, kinds = [], alike(items, standings)
    for known in everybody:
        seen = {
            item: [isinstance(_best(known, s, item, now), Permit) for s in standings]
            for item in set(kinds.values())
        }
        changed: dict[bool, list[str]] = {True: [], False: []}
        for item in items:
            before, after = seen[kinds[item]]
            if before != after:
                changed[after].append(f"{item.type}/{item.id}")
        made.append(Difference(known, tuple(changed[True]), tuple(changed[False])))
    return made


def alike(items: Iterable[Item], standings: Iterable[Standing]) -> dict[Item, Item]:
    """Each item with one that every decision on these standings takes for the same.

    Nothing but what a provision names can tell two items apart: a record of thousands is a few
    dozen of them.
    """
    data = [p.data for standing in standings for p in standing.provisions]
    named = {name for one in data for name in (*one.items, *one.related)}
    dated = any(one.period != ("", "") for one in data)
    return {
        item: replace(
            item,
            id=item.id if f"{item.type}/{item.id}" in named else "",
            encounter=item.encounter if item.encounter in named else "",
            related=tuple(sorted(named.intersection(item.related))),
            date=item.date if dated else "",
        )
        for item in items
    }


def with_seal(standing: Standing, reference: str, now: str) -> Standing:
    """The standing, were the item sealed now."""
    data = Data(items=(reference,))
    seal = Provision(SIMULATED, now, "deny", (Actor("anyone"),), data)
    return standing.with_consent(SIMULATED, (seal,))


def taken_along(reference: str, items: Iterable[Item]) -> list[str]:
    """What refers to the item and would be sealed with it."""
    data = Data(items=(reference,))
    named = (f"{item.type}/{item.id}" for item in items if denies(data, item))
    return sorted(name for name in named if name != reference)


def _named(provision: Provision) -> set[Known]:
    """The actors of a provision, each for itself; of a grant, all as one."""
    if provision.grant:
        return {_together(provision.actors)}
    kinds = ("practitioner", "organization", "role")
    return {_together([actor]) for actor in provision.actors if actor.kind in kinds}


def _together(actors: Sequence[Actor]) -> Known:
    """Somebody who is all of the actors at once."""
    value = {actor.kind: actor.value for actor in actors}
    who, place = value.get("practitioner", ""), value.get("organization", "")
    kind: Kind = "practitioner" if who else "organization" if place else "role"
    return Known(kind, who, place, value.get("role", ""))


def _askings(known: Known, standing: Standing, now: str) -> list[Asking]:
    """As whom they would be seen, under each purpose."""
    if known.kind == "delegate":
        return [Asking("read", "PATRQT", now, patient=known.person)]
    named = {purpose for p in standing.provisions for purpose in p.purposes}
    who = known.practitioner or _STRANGER
    asking = Asking(
        "read",
        _TREATMENT,
        now,
        practitioner=frozenset({who}),
        organization=frozenset({known.organization or _STRANGER}),
        role=known.role,
    )
    if known.kind == "break-glass":
        return [replace(asking, purpose=BREAK_GLASS)]
    return [asking, *(replace(asking, purpose=p) for p in sorted(named - {_TREATMENT}))]


def _best(known: Known, standing: Standing, item: Item, now: str) -> Decision:
    if known.kind == "break-glass":
        return _in_emergency(known, standing, item, now)
    return _first_yes([decide(a, standing, item) for a in _askings(known, standing, now)])


def _door(known: Known, standing: Standing, now: str) -> Decision:
    askings = _askings(known, standing, now)
    if known.kind == "break-glass":
        return may_break_glass(askings[0], standing)
    return _first_yes([may_enter(asking, standing) for asking in askings])


def _in_emergency(known: Known, standing: Standing, item: Item, now: str) -> Decision:
    """What would be decided, had a stranger broken the glass a moment ago."""
    (asking,) = _askings(known, standing, now)
    forbidden = may_break_glass(asking, standing)
    if not isinstance(forbidden, Permit):
        return forbidden
    actors = (Actor("practitioner", _STRANGER), Actor("organization", _STRANGER))
    grant = Provision(
        SIMULATED, now, "permit", actors, purposes=(BREAK_GLASS,), grant="break-glass"
    )
    opened = replace(standing, provisions=(*standing.provisions, grant))
    decision = decide(asking, opened, item)
    return replace(decision, consent="") if isinstance(decision, Permit) else decision


def _first_yes(decisions: Sequence[Decision]) -> Decision:
    return next((d for d in decisions if isinstance(d, Permit)), decisions[0])
