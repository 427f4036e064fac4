"""What the mail provider tells of a notice's mail: it arrived, it came back, somebody complained.

A mail that came back for good is told once more by the other channel. Receipts may come twice, in
any order, late or forged: only one that bears the id under which the notice stands does anything.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from dmp.domain.refusals import Unavailable
from dmp.use_cases.notice_ports import Queue, Taken, ToldNotices
from dmp.use_cases.ports import Clock

Fate = Literal["bounced", "delivered", "complained"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became, at `at` in epoch seconds, of a mail that the provider took under that id."""

    fate: Fate
    patient: str
    entry: str
    provider_id: str
    at: int


@dataclass(frozen=True, slots=True)
class Receipts:
    """From the mail provider back to the notice."""

    notices: ToldNotices
    queue: Queue
    clock: Clock

    def take(self, receipt: Receipt) -> Fate | None:
        """What it changed, or None. Unavailable while a sender holds the notice: bring it again."""
        if receipt.fate == "complained":
            return "complained"
        taken = self._noted(receipt)
        if taken == "early":
            raise Unavailable("notice")
        if taken == "nothing":
            return None
        if receipt.fate == "bounced":
            with suppress(Unavailable):  # it is due: the sweep finds it within five minutes
                self.queue.hand_on(receipt.patient, receipt.entry)
        return receipt.fate

    def _noted(self, receipt: Receipt) -> Taken:
        named = (receipt.patient, receipt.entry, receipt.provider_id)
        if receipt.fate == "bounced":
            return self.notices.owe_again(*named, self.clock.now_ms() // 1000)
        return self.notices.delivered(*named, receipt.at)
