"""What the region's officer looks at: every break-glass, and the accesses that patients dispute.

The list names no person; what was said and why stays sealed in the patient's journal, and who opens
it there is journalled. An answer holds only for what the officer saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmp.domain import grants as rules
from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_id, is_entry_id, resource_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry, entry_of
from dmp.domain.notices import Kind, Notice, reference_of
from dmp.domain.refusals import Forbidden, Invalid, NotFound, PreconditionFailed, Unavailable
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit
from dmp.use_cases.grant_ports import Leaves, ReviewList
from dmp.use_cases.ports import Clock, Raced, Records, Review, Write

_RULE = "review"
_NOTICES: Mapping[tuple[str, str], Kind] = {
    ("break-glass", "justified"): "review-justified",
    ("break-glass", "unjustified"): "review-unjustified",
    ("dispute", "justified"): "dispute-justified",
    ("dispute", "unjustified"): "dispute-unjustified",
}
_MEMBERS = frozenset({"outcome", "answer"})


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, how the journal tells it, and the request's id."""

    caller: Caller
    query: str
    request: str


class Reviews:
    """What the region's officer does; auditors alone."""

    def __init__(self, records: Records, reviews: ReviewList, leaves: Leaves, clock: Clock) -> None:
        self._records = records
        self._reviews = reviews
        self._leaves = leaves
        self._clock = clock
        self._gate = Gate(records, clock)

    def waiting(self, asked: Asked) -> list[dict[str, object]]:
        """What waits, oldest first: ids and states."""
        _officer_only(asked.caller)
        self._gate.knock(_ask(asked, "0" * 20, "search"))  # the caller must be live all the same
        names = self._reviews.waiting()
        found = self._reviews.reviews(names)
        live = [found[name] for name in names if name in found]
        return [_listed(review) for review in live if review.state != "reviewed"]

    def read(self, asked: Asked, text: str) -> dict[str, object]:
        """One review whole: who, when, why, and the patient's words. Journalled in their record."""
        visit, review = self._enter(asked, text, "read")
        opened = self._entry(visit, review.entry)
        told: dict[str, object] = {
            **_listed(review),
            "at": opened.at,
            "who": opened.who,
            "reason": opened.reason,
        }
        if review.contest:
            told["contest"] = self._entry(visit, review.contest).reason.get("text", "")
        self._gate.told(visit, _RULE)
        return told

    def answer(
        self, asked: Asked, text: str, content: Mapping[str, Any], seen: str
    ) -> dict[str, object]:
        """The officer's answer, told to the patient; PreconditionFailed when it moved meanwhile."""
        outcome, words = _answered(content)
        for _ in range(TRIES_MAX):
            visit, review = self._enter(asked, text, "operation")
            if review.state != seen:
                raise PreconditionFailed("If-Match does not name the current state", "If-Match")
            try:
                return self._settle(visit, review, outcome, words)
            except Raced as lost:
                if lost.races == {"review"}:
                    raise PreconditionFailed("it changed meanwhile", "If-Match") from None
        raise Unavailable("other writers kept winning")

    def _settle(self, visit: Visit, review: Review, outcome: str, words: str) -> dict[str, object]:
        opened = self._entry(visit, review.entry)
        reason = {"code": outcome.upper(), "text": words}
        entry = replace(self._gate.entry(visit, "permit", _RULE), reason=reason)
        settled = replace(review, state="reviewed", outcome=outcome, answer=entry.entry)
        notice = Notice(
            kind=_NOTICES[review.kind, outcome],
            at=opened.at,
            reference=reference_of(entry.entry),
            due=self._clock.now_ms() // 1000,
            practitioner=opened.who.get("name", ""),
            organization=opened.who.get("organization_name", ""),
        )
        now_ms = self._clock.now_ms()
        commit = commit_id(now_ms, self._clock.random_bits(35))
        self._records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=commit,
                versions=[],
                entry=entry,
                policy=visit.standing.version,
                notice=notice,
                review=settled,
            ),
        )
        return _listed(settled)

    def _enter(self, asked: Asked, text: str, action: Any) -> tuple[Visit, Review]:
        _officer_only(asked.caller)
        name = resource_id(text)
        known = is_entry_id(text) or (name is not None and name.commit is not None)
        patient = text.partition(".")[0] if known else "0" * 20
        visit = self._gate.knock(_ask(asked, patient, action))
        review = self._reviews.reviews([text]).get(text) if visit is not None else None
        if visit is None or review is None:
            raise NotFound("there is no such review", "id")
        return visit, review

    def _entry(self, visit: Visit, entry: str) -> Entry:
        leaf = self._leaves.leaf(visit.door, entry)
        if leaf is None:
            raise Unavailable("a review without its entry")
        return entry_of(leaf)


def _ask(asked: Asked, patient: str, action: Any) -> Ask:
    return Ask(asked.caller, patient, "read", action, asked.query, asked.request)


def _officer_only(caller: Caller) -> None:
    if caller.kind != "practitioner" or caller.role not in rules.REVIEWERS:
        raise Forbidden(f"only {' or '.join(sorted(rules.REVIEWERS))} reviews accesses")


def _listed(review: Review) -> dict[str, object]:
    told: dict[str, object] = {
        "id": review.name,
        "kind": review.kind,
        "opened": instant(review.opened * 1000),
        "state": review.state,
    }
    return {**told, "outcome": review.outcome} if review.outcome else told


def _answered(content: Mapping[str, Any]) -> tuple[str, str]:
    if set(content) != _MEMBERS:
        raise Invalid("exactly outcome and answer are needed", "body")
    outcome, words = content["outcome"], content["answer"]
    if outcome not in rules.OUTCOMES:
        raise Invalid(f"one of {', '.join(rules.OUTCOMES)} is needed", "outcome")
    if not isinstance(words, str) or not rules.TEXT_MIN <= len(words.strip()) <= rules.TEXT_MAX:
        raise Invalid(f"{rules.TEXT_MIN} to {rules.TEXT_MAX} characters are needed", "answer")
    return outcome, " ".join(words.split())
