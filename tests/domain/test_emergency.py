"""Break-glass: what a grant opens, and what no grant opens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dmp.domain.access import Permit, Refuse, decide, may_break_glass, may_enter
from dmp.domain.consent import Data, Policy, Provision, Standing
from tests.domain.test_access import (
    ANYONE,
    DOCTOR,
    GLUCOSE,
    ME,
    MINE,
    OTHER,
    OWNER,
    PHYSICIANS,
    SEAL,
    THEIRS,
    THIS,
    deny,
    excepted,
    permit,
)

CALLING = replace(DOCTOR, purpose="BTG")
GRANT = permit(ME, MINE, at=5, purposes=("BTG",), grant="break-glass")
FORBIDDEN = deny(ANYONE, purposes=("BTG",))
SEALED = replace(SEAL, purposes=("BTG", "TREAT"))

ITEM_CASES = [
    ("without a grant", (permit(ME),), "break-glass-needed"),
    ("by a grant", (GRANT,), "break-glass"),
    ("a grant for another", (permit(OTHER, MINE, grant="break-glass"),), "break-glass-needed"),
    ("a grant elsewhere", (permit(ME, THEIRS, grant="break-glass"),), "break-glass-needed"),
    ("a grant for the person alone", (permit(ME, grant="break-glass"),), "break-glass-needed"),
    ("a grant that denies", (deny(ME, MINE, grant="break-glass"),), "block"),
    ("a grant at the point of care", (permit(ME, MINE, grant="request"),), "break-glass-needed"),
    ("a grant that is over", (replace(GRANT, ends=DOCTOR.now),), "break-glass-needed"),
    ("over a deny of all", (deny(ANYONE), GRANT), "break-glass"),
    ("over a deny of my role", (deny(PHYSICIANS), GRANT), "break-glass"),
    ("over a deny of this to me", (deny(ME, data=THIS), GRANT), "break-glass"),
    ("over a seal for any purpose", (SEAL, GRANT), "break-glass"),
    ("over a seal for treatment", (replace(SEAL, purposes=("TREAT",)), GRANT), "break-glass"),
    ("a seal even in emergency", (SEALED, GRANT), "seal"),
    ("its exception naming me", (SEALED, excepted(SEALED, ME), GRANT), "break-glass"),
    ("its exception naming another", (SEALED, excepted(SEALED, OTHER), GRANT), "seal"),
    ("an emergency's seal elsewhere",
     (replace(SEALED, data=Data(items=("Observation/z",))), GRANT), "break-glass"),
    ("a block", (deny(ME), GRANT), "block"),
    ("a block of the organisation", (deny(MINE), GRANT), "block"),
    ("a block for treatment", (deny(ME, purposes=("TREAT",)), GRANT), "block"),
    ("lifted later", (deny(ME), permit(ME, at=2), GRANT), "break-glass"),
    ("lifted later for treatment alone",
     (deny(ME), permit(ME, at=2, purposes=("TREAT",)), GRANT), "block"),
    ("lifted wherever it applies",
     (deny(ME, purposes=("TREAT",)), permit(ME, at=2, purposes=("TREAT", "ETREAT")), GRANT),
     "break-glass"),
    ("lifted where it applies and no further",
     (deny(ME, purposes=("TREAT",)), permit(ME, at=2, purposes=("TREAT",)), GRANT), "break-glass"),
    ("an earlier grant of the emergency lifts nothing",
     (deny(ME), replace(GRANT, purposes=())), "block"),
    ("lifted in part",
     (deny(ME, purposes=("TREAT", "ETREAT")), permit(ME, at=2, purposes=("TREAT",)), GRANT),
     "block"),
    ("lifted for other data",
     (deny(ME), permit(ME, at=2, data=Data(types=("Goal",))), GRANT), "block"),
    ("a grant at the point of care lifts it",
     (deny(ME), permit(ME, MINE, at=2, grant="request"), GRANT), "break-glass"),
    ("forbidden beforehand", (FORBIDDEN, GRANT), "break-glass-forbidden"),
    ("forbidden to roles is not to all",
     (deny(PHYSICIANS, purposes=("BTG",)), GRANT), "break-glass"),
    ("forbidden inside another consent", (replace(FORBIDDEN, nested=True), GRANT), "break-glass"),
    ("forbidden no longer", (replace(FORBIDDEN, ends=DOCTOR.now), GRANT), "break-glass"),
    ("a block first", (FORBIDDEN, deny(ME), GRANT), "block"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("provisions", "rule"), [c[1:] for c in ITEM_CASES], ids=[c[0] for c in ITEM_CASES]
)
def test_in_an_emergency_the_rule_is(provisions: tuple[Provision, ...], rule: str) -> None:
    standing = Standing(1, "deny", provisions, OWNER)

    decision = decide(CALLING, standing, GLUCOSE)

    assert decision.rule == rule
    assert isinstance(decision, Permit) == (rule == "break-glass")
    entered = may_enter(CALLING, standing)
    assert isinstance(entered, Permit) or isinstance(decision, Refuse)


@pytest.mark.parametrize("policy", ["deny", "break-glass-only", "basic-normal", "all-normal"])
def test_no_implicit_policy_stops_or_opens_an_emergency(policy: Policy) -> None:
    assert decide(CALLING, Standing(1, policy, (GRANT,), OWNER), GLUCOSE) == Permit(
        "break-glass", GRANT.consent
    )
    refused = Refuse("break-glass-needed")
    assert decide(CALLING, Standing(1, policy, (), OWNER), GLUCOSE) == refused
    assert may_enter(CALLING, Standing(1, policy, (), OWNER)) == refused


@pytest.mark.parametrize("kind", ["Consent", "AuditEvent"])
def test_consents_and_journal_stay_closed_in_an_emergency(kind: str) -> None:
    standing = Standing(1, "deny", (GRANT,), OWNER)

    assert decide(CALLING, standing, replace(GLUCOSE, type=kind)) == Refuse("patient-only")


@pytest.mark.parametrize(
    ("changes", "provisions", "decision"),
    [
        ({}, (), Permit("break-glass")),
        ({}, (deny(ANYONE), SEALED), Permit("break-glass")),
        ({}, (deny(ME),), Refuse("block", "deny-1")),
        ({}, (deny(ME, purposes=("TREAT",)),), Refuse("block", "deny-1")),
        ({}, (FORBIDDEN,), Refuse("break-glass-forbidden", "deny-1")),
        ({"purpose": "TREAT"}, (), Refuse("break-glass-needed")),
        ({"practitioner": frozenset()}, (), Refuse("break-glass-needed")),
        ({"organization": frozenset()}, (), Refuse("break-glass-needed")),
        ({"patient": OWNER}, (), Refuse("not-the-patient")),
    ],
)
def test_the_operation_asks_first(
    changes: dict[str, object], provisions: tuple[Provision, ...], decision: Permit | Refuse
) -> None:
    asking = replace(CALLING, **changes)  # type: ignore[arg-type]

    assert may_break_glass(asking, Standing(1, "deny", provisions, OWNER)) == decision


def test_a_refusal_names_its_seal_and_an_exception_is_for_its_item() -> None:
    part = replace(excepted(SEALED, ME), data=replace(THIS, types=("Observation",)))
    other = replace(part, data=replace(THIS, types=("Goal",)))

    closed = Standing(1, "deny", (SEALED, other, GRANT), OWNER)
    opened = Standing(1, "deny", (SEALED, part, GRANT), OWNER)
    assert decide(CALLING, closed, GLUCOSE) == Refuse("seal", SEALED.consent)
    assert decide(CALLING, opened, GLUCOSE) == Permit("break-glass", GRANT.consent)
