"""Whether a change of what is in force lets anybody do more than before; when in doubt, it does.

What a stolen phone must not do is to open the record to others. To narrow and to revoke is always
free: nobody may be kept from closing their own door.
"""

from __future__ import annotations

from dataclasses import replace

from dmp.domain.consent import (
    Actor,
    ActorKind,
    CareTeam,
    Data,
    Delegate,
    Policy,
    Provision,
    Standing,
)

_OPENNESS: dict[Policy, int] = {
    "deny": 0, "break-glass-only": 1, "basic-normal": 2, "all-normal": 3,
}  # fmt: skip


def widens(old: Standing, new: Standing) -> bool:
    """Whether `new` may permit something that `old` does not.

    Not so when the policy is no more open, every deny of `old` stands in `new` (or a longer one of
    the same consent), and every permit of `new` lies within one of `old`.
    """
    if any(not _known(team, old) for team in new.teams):
        return True
    opened = _OPENNESS[new.policy] > _OPENNESS[old.policy]
    if opened or _rest(old) != _rest(new) or _empowers(old, new):
        return True
    denies = [p for p in new.provisions if p.effect == "deny"]
    for deny in old.provisions:
        if deny.effect == "deny" and not any(_as_strict(d, deny) for d in denies):
            return True
    permits = [p for p in old.provisions if p.effect == "permit"]
    return any(
        p.effect == "permit" and not any(_within(p, known, denies) for known in permits)
        for p in new.provisions
    )


def _rest(standing: Standing) -> Standing:
    """What is neither version, policy, provision, delegate nor care team: only compared."""
    return replace(standing, version=0, policy="deny", provisions=(), delegates=(), teams=())


def _known(team: CareTeam, old: Standing) -> bool:
    """Whether all of the team were in it before, and none left whom a deny was to refuse."""
    before = next((known for known in old.teams if known.id == team.id), None)
    denied = any(
        p.effect == "deny" and Actor("care-team", team.id) in p.actors for p in old.provisions
    )
    return before == team or (
        before is not None and set(team.members) <= set(before.members) and not denied
    )


def _empowers(old: Standing, new: Standing) -> bool:
    """Whether somebody may do more for the patient, or loses the name that a deny knows them by."""
    if any(not any(_weaker(d, known) for known in old.delegates) for d in new.delegates):
        return True
    denied = {
        actor.value
        for p in old.provisions
        if p.effect == "deny"
        for actor in p.actors
        if actor.kind == "related-person"
    }
    kept = {d.related for d in new.delegates}
    others = {name for d in new.delegates for name in (d.person, d.identifier) if name}
    return any(
        not others.isdisjoint((d.person, d.identifier))
        for d in old.delegates
        if d.related in denied - kept
    )


def _weaker(delegate: Delegate, known: Delegate) -> bool:
    """The same person by the same RelatedPerson, with no power and no time more."""
    same = replace(
        known,
        powers=delegate.powers,
        starts=delegate.starts,
        ends=delegate.ends,
        name=delegate.name,
    )
    fewer = set(delegate.powers) <= set(known.powers)
    shorter = not known.ends or bool(delegate.ends and delegate.ends <= known.ends)
    return delegate == same and fewer and known.starts <= delegate.starts and shorter


def _as_strict(deny: Provision, before: Provision) -> bool:
    """Whether a deny refuses all that one before it refused, with the same rank and exceptions."""
    same = (deny.consent, deny.actors, deny.data, deny.nested, deny.grant) == (
        before.consent, before.actors, before.data, before.nested, before.grant,
    )  # fmt: skip
    return same and deny.recorded >= before.recorded and _spans(deny, before)


def _within(permit: Provision, known: Provision, denies: list[Provision]) -> bool:
    """Whether a permit gives nothing that `known` did not give, whatever else is in force.

    A later permit lifts a block, and one about less data goes before a deny: with such denies
    about, only the same instant and the same data are surely no more.
    """
    if permit.grant != known.grant or permit.nested != known.nested:
        return False
    if permit.nested and permit.consent != known.consent:  # an exception belongs to its own seal
        return False
    lifting = permit.recorded > known.recorded and "practitioner" in _kinds(permit)
    if lifting and any(d.data.is_everything() for d in denies):
        return False
    if permit.data != known.data and (
        not _narrower(permit.data, known.data) or any(_ranked(d) for d in denies)
    ):
        return False
    return set(permit.actors) <= set(known.actors) and _spans(known, permit)


def _ranked(deny: Provision) -> bool:
    """A deny that a permit about less may go before: neither a seal nor a block."""
    if deny.data.is_everything():
        return not _kinds(deny) <= {"practitioner", "organization"}
    return deny.nested or _kinds(deny) != {"anyone"}


def _kinds(provision: Provision) -> set[ActorKind]:
    return {actor.kind for actor in provision.actors}


def _narrower(data: Data, known: Data) -> bool:
    """Every criterion of `known` is there with the same values or fewer."""
    pairs = (
        (data.items, known.items),
        (data.related, known.related),
        (data.authors, known.authors),
        (data.types, known.types),
        (data.labels, known.labels),
    )
    fewer = all(not wide or (narrow and set(narrow) <= set(wide)) for narrow, wide in pairs)
    return fewer and known.period in (("", ""), data.period)


def _spans(wide: Provision, narrow: Provision) -> bool:
    """Whether purposes, directions and time of one hold all of the other's; none means any."""
    for many, few in ((wide.purposes, narrow.purposes), (wide.directions, narrow.directions)):
        if many and not (few and set(few) <= set(many)):
            return False
    begins = wide.starts <= narrow.starts
    return begins and (not wide.ends or bool(narrow.ends and narrow.ends <= wide.ends))
