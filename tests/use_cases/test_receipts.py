"""Receipts of mails: whatever comes, in whatever order, a notice is told by mail and phone once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.contact import Contact
from dmp.domain.notices import Message, Notice, Undeliverable
from dmp.domain.refusals import Unavailable
from dmp.use_cases.notice_ports import Claim, Opened, Taken
from dmp.use_cases.notifications import Sender
from dmp.use_cases.receipts import Receipt, Receipts

NOW = 1_795_000_000
BOTH = Contact("+212612345678", "n@example.org", "fr", "email")
MAILED = Receipt("delivered", "p", "e", "m1", NOW + 5)
BOUNCED = replace(MAILED, fate="bounced")


@dataclass
class Post:
    """One notice under the adapter's conditions, its provider, queue and clock."""

    contact: Contact = BOTH
    kind: Literal["access", "digest"] = "access"
    state: str = "owed"
    provider_id: str | None = None
    bounced: bool = False
    delivered: int | None = None
    due: int | None = NOW
    until: int = 0
    sent: list[str] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    queue_down: bool = False

    def now_ms(self) -> int:
        return NOW * 1000

    def random_bits(self, bits: int) -> int:
        raise NotImplementedError(bits)

    def _stands(self, patient: str, entry: str, provider_id: str) -> Taken:
        if (patient, entry) != ("p", "e"):
            return "nothing"
        if self.state == "claimed" and self.provider_id != provider_id:
            return "early"
        stands = self.state == "sent" and self.provider_id == provider_id and not self.bounced
        return "done" if stands else "nothing"

    def owe_again(self, patient: str, entry: str, provider_id: str, due: int) -> Taken:
        taken = self._stands(patient, entry, provider_id)
        if taken == "done":
            self.state, self.bounced, self.due, self.delivered = "owed", True, due, None
        return taken

    def delivered_(self, patient: str, entry: str, provider_id: str, at: int) -> Taken:
        taken = self._stands(patient, entry, provider_id)
        if taken == "done":
            self.delivered = at
        return taken

    def hand_on(self, patient: str, entry: str) -> None:
        if self.queue_down:
            raise Unavailable
        self.queue.append(f"{patient}.{entry}")

    def claim(self, patient: str, entry: str, now: int, until: int) -> Claim | None:
        if self.due is None or (self.state == "claimed" and self.until > now):
            return None
        doubt, self.state, self.until = self.state == "claimed", "claimed", until
        return Claim(patient, entry, b"", until, 1, doubt, self.bounced)

    def open(self, claim: Claim) -> Opened:
        assert claim.entry == "e"
        notice = Notice(self.kind, "2026-11-22T10:00:00.000Z", "REF", NOW)
        return Opened(notice, self.contact)

    def gathered(self, patient: str, day: str, now: int) -> int:
        assert (patient, day, now) == ("p", "e", NOW)
        return 3

    def release(self, claim: Claim, *, maybe_sent: bool, now: int, due: int) -> None:
        assert now == NOW
        self.state, self.until, self.due = "claimed" if maybe_sent else "owed", now, due

    def defer(self, claim: Claim, digest: Notice, day: str) -> bool:
        raise AssertionError((claim, digest, day))

    def close(self, claim: Claim, state: str, provider_id: str, now: int) -> bool:
        assert (claim.until, now) == (self.until, NOW)
        self.state, self.provider_id, self.due = state, provider_id, None
        return True

    def render(self, kind: str, language: str, words: Mapping[str, str]) -> Message:
        return Message(f"{kind} {language} {words['reference']}", "")

    def send(
        self, contact: Contact, message: Message, tags: Mapping[str, str] | None = None
    ) -> str:
        assert tags == {"patient": "p", "entry": "e"}
        assert message.text.endswith("REF")
        order = [("email", contact.email), ("sms", contact.phone)]
        channel = next((name for name, address in order if address), None)
        if channel is None:
            raise Undeliverable
        self.sent.append(channel)
        return f"m{len(self.sent)}"


class Told:
    """The port of receipts on the same row."""

    def __init__(self, post: Post) -> None:
        self.owe_again, self.delivered = post.owe_again, post.delivered_


def told(post: Post) -> str:
    """One round of the sender."""
    return Sender(post, post, post, post).deliver("p", "e")


def take(post: Post, receipt: Receipt) -> str | None:
    return Receipts(Told(post), post, post).take(receipt)


