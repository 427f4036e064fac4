"""The patient's own right, and that of the delegates and guardians who act for them.

The patient sees all, but what is sealed only in a strong session; consents and journal in any, for
nobody is kept from closing their own door. A delegate has the powers and
the period the patient (or a registrar, for a guardian) gave, and never what is sealed: a seal
refuses everyone but the patient, save an exception inside it that names the delegate. A deny that
names the delegate refuses too. The purpose of a seal or deny is no matter here, for a patient's
session has no purpose but the patient's.
"""

from __future__ import annotations

from collections.abc import Iterable

from dmp.domain.consent import Delegate, Power, Provision, Standing
from dmp.domain.decision import PATIENT_ONLY, Asking, Decision, Item, Permit, Refuse
from dmp.domain.matching import denies, is_in_force, is_live
from dmp.domain.seals import is_seal, is_within_seal


def decide_for_patient(asking: Asking, standing: Standing, item: Item) -> Decision:
    """Whether the asker's patient session may do it: their own record's, or another's."""
    live = [p for p in standing.provisions if is_in_force(p, asking)]
    seals = [p for p in live if is_seal(p) and denies(p.data, item)]
    if asking.patient == standing.owner:
        if seals and not asking.strong and item.type not in PATIENT_ONLY:
            return Refuse("stronger-sign-in", _named(seals))
        return Permit("patient-own")
    delegate = _acting(asking, standing, (_power(asking, item),))
    if delegate is None:
        return Refuse("not-the-patient")
    closed = [s for s in seals if not _excepts(live, s, delegate, item)]
    if closed:
        return Refuse("seal", _named(closed))
    denied = [
        p for p in live if p.effect == "deny" and _names(p, delegate) and denies(p.data, item)
    ]
    if denied:
        return Refuse("consent-deny", _named(denied))
    if seals and not asking.strong:
        return Refuse("stronger-sign-in", _named(seals))
    return Permit(delegate.kind, delegate.related)


def enter_as_patient(asking: Asking, standing: Standing) -> Decision:
    """Whether the session could be permitted anything at all in the record."""
    if asking.patient == standing.owner:
        return Permit("patient-own")
    powers: tuple[Power, ...] = (asking.direction, "consent")
    if asking.direction == "read":
        powers = (*powers, "journal")
    delegate = _acting(asking, standing, powers)
    if delegate is None:
        return Refuse("not-the-patient")
    return Permit(delegate.kind, delegate.related)


def _power(asking: Asking, item: Item) -> Power | None:
    """What it takes; nobody has the power to write a journal."""
    if item.type == "AuditEvent":
        return "journal" if asking.direction == "read" else None
    return "consent" if item.type == "Consent" else asking.direction


def _acting(asking: Asking, standing: Standing, powers: Iterable[Power | None]) -> Delegate | None:
    """The live delegation that gives the asker one of the powers."""
    found = [
        d
        for d in standing.delegates
        if d.person
        and d.person == asking.patient
        and not set(powers).isdisjoint(d.powers)
        and is_live(d.starts, d.ends, asking.now)
    ]
    return min(found, key=lambda d: (d.kind, d.related), default=None)


def _excepts(live: list[Provision], seal: Provision, delegate: Delegate, item: Item) -> bool:
    return any(is_within_seal(p, seal, item) and _names(p, delegate) for p in live)


def _names(provision: Provision, delegate: Delegate) -> bool:
    return any(
        actor.kind == "related-person" and actor.value == delegate.related
        for actor in provision.actors
    )


def _named(provisions: list[Provision]) -> str:
    return min(p.consent for p in provisions)
