"""Who may see a record, what was decided and who acts, as the page of it shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from dmp.domain.access import Permit
from dmp.domain.accesses import millis_of
from dmp.domain.consent import Actor, Delegate, Power, Provision
from dmp.domain.explaining import Finding, Known
from dmp.domain.matching import is_live
from dmp.edge.journal_words import PURPOSES
from dmp.edge.language import Words
from dmp.fhir.explanations import rule_of
from dmp.use_cases.explaining import Overview

_NEVER = "9999"
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def _(text: str) -> str:
    """Mark for extraction."""
    return text


GENERAL = {
    "deny": _("Where you have said nothing, nobody may see your record."),
    "break-glass-only": _("Where you have said nothing, your record opens in an emergency alone."),
    "basic-normal": _("Where you have said nothing, those who care for you may see what is not "
                      "sensitive."),
    "all-normal": _("Where you have said nothing, every professional may see what is not "
                    "sensitive."),
}  # fmt: skip
POWERS: Mapping[Power, str] = {
    "read": _("Read your record"),
    "write": _("Write in your record"),
    "consent": _("Decide who may see it"),
    "journal": _("See who used it"),
}
_ACTORS = {
    "anyone": _("Everybody"),
    "care-team": _("A care team of yours"),
    "related-person": _("Somebody who acts for you"),
}


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who could or could not read now, by which rule, and how much."""

    sentence: str
    much: Markup | str


@dataclass(frozen=True, slots=True)
class Decided:
    """A consent in force. `grant` tells of one that the server made, `lets` a permit."""

    id: str
    who: list[Markup]
    lets: bool
    grant: str
    until: str
    since: str
    limits: list[Markup]


@dataclass(frozen=True, slots=True)
class Acting:
    """Somebody who acts for the patient."""

    related: str
    name: str
    guardian: bool
    powers: list[Markup]
    until: str
    since: str


def readers(seen: Overview, words: Words) -> tuple[list[Reader], list[Reader], Reader | None]:
    """Who can read, who cannot, and what holds in an emergency."""
    told: dict[bool, list[Reader]] = {True: [], False: []}
    emergency = None
    for finding in seen.findings:
        if finding.known.kind == "break-glass":
            emergency = Reader(_sentence(seen, finding), "")
        elif finding.known.kind != "delegate":
            told[_can(finding)].append(Reader(_sentence(seen, finding), _much(finding, words)))
    return told[True], told[False], emergency


def decided(seen: Overview, words: Words) -> list[Decided]:
    """Every consent in force, newest first."""
    live = [p for p in seen.standing.provisions if not p.ends or seen.now < p.ends]
    ordered = sorted(live, key=lambda p: (p.recorded, p.consent), reverse=True)
    found = (list(some) for _name, some in groupby(ordered, key=lambda p: p.consent))
    return [_decided(seen, some, words) for some in found]


def acting(seen: Overview, words: Words) -> list[Acting]:
    """Delegates and guardians whose time has not ended."""
    return [
        Acting(
            related=one.related,
            name=one.name,
            guardian=one.kind == "guardian",
            powers=[words.t(POWERS[power]) for power in one.powers],
            until=_until(one, words),
            since=_since(one, seen.now, words),
        )
        for one in seen.standing.delegates
        if not one.ends or seen.now < one.ends
    ]


def _can(finding: Finding) -> bool:
    return isinstance(finding.decision, Permit) and (finding.readable > 0 or not finding.items)


def _sentence(seen: Overview, finding: Finding) -> str:
    name = seen.names.of(finding.known)
    rule = rule_of(finding.known, finding.decision.rule)
    return seen.say(rule, f"{_ISOLATE}{name}{_END_ISOLATE}" if name else "")


def _much(finding: Finding, words: Words) -> Markup | str:
    if not finding.readable:
        return ""
    number = words.number
    return words.t(
        _("{readable} of {all} entries of your record"),
        readable=number(finding.readable), all=number(finding.items),
    )  # fmt: skip


def _decided(seen: Overview, some: Sequence[Provision], words: Words) -> Decided:
    root = next((p for p in some if not p.nested), some[0])
    return Decided(
        id=root.consent,
        who=[_actor(seen, actor, words) for actor in root.actors],
        lets=root.effect == "permit",
        grant=root.grant,
        until=_until(root, words),
        since=_since(root, seen.now, words),
        limits=list(_limits(root, words, more=len(some) > 1)),
    )


def _actor(seen: Overview, actor: Actor, words: Words) -> Markup:
    acts = [d.name for d in seen.standing.delegates if d.related == actor.value]
    if actor.kind == "related-person" and acts:
        return Markup("<bdi>{}</bdi>").format(acts[0])
    if actor.kind in _ACTORS:
        return words.t(_ACTORS[actor.kind])
    known = {
        "practitioner": Known("practitioner", practitioner=actor.value),
        "organization": Known("organization", organization=actor.value),
        "role": Known("role", role=actor.value),
    }[actor.kind]
    return Markup("<bdi>{}</bdi>").format(seen.names.of(known))


def _limits(provision: Provision, words: Words, *, more: bool) -> Iterator[Markup]:
    """What narrows it, in words; how exactly is for the app that made it."""
    if provision.directions == ("read",):
        yield words.t(_("only to read"))
    if provision.directions == ("write",):
        yield words.t(_("only to write"))
    for purpose in provision.purposes:
        if purpose in PURPOSES:
            yield words.t(PURPOSES[purpose])
    if not provision.data.is_everything():
        yield words.t(_("for a part of your record"))
    if more:
        yield words.t(_("with exceptions"))


def last_day(ends: str, words: Words) -> str:
    """The day that ends with the instant."""
    return words.day(millis_of(ends) // 1000 - 1)


def _until(one: Provision | Delegate, words: Words) -> str:
    """The last moment of it; empty without end, for which apps write the last year there is."""
    ends = one.ends and one.ends < _NEVER
    return words.moment(millis_of(one.ends) // 1000 - 1) if ends else ""


def _since(one: Provision | Delegate, now: str, words: Words) -> str:
    """When it begins, if that is still to come."""
    waits = one.starts and not is_live(one.starts, one.ends, now)
    return words.moment(millis_of(one.starts) // 1000) if waits else ""