CASES = {
    "came back": ([BOUNCED], "owed", None, True),
    "arrived": ([MAILED], "sent", NOW + 5, False),
    "arrived, then came back": ([MAILED, BOUNCED], "owed", None, True),
    "came back, then a late arrival": ([BOUNCED, MAILED], "owed", None, True),
    "came back twice": ([BOUNCED, BOUNCED], "owed", None, True),
    "somebody complained": ([replace(MAILED, fate="complained")], "sent", None, False),
    "another mail's": ([replace(BOUNCED, provider_id="m9")], "sent", None, False),
    "another patient's": ([replace(BOUNCED, patient="q")], "sent", None, False),
    "of no notice": ([replace(BOUNCED, entry="x")], "sent", None, False),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_receipts_make_of_a_mailed_notice(
    case: tuple[list[Receipt], str, int | None, bool],
) -> None:
    receipts, state, delivered, bounced = case
    post = Post()
    assert told(post) == "sent"
    for receipt in receipts:
        take(post, receipt)

    assert (post.state, post.delivered, post.bounced) == (state, delivered, bounced)
    assert post.queue == ["p.e"] * bounced
    assert post.due == (NOW if bounced else None)


@pytest.mark.parametrize("kind", ["access", "digest"])
@pytest.mark.parametrize(
    ("contact", "outcome", "sent"),
    [
        (BOTH, "sent", ["email", "sms"]),
        (replace(BOTH, rhythm="daily"), "sent", ["email", "sms"]),
        (replace(BOTH, phone=None), "undeliverable", ["email"]),
    ],
    ids=["a phone too", "digests chosen since", "mail alone"],
)
def test_what_came_back_goes_by_the_other_channel_or_not_at_all(
    kind: Literal["access", "digest"], contact: Contact, outcome: str, sent: list[str]
) -> None:
    post = Post(replace(contact, rhythm="each"), kind)
    told(post)
    post.contact = contact
    take(post, BOUNCED)

    assert told(post) == outcome
    assert (post.state, post.sent) == (outcome, sent)
    assert told(post) == "nothing"


def test_what_came_back_waits_for_the_end_of_the_quiet_hours() -> None:
    post = Post()
    told(post)
    take(post, BOUNCED)
    post.contact = replace(BOTH, quiet=("00:00", "23:59"))

    assert told(post) == "deferred"
    assert (post.state, post.sent) == ("owed", ["email"])


@pytest.mark.parametrize("receipt", [BOUNCED, MAILED])
def test_a_receipt_that_is_faster_than_the_senders_last_word_comes_again(receipt: Receipt) -> None:
    post = Post(state="claimed", until=NOW + 60)
    with pytest.raises(Unavailable):
        take(post, receipt)
    assert (post.state, post.queue) == ("claimed", [])


def test_a_queue_that_does_not_answer_leaves_it_to_the_sweep() -> None:
    post = Post(queue_down=True)
    told(post)
    assert take(post, BOUNCED) == "bounced"
    assert (post.state, post.due) == ("owed", NOW)


RECEIPTS = st.builds(
    Receipt,
    st.sampled_from(["bounced", "delivered", "complained"]),
    st.sampled_from(["p", "p", "q"]),
    st.sampled_from(["e", "e", "x"]),
    st.sampled_from(["m1", "m1", "m2", "m9"]),
    st.integers(NOW, NOW + 99),
)


@given(st.lists(st.one_of(st.just("told"), RECEIPTS), max_size=12), st.booleans())
def test_in_any_order_one_mail_and_at_most_one_message_to_the_phone(
    events: list[str | Receipt], phone: bool
) -> None:
    """m1 is the mail's id; that the phone's m2 came back nobody can say, and it changes nothing."""
    post = Post(BOTH if phone else replace(BOTH, phone=None))
    told(post)
    came_back = False
    for event in events:
        if isinstance(event, Receipt):
            came_back |= (event.fate, event.patient, event.entry, event.provider_id) == (
                "bounced", "p", "e", "m1",
            )  # fmt: skip
            take(post, event)
        else:
            told(post)
    if post.state == "owed":
        told(post)

    other = ("undeliverable", ["email"]) if not phone else ("sent", ["email", "sms"])
    assert (post.state, post.sent) == (other if came_back else ("sent", ["email"]))
    assert post.bounced is came_back
