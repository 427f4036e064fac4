"""decide(): the only place that says yes or no. Pure and total; it names its rule.

Of the provisions in force for purpose, direction and instant (DESIGN section 4):
1. a seal (a root deny that names data and no actor) refuses everyone but the patient, save an
   exception inside the same consent that names the actor;
2. a block (a deny that names the practitioner or organisation, and no data) refuses, save a later
   permit that names that same practitioner;
3. of the rest the narrowest data decides, then the narrowest actor, then deny.
Without any, the patient's implicit policy decides. "Later" is the server's record time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dmp.domain.consent import Actor, Data, Direction, Provision, Standing

Rule = Literal[
    "patient-own", "seal", "block", "consent-permit", "consent-deny", "policy-permit",
    "policy-deny", "not-the-patient", "patient-only",
]  # fmt: skip
_TREATMENT = frozenset({"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "PATRQT"})
_RESTRICTED = frozenset(
    {"R", "V", "ETH", "ETHUD", "OPIOIDUD", "PSY", "SDV", "HIV", "GDIS", "SEX", "SUD", "VIO"}
)
PATIENT_ONLY = frozenset({"Consent", "AuditEvent"})
_WIDTH = {"practitioner": 0, "organization": 1, "role": 2, "care-team": 2, "anyone": 3}


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for what. `now` is an instant in UTC; INPE numbers and FHIR ids both name actors.

    `strong`: not a patient who has a PIN or passkey and did not lately prove it.
    """

    direction: Direction
    purpose: str
    now: str
    patient: str | None = None
    practitioner: frozenset[str] = frozenset()
    organization: frozenset[str] = frozenset()
    role: str = ""
    care_teams: frozenset[str] = frozenset()
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Item:
    """What decides about one resource, from a commit's index alone."""

    type: str
    id: str
    author: str = ""
    encounter: str = ""
    date: str = ""
    labels: tuple[str, ...] = ()
    related: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """Yes, by `rule` of `consent` (empty for a policy or the patient's own right)."""

    rule: Rule
    consent: str = ""


@dataclass(frozen=True, slots=True)
class Refuse:
    """No, by `rule` of `consent`."""

    rule: Rule
    consent: str = ""


Decision = Permit | Refuse


def decide(asking: Asking, standing: Standing, item: Item) -> Decision:
    """Whether the item may be read, or written, by who asks, now."""
    own = _own(asking, standing)
    if own is not None:
        return own
    if item.type in PATIENT_ONLY:
        return Refuse("patient-only")
    live = [p for p in standing.provisions if _in_force(p, asking)]
    about = [p for p in live if _covers(p.data, item)]
    for seal in about:
        if _is_seal(seal) and not any(_excepts(p, seal, asking) for p in about):
            return Refuse("seal", seal.consent)
    blocks = _blocks(live, asking)
    for block in blocks:
        if not _lifted(block, about, asking):
            return Refuse("block", block.consent)
    rest = [p for p in about if _names(p, asking) and p not in blocks]
    return _narrowest(rest, asking, standing, item)


def may_enter(asking: Asking, standing: Standing) -> Decision:
    """Whether who asks could be permitted anything at all in the record: the door of every call.

    A refusal here is the same whatever the record holds; a permit promises nothing of any item.
    """
    own = _own(asking, standing)
    if own is not None:
        return own
    live = [p for p in standing.provisions if _in_force(p, asking)]
    blocks = _blocks(live, asking)
    for block in blocks:
        if not _lifted(block, live, asking):
            return Refuse("block", block.consent)
    named = [p for p in live if _names(p, asking) and p not in blocks]
    for permit in named:
        if permit.effect == "permit" and not permit.data.is_everything():
            return Permit("consent-permit", permit.consent)
    everything = [p for p in named if p.data.is_everything()]
    return _narrowest(everything, asking, standing, Item("", ""))


def _own(asking: Asking, standing: Standing) -> Decision | None:
    if asking.patient is None:
        return None
    if asking.patient == standing.owner:
        return Permit("patient-own")
    return Refuse("not-the-patient")


