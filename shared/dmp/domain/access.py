"""decide(): the only place that says yes or no. Pure and total; it names its rule.

Of the provisions in force for purpose, direction and instant (DESIGN section 4):
1. a seal (a root deny of data that names nobody) refuses everyone but the patient, save an
   exception inside the same consent that names the actor;
2. a block (a deny that names the practitioner or organisation, and no data) refuses, save a later
   permit that names that same practitioner, or an exception inside the block that does: who blocks
   a hospital but for one doctor means that doctor;
3. of the rest the narrowest data decides, then the narrowest actor, then deny.
Without any, the patient's implicit policy decides. "Later" is the server's record time. A consent
that permits less than the implicit policy takes nothing from it: removing it must show no more.

A patient's session is decided in dmp.domain.delegation, purpose BTG in dmp.domain.emergency; a
grant made in an emergency is good for nothing but BTG.
"""

from __future__ import annotations

from collections.abc import Iterable

from dmp.domain.blocks import blocked_by
from dmp.domain.consent import Provision, Standing
from dmp.domain.decision import (
    BREAK_GLASS,
    PATIENT_ONLY,
    Asking,
    Decision,
    Item,
    Permit,
    Refuse,
    Rule,
)
from dmp.domain.delegation import decide_for_patient, enter_as_patient
from dmp.domain.emergency import decide_in_emergency, enter_in_emergency, may_break_glass
from dmp.domain.labels import is_normal
from dmp.domain.matching import denies, is_actor, is_for, is_in_force, names, permits
from dmp.domain.seals import is_seal, sealed_by

__all__ = [
    "PATIENT_ONLY", "Asking", "Decision", "Item", "Permit", "Refuse", "Rule",
    "decide", "may_break_glass", "may_enter",
]  # fmt: skip
_TREATMENT = frozenset({"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "PATRQT"})
_WIDTH = {"practitioner": 0, "organization": 1, "role": 2, "care-team": 2, "anyone": 3}
_NOTHING = Item("", "")


def decide(asking: Asking, standing: Standing, item: Item) -> Decision:
    """Whether the item may be read, or written, by who asks, now."""
    if asking.patient is not None:
        return decide_for_patient(asking, standing, item)
    if item.type in PATIENT_ONLY:
        return Refuse("patient-only")
    if asking.purpose == BREAK_GLASS:
        return decide_in_emergency(asking, standing, item)
    live = _live(asking, standing)
    seals = [p for p in live if is_seal(p) and denies(p.data, item)]
    if (seal := sealed_by(seals, live, asking, standing, item)) is not None:
        return Refuse("seal", seal.consent)
    about = [p for p in live if _reaches(p, item)]
    block, blocks = blocked_by(live, about, asking)
    if block is not None:
        return Refuse("block", block.consent)
    gone = [*seals, *blocks]  # opened and lifted for who asks, or nobody would be here
    rest = [p for p in about if p not in gone and names(p, asking, standing)]
    return _narrowest(rest, asking, standing, item)


def may_enter(asking: Asking, standing: Standing) -> Decision:
    """Whether who asks could be permitted anything at all in the record: the door of every call.

    A refusal here is the same whatever the record holds; a permit promises nothing of any item.
    """
    if asking.patient is not None:
        return enter_as_patient(asking, standing)
    if asking.purpose == BREAK_GLASS:
        return enter_in_emergency(asking, standing)
    live = _live(asking, standing)
    block, blocks = blocked_by(live, live, asking)
    if block is not None:
        return Refuse("block", block.consent)
    named = [p for p in live if p not in blocks and names(p, asking, standing)]
    narrow = [p for p in named if p.effect == "permit" and not p.data.is_everything()]
    if narrow:
        return Permit("consent-permit", min(p.consent for p in narrow))
    everything = [p for p in named if p.data.is_everything()]
    return _narrowest(everything, asking, standing, _NOTHING)


def _live(asking: Asking, standing: Standing) -> list[Provision]:
    return [
        p
        for p in standing.provisions
        if p.grant != "break-glass" and is_for(p, asking) and is_in_force(p, asking)
    ]


def _reaches(provision: Provision, item: Item) -> bool:
    reaches = permits if provision.effect == "permit" else denies
    return reaches(provision.data, item)


def _narrowest(
    candidates: Iterable[Provision], asking: Asking, standing: Standing, item: Item
) -> Decision:
    def order(provision: Provision) -> tuple[int, int, bool, str]:
        named = (a.kind for a in provision.actors if is_actor(a, asking, standing))
        width = min(_WIDTH[kind] for kind in named)
        return _width(provision), width, provision.effect != "deny", provision.consent

    decisive = min(candidates, key=order, default=None)
    if decisive is None:
        return _implicit(asking, standing, item)
    if decisive.effect == "permit":
        return Permit("consent-permit", decisive.consent)
    return Refuse("consent-deny", decisive.consent)


def _width(provision: Provision) -> int:
    """Item < author or encounter < label, class or date < all."""
    data = provision.data
    if data.items:
        return 0
    if data.authors or data.related:
        return 1
    return 3 if data.is_everything() else 2


def _implicit(asking: Asking, standing: Standing, item: Item) -> Decision:
    """The PCF implicit policies; `deny` and `break-glass-only` permit nobody by themselves."""
    if (
        standing.policy in ("basic-normal", "all-normal")
        and is_normal(item.labels)
        and (standing.policy == "all-normal" or asking.purpose in _TREATMENT)
    ):
        return Permit("policy-permit")
    return Refuse("policy-deny")
