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

from collections.abc import Callable, Iterable
from functools import partial

from dmp.domain.blocks import blocked_by, blocks_of
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
    "decide", "judge", "may_break_glass", "may_enter",
]  # fmt: skip
_TREATMENT = frozenset({"TREAT", "ETREAT", "HPAYMT", "HOPERAT", "PATRQT"})
_WIDTH = {"practitioner": 0, "organization": 1, "role": 2, "care-team": 2, "anyone": 3}
_NOTHING = Item("", "")


Judge = Callable[[Item], Decision]


def decide(asking: Asking, standing: Standing, item: Item) -> Decision:
    """Whether the item may be read, or written, by who asks, now."""
    return judge(asking, standing)(item)


def judge(asking: Asking, standing: Standing) -> Judge:
    """`decide` for every item of a request: what hangs on no item is worked out once."""
    if asking.patient is not None:
        return partial(decide_for_patient, asking, standing)
    if asking.purpose == BREAK_GLASS:
        return partial(_in_emergency, asking, standing)
    return _Ordinary(asking, standing).decide


def _in_emergency(asking: Asking, standing: Standing, item: Item) -> Decision:
    if item.type in PATIENT_ONLY:
        return Refuse("patient-only")
    return decide_in_emergency(asking, standing, item)


class _Ordinary:
    """The decisions of a practitioner's request that is no emergency.

    `ranked` are the provisions that name who asks, each with what it says, most decisive first.
    """

    def __init__(self, asking: Asking, standing: Standing) -> None:
        self._asking, self._standing = asking, standing
        self._live = _live(asking, standing)
        self._seals = [p for p in self._live if is_seal(p)]
        self._blocks = blocks_of(self._live, asking)
        self._ranked = [(p, _by(p)) for p in _ranked(self._live, asking, standing)]

    def decide(self, item: Item) -> Decision:
        if item.type in PATIENT_ONLY:
            return Refuse("patient-only")
        gone: list[Provision] = []
        if self._seals:
            gone = [p for p in self._seals if denies(p.data, item)]
            seal = sealed_by(gone, self._live, self._asking, self._standing, item)
            if seal is not None:
                return Refuse("seal", seal.consent)
        if self._blocks:
            about = [p for p in self._live if _reaches(p, item)]
            block, blocks = blocked_by(self._live, about, self._asking)
            if block is not None:
                return Refuse("block", block.consent)
            gone = [*gone, *blocks]  # opened and lifted for who asks, or nobody would be here
        for provision, decision in self._ranked:
            if _reaches(provision, item) and provision not in gone:
                return decision
        return _implicit(self._asking, self._standing, item)


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
    everything = _ranked([p for p in named if p.data.is_everything()], asking, standing)
    return _by(everything[0]) if everything else _implicit(asking, standing, _NOTHING)


def _live(asking: Asking, standing: Standing) -> list[Provision]:
    return [
        p
        for p in standing.provisions
        if p.grant != "break-glass" and is_for(p, asking) and is_in_force(p, asking)
    ]


def _reaches(provision: Provision, item: Item) -> bool:
    reaches = permits if provision.effect == "permit" else denies
    return reaches(provision.data, item)


def _ranked(candidates: Iterable[Provision], asking: Asking, standing: Standing) -> list[Provision]:
    """Those that name who asks: the narrowest data first, then the narrowest actor, then deny."""

    def order(provision: Provision) -> tuple[int, int, bool, str]:
        named = (a.kind for a in provision.actors if is_actor(a, asking, standing))
        width = min(_WIDTH[kind] for kind in named)
        return _width(provision), width, provision.effect != "deny", provision.consent

    return sorted((p for p in candidates if names(p, asking, standing)), key=order)


def _by(decisive: Provision) -> Decision:
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
