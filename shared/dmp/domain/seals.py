"""Seals: a root deny of data that names nobody, and the exceptions inside it.

A seal reaches what it names and whatever refers to that. An exception reaches what the seal does
when it narrows nothing itself, else only what it names.
"""

from __future__ import annotations

from collections.abc import Sequence

from dmp.domain.consent import Provision, Standing
from dmp.domain.decision import Asking, Item
from dmp.domain.matching import is_actor, permits


def is_seal(provision: Provision) -> bool:
    """Whether it hides data from everyone but the patient."""
    return (
        provision.effect == "deny"
        and not provision.nested
        and not provision.data.is_everything()
        and all(actor.kind == "anyone" for actor in provision.actors)
    )


def is_within_seal(provision: Provision, seal: Provision, item: Item) -> bool:
    """Whether it is an exception inside the seal for the item, whomever it names."""
    return (
        provision.nested
        and provision.effect == "permit"
        and provision.consent == seal.consent
        and (provision.data == seal.data or permits(provision.data, item))
    )


def sealed_by(
    seals: Sequence[Provision],
    live: Sequence[Provision],
    asking: Asking,
    standing: Standing,
    item: Item,
) -> Provision | None:
    """The first of the seals on the item that no exception naming who asks opens, if any."""
    closed = [
        seal for seal in seals if not any(_opens(p, seal, asking, standing, item) for p in live)
    ]
    return min(closed, key=lambda seal: seal.consent, default=None)


def _opens(
    provision: Provision, seal: Provision, asking: Asking, standing: Standing, item: Item
) -> bool:
    return is_within_seal(provision, seal, item) and any(
        actor.kind != "anyone" and is_actor(actor, asking, standing) for actor in provision.actors
    )
