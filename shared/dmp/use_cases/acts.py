"""Entries of what a patient does at functions that hold the notice key alone, never the record's.

A sign-in, an app's first tokens, proofs of a person, preferences: journalled like any other act.
"""

from __future__ import annotations

from dmp.domain.identifiers import commit_id
from dmp.domain.instants import instant
from dmp.domain.journal import Action, Entry, Outcome
from dmp.use_cases.ports import Clock


def act(
    clock: Clock,
    patient: str,
    action: Action,
    rule: str,
    *,
    outcome: Outcome = "permit",
    client: str = "",
) -> Entry:
    """The patient's own act on their own record; `rule` says by what, or what was done."""
    now_ms = clock.now_ms()
    name = commit_id(now_ms, clock.random_bits(35))
    return Entry(
        id=f"{patient}.{name}",
        at=instant(now_ms),
        action=action,
        outcome=outcome,
        rule=rule,
        who={"kind": "patient", "patient": patient},
        purpose="PATRQT",
        salt=f"{clock.random_bits(128):032x}",
        client=client,
        what=() if action in ("sign-in", "authorization") else (action,),
    )
