"""Blocks: denies that name the practitioner or organisation who asks, and no data."""

from __future__ import annotations

from collections.abc import Sequence

from dmp.domain.consent import Provision
from dmp.domain.decision import Asking
from dmp.domain.matching import is_self


def blocks_of(live: Sequence[Provision], asking: Asking) -> list[Provision]:
    """Those among the provisions that block who asks."""
    return [
        p
        for p in live
        if p.effect == "deny"
        and p.data.is_everything()
        and any(is_self(actor, asking) for actor in p.actors)
    ]


def lifts(permit: Provision, block: Provision, asking: Asking) -> bool:
    """Whether a permit lifts a block: it names that same practitioner, and is later or inside it.

    What is recorded later is later, whatever the consent says of its own date.
    """
    later = permit.recorded > block.recorded
    inside = permit.nested and not block.nested and permit.consent == block.consent
    return (
        permit.effect == "permit"
        and (later or inside)
        and any(a.kind == "practitioner" and is_self(a, asking) for a in permit.actors)
        and (not permit.grant or all(is_self(a, asking) for a in permit.actors))
    )


def blocked_by(
    live: Sequence[Provision], about: Sequence[Provision], asking: Asking
) -> tuple[Provision | None, list[Provision]]:
    """The block that nothing in `about` lifts, if any, and every block of who asks."""
    blocks = blocks_of(live, asking)
    in_force = [b for b in blocks if not any(lifts(p, b, asking) for p in about)]
    return min(in_force, key=lambda b: b.consent, default=None), blocks
