"""Every access is told: announced from the stream, sent from the queue, swept up when overdue.

One notice is owed for each access, and claimed by a conditional write before it is sent. What
crashes after the provider took it is in doubt and is sent again with the same reference; its row
counts it once.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from dmp.domain.contact import Contact
from dmp.domain.instants import instant
from dmp.domain.notices import (
    DIGEST,
    LEASE_S,
    OVERDUE_S,
    Notice,
    Undeliverable,
    digest_name,
    due_again,
    reference_of,
)
from dmp.domain.refusals import Gone, Unavailable
from dmp.domain.rhythm import Plan, next_digest, planned
from dmp.use_cases.notice_ports import (
    Claim,
    DueNotices,
    MessageSender,
    Notices,
    Queue,
    Wording,
)
from dmp.use_cases.ports import Clock

Delivered = Literal["sent", "undeliverable", "suppressed", "deferred", "nothing"]
ZONE = ZoneInfo("Africa/Casablanca")
_DIGEST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Announcer:
    """From the record's stream to the queue."""

    queue: Queue
    dead_letters: Queue

    def announce(self, patient: str, entry: str) -> bool:
        """Hand a notice on; to the dead letters, and False, when the queue would not take it.

        Unavailable only when neither did: then the stream may bring it again.
        """
        try:
            self.queue.hand_on(patient, entry)
        except Unavailable:
            self.dead_letters.hand_on(patient, entry)
            return False
        return True


@dataclass(frozen=True, slots=True)
class Sweeper:
    """Finds what stream and queue lost."""

    due: DueNotices
    queue: Queue
    clock: Clock

    def sweep(self) -> int:
        """Queue every notice that has been due for five minutes; how many there were."""
        overdue = 0
        for patient, entry in self.due.before(self.clock.now_ms() // 1000 - OVERDUE_S):
            self.queue.hand_on(patient, entry)
            overdue += 1
        return overdue


@dataclass(frozen=True, slots=True)
class Sender:
    """From the queue to the patient's phone or mail."""

    notices: Notices
    messages: MessageSender
    texts: Wording
    clock: Clock

    def deliver(self, patient: str, entry: str) -> Delivered:
        """Send a notice if it is still owed. A failure is raised, and the notice stays due."""
        now = self._now()
        claim = self.notices.claim(patient, entry, now, now + LEASE_S)
        if claim is None:
            return "nothing"
        prepared = False
        try:
            opened = self.notices.open(claim)
            notice = opened.notice
            contact = notice.addressed(opened.contact, mail=not claim.bounced)
            if postponed := self._postponed(claim, notice, contact):
                return postponed
            if notice.kind == "digest":
                notice = self._counted(claim, notice)
            words = notice.words | (opened.head.words if opened.head else {})
            message = self.texts.render(notice.kind, contact.language, words)
            prepared = True
            tags = {"patient": claim.patient, "entry": claim.entry}
            provider_id = self.messages.send(contact, message, tags)
        except (Undeliverable, Gone):
            self.notices.close(claim, "undeliverable", "", self._now())
            return "undeliverable"
        except Exception:
            self._give_back(claim, maybe_sent=prepared or claim.in_doubt)
            raise
        self.notices.close(claim, "sent", provider_id, self._now())
        return "sent"

    def _postponed(self, claim: Claim, notice: Notice, contact: Contact) -> Delivered | None:
        """What became of a notice that is not told now. What may have been sent is told again.

        What bounced was to be told already: it waits for the end of the quiet hours alone.
        """
        now = datetime.fromtimestamp(self._now(), ZONE)
        plan = planned(notice.kind, contact, now)
        if plan.act == "tell" or claim.in_doubt:
            return None
        if claim.bounced and plan.act != "wait":
            return None
        if plan.act == "suppress":
            self.notices.close(claim, "suppressed", "", self._now())
            return "suppressed"
        if plan.act == "wait":
            self.notices.release(claim, maybe_sent=False, now=self._now(), due=plan.at)
            return "deferred"
        for _ in range(_DIGEST_TRIES):
            if self.notices.defer(claim, _digest(claim.patient, plan), plan.day):
                return "deferred"
            plan = next_digest(contact, datetime.fromtimestamp(plan.at, ZONE))
        raise Unavailable("digest")

    def _counted(self, claim: Claim, notice: Notice) -> Notice:
        day = claim.entry.removeprefix(DIGEST)
        return replace(notice, count=self.notices.gathered(claim.patient, day, self._now()))

    def _give_back(self, claim: Claim, *, maybe_sent: bool) -> None:
        now = self._now()
        due = due_again(now, claim.attempts)
        self.notices.release(claim, maybe_sent=maybe_sent, now=now, due=due)

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def _digest(patient: str, plan: Plan) -> Notice:
    """The same for every notice of the day: whoever is first owes it."""
    told = hashlib.sha256(f"{patient}.{digest_name(plan.day)}".encode()).hexdigest()
    return Notice("digest", instant(plan.at * 1000), reference_of(told), plan.at)