def _in_force(provision: Provision, asking: Asking) -> bool:
    """Purpose, direction and period. An unknown time is outside every period."""
    if provision.purposes and asking.purpose not in provision.purposes:
        return False
    if provision.directions and asking.direction not in provision.directions:
        return False
    if provision.starts and asking.now < provision.starts:
        return False
    return not provision.ends or asking.now < provision.ends


def _covers(data: Data, item: Item) -> bool:
    """Every kind of criterion given must hold; within one kind, any of its values."""
    reference = f"{item.type}/{item.id}"
    if data.items and reference not in data.items:
        return False
    if data.related and not {item.encounter, reference, *item.related}.intersection(data.related):
        return False
    if data.authors and item.author not in data.authors:
        return False
    if data.types and item.type not in data.types:
        return False
    if data.labels and not set(data.labels).intersection(item.labels):
        return False
    first, last = data.period
    day = item.date[:10]
    if not (first or last):
        return True
    # a period may end with a year or month, of which every day is in it
    return bool(day) and first <= day and (not last or day[: len(last)] <= last)


def _is_seal(provision: Provision) -> bool:
    return (
        provision.effect == "deny"
        and not provision.nested
        and not provision.data.is_everything()
        and all(actor.kind == "anyone" for actor in provision.actors)
    )


def _excepts(provision: Provision, seal: Provision, asking: Asking) -> bool:
    return (
        provision.nested
        and provision.consent == seal.consent
        and provision.effect == "permit"
        and any(a.kind != "anyone" and _is(a, asking) for a in provision.actors)
    )


def _blocks(live: list[Provision], asking: Asking) -> list[Provision]:
    """Denies that name the asker and no data."""
    return [
        p
        for p in live
        if p.effect == "deny"
        and p.data.is_everything()
        and any(a.kind in ("practitioner", "organization") and _is(a, asking) for a in p.actors)
    ]


def _lifted(block: Provision, permits: list[Provision], asking: Asking) -> bool:
    """Whether a later permit names the practitioner; for one item, a permit that covers it."""
    return any(
        p.effect == "permit"
        and p.recorded > block.recorded
        and any(a.kind == "practitioner" and _is(a, asking) for a in p.actors)
        for p in permits
    )


def _names(provision: Provision, asking: Asking) -> bool:
    return any(_is(actor, asking) for actor in provision.actors)


def _is(actor: Actor, asking: Asking) -> bool:
    if actor.kind == "practitioner":
        return actor.value in asking.practitioner
    if actor.kind == "organization":
        return actor.value in asking.organization
    if actor.kind == "role":
        return actor.value == asking.role
    if actor.kind == "care-team":
        return actor.value in asking.care_teams
    return actor.kind == "anyone"  # a kind that is not known is nobody


def _narrowest(
    candidates: list[Provision], asking: Asking, standing: Standing, item: Item
) -> Decision:
    if not candidates:
        return _implicit(asking, standing, item)
    decisive = min(candidates, key=lambda p: (*_narrowness(p, asking), p.effect != "deny"))
    if decisive.effect == "permit":
        return Permit("consent-permit", decisive.consent)
    return Refuse("consent-deny", decisive.consent)


def _narrowness(provision: Provision, asking: Asking) -> tuple[int, int]:
    """Item < author or encounter < label or class < all, then practitioner … < anyone."""
    data = provision.data
    if data.items:
        width = 0
    elif data.authors or data.related:
        width = 1
    elif data.types or data.labels or data.period != ("", ""):
        width = 2
    else:
        width = 3
    return width, min(_WIDTH[a.kind] for a in provision.actors if _is(a, asking))


def _implicit(asking: Asking, standing: Standing, item: Item) -> Decision:
    """The PCF implicit policies; `deny` and `break-glass-only` permit nobody by themselves."""
    if (
        standing.policy in ("basic-normal", "all-normal")
        and not _RESTRICTED.intersection(item.labels)
        and (standing.policy == "all-normal" or asking.purpose in _TREATMENT)
    ):
        return Permit("policy-permit")
    return Refuse("policy-deny")
