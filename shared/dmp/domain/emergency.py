"""Break-glass: what purpose BTG opens, and what a patient can forbid even then.

A grant that the server made for that practitioner and organisation opens the record for its few
hours, over the implicit policy, denies and ordinary seals. Never: what is sealed for BTG by name,
a blocked practitioner, a record whose patient forbade it (a root deny for anyone, of no data, that
names BTG). A block counts here whatever its purposes, unless it is lifted for BTG or wherever it
applies; a deny or seal that names no purpose does not name BTG. The implicit policy `deny` does
not forbid: PCF has it decide only where no Consent is on file, and the grant is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from dmp.domain.blocks import blocks_of, lifts
from dmp.domain.consent import Provision, Standing
from dmp.domain.decision import BREAK_GLASS, Asking, Decision, Item, Permit, Refuse
from dmp.domain.matching import denies, is_for, is_in_force, is_self, permits
from dmp.domain.seals import is_seal, sealed_by


def decide_in_emergency(asking: Asking, standing: Standing, item: Item) -> Decision:
    """Whether the item may be read, or written, under a break-glass grant in force."""
    live = [p for p in standing.provisions if is_in_force(p, asking)]
    named = [p for p in live if BREAK_GLASS in p.purposes]
    seals = [p for p in named if is_seal(p) and denies(p.data, item)]
    if (seal := sealed_by(seals, named, asking, standing, item)) is not None:
        return Refuse("seal", seal.consent)
    lifting = [p for p in live if p.effect == "permit" and permits(p.data, item)]
    return _forbidden(live, lifting, asking) or _granted(live, asking)


def enter_in_emergency(asking: Asking, standing: Standing) -> Decision:
    """Whether a break-glass grant in force could permit anything at all."""
    live = [p for p in standing.provisions if is_in_force(p, asking)]
    return _forbidden(live, live, asking) or _granted(live, asking)


def may_break_glass(asking: Asking, standing: Standing) -> Decision:
    """Whether a break-glass grant may be made for who asks (the operation asks for roles)."""
    if asking.patient is not None:
        return Refuse("not-the-patient")
    if asking.purpose != BREAK_GLASS or not asking.practitioner or not asking.organization:
        return Refuse("break-glass-needed")
    live = [p for p in standing.provisions if is_in_force(p, asking)]
    return _forbidden(live, live, asking) or Permit("break-glass")


def _forbidden(
    live: Sequence[Provision], lifting: Sequence[Provision], asking: Asking
) -> Refuse | None:
    blocks = [b for b in blocks_of(live, asking) if not any(_lifts(p, b, asking) for p in lifting)]
    if blocks:
        return Refuse("block", min(b.consent for b in blocks))
    forbidding = [p.consent for p in live if _forbids(p)]
    return Refuse("break-glass-forbidden", min(forbidding)) if forbidding else None


def _lifts(permit: Provision, block: Provision, asking: Asking) -> bool:
    everywhere = bool(block.purposes) and set(block.purposes) <= set(permit.purposes)
    return (
        permit.grant != "break-glass"
        and (is_for(permit, asking) or everywhere)
        and lifts(permit, block, asking)
    )


def _forbids(provision: Provision) -> bool:
    return (
        provision.effect == "deny"
        and not provision.nested
        and provision.data.is_everything()
        and BREAK_GLASS in provision.purposes
        and all(actor.kind == "anyone" for actor in provision.actors)
    )


def _granted(live: Sequence[Provision], asking: Asking) -> Decision:
    grants = [
        p.consent
        for p in live
        if p.grant == "break-glass"
        and p.effect == "permit"
        and {"practitioner", "organization"} <= {a.kind for a in p.actors}
        and all(is_self(actor, asking) for actor in p.actors)
    ]
    return Permit("break-glass", min(grants)) if grants else Refuse("break-glass-needed")
