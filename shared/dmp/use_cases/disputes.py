"""A patient does not recognise an access: the region's officer must look at it and answer.

One review for each access, however often and through whichever of its entries it is asked for.
What the patient says stays sealed in the journal; the officer's list names nobody.
"""

from __future__ import annotations

from dataclasses import replace

from dmp.domain import grants as rules
from dmp.domain.caller import Caller
from dmp.domain.disputes import REASONS, may_dispute
from dmp.domain.identifiers import commit_id
from dmp.domain.refusals import Invalid, Unavailable
from dmp.use_cases.account import Account, Found
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit
from dmp.use_cases.ports import Clock, Raced, Records, Review, Write

RULE = "dispute"


class Disputes:
    """`I do not recognise this access`."""

    def __init__(self, account: Account, records: Records, clock: Clock) -> None:
        self._account = account
        self._records = records
        self._clock = clock
        self._gate = Gate(records, clock)

    def dispute(self, caller: Caller, request: str, name: str, code: str, text: str) -> Review:
        """The review of the access that the entry belongs to; the first dispute makes it.

        NotFound for an entry that is not in the caller's journal, Invalid for one that is the
        patient's own and for a reason that is none of ours.
        """
        words = " ".join(text.split())
        if code not in REASONS:
            raise Invalid(f"one of {', '.join(REASONS)} is needed", "code")
        if len(words) > rules.TEXT_MAX:
            raise Invalid(f"at most {rules.TEXT_MAX} characters", "text")
        for _ in range(TRIES_MAX):
            found = self._account.found(caller, request, name)
            if found.review is not None:
                return found.review
            if not may_dispute(found.use.opening):
                raise Invalid("this is not an access by somebody else", "id")
            try:
                return self._kept(caller, request, found, {"code": code, "text": words})
            except Raced:
                continue
        raise Unavailable("other writers kept winning")

    def _kept(self, caller: Caller, request: str, found: Found, reason: dict[str, str]) -> Review:
        opening = found.use.opening
        ask = Ask(caller, opening.patient, "read", "operation", "AuditEvent", request)
        visit: Visit = self._gate.enter(ask)
        given = {member: value for member, value in reason.items() if value}
        entry = self._gate.entry(visit, "permit", RULE)
        entry = replace(entry, what=(f"AuditEvent/{opening.id}",), reason=given)
        now_ms = self._clock.now_ms()
        review = Review(
            opening.id, opening.entry, now_ms // 1000, contest=entry.entry, kind="dispute"
        )
        self._records.commit(
            visit.door,
            Write(
                patient=opening.patient,
                commit=commit_id(now_ms, self._clock.random_bits(35)),
                versions=[],
                entry=entry,
                policy=visit.standing.version,
                review=review,
            ),
        )
        return review
