"""Blocks: denies that name the practitioner or organisation who asks, and no data."""

from __future__ import annotations

from collections.abc import Sequence

from dmp.domain.consent import Provision, Standing
from dmp.domain.decision import Asking
from dmp.domain.matching import is_actor


def blocks_of(live: Sequence[Provision], asking: Asking, standing: Standing) -> list[Provision]:
    """Those among the provisions that block who asks."""
    return [
        p
        for p in live
        if p.effect == "deny"
        and p.data.is_everything()
        and any(
            a.kind in ("practitioner", "organization") and is_actor(a, asking, standing)
            for a in p.actors
        )
    ]


def lifts(permit: Provision, block: Provision, asking: Asking, standing: Standing) -> bool:
    """Whether a permit lifts a block: it names that same practitioner, and is later or inside it.

    What is recorded later is later, whatever the consent says of its own date.
    """
    later = permit.recorded > block.recorded
    inside = permit.nested and not block.nested and permit.consent == block.consent
    return (
        permit.effect == "permit"
        and (later or inside)
        and any(a.kind == "practitioner" and is_actor(a, asking, standing) for a in permit.actors)
        and (not permit.grant or all(is_actor(a, asking, standing) for a in permit.actors))
    )


def blocked_by(
    live: Sequence[Provision], about: Sequence[Provision], asking: Asking, standing: Standing
) -> tuple[Provision | None, list[Provision]]:
    """The block that nothing in `about` lifts, if any, and every block of who asks."""
    blocks = blocks_of(live, asking, standing)
    standing_ones = [b for b in blocks if not any(lifts(p, b, asking, standing) for p in about)]
    return min(standing_ones, key=lambda b: b.consent, default=None), blocks
