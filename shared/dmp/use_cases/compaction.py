"""Folding many small commits into segments, so that a search reads few items.

Segments are derived: the commits stay, and folding them again gives the same state. A segment
covers the commits after the last one; two compactors at once, or twice, leave one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dmp.domain.identifiers import commit_millis
from dmp.domain.record import State, Version
from dmp.use_cases.ports import Clock

FOLLOWING_MIN = 64
# An id is taken before its transaction, on a clock of its own: what is younger may still be joined
# by a commit of an earlier id, which a watermark that had passed it would hide for good.
SETTLED_MS = 120_000


def worth_a_look(commit: str) -> bool:
    """One commit in eight, by its id: looking costs a query, and segments may be a little late."""
    return commit[-1:] in "08go"


@dataclass(frozen=True, slots=True)
class Following:
    """The commits after a record's last segment, in order; `full` when more follow than fit."""

    patient: str
    commits: Sequence[tuple[str, Sequence[Version]]]
    full: bool


class Segments(Protocol):
    """The commits that follow a record's last segment, and where the next one is put."""

    def following(self, patient: str) -> Following:
        """Later commits, opened, consistently read; none when the record is gone."""

    def append(self, following: Following, versions: Sequence[Version], upto: str) -> bool:
        """One transaction; False when another compactor was first."""


class Compaction:
    """Makes the next segment of a record when more than 64 commits follow the last."""

    def __init__(self, segments: Segments, clock: Clock) -> None:
        self._segments = segments
        self._clock = clock

    def compact(self, patient: str) -> bool:
        """True when a segment was written; safe to call twice, or never."""
        following = self._segments.following(patient)
        before = self._clock.now_ms() - SETTLED_MS
        settled = [c for c in following.commits if commit_millis(c[0]) < before]
        if not settled or (len(settled) <= FOLLOWING_MIN and not following.full):
            return False
        state = State()
        for _, versions in settled:
            state.fold(versions)
        folded = sorted(state.current.values(), key=lambda v: (v.commit, v.id))
        return self._segments.append(following, folded, settled[-1][0])
