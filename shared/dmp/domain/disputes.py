"""Why a patient disputes an access, and which accesses can be disputed."""

from __future__ import annotations

from typing import Literal, get_args

from dmp.domain.journal import Entry

Reason = Literal["unknown-person", "unknown-place", "no-care", "after-care", "other"]
REASONS: tuple[Reason, ...] = get_args(Reason)


def may_dispute(entry: Entry) -> bool:
    """Whether it is somebody else's: what patients did themselves nobody has to explain."""
    return entry.who["kind"] != "patient"
