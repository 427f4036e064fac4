"""Under any schedule of duplicates, failures and crashes a notice is told and counted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.domain.contact import Contact
from dmp.domain.notices import LEASE_S, Message, Notice, Undeliverable
from dmp.domain.refusals import Gone, Unavailable
from dmp.use_cases.notice_ports import Claim, Opened
from dmp.use_cases.notifications import Announcer, Sender, Sweeper

CONTACT = Contact("+212612345678", None, "fr", "sms")
FAULTS = ("claim", "open", "send", "lost", "close", "close-crash")


class Crash(BaseException):
    """The process is gone: nothing after it runs."""


@dataclass
class Row:
    """A notice's row."""

    due: int | None
    state: str = "owed"
    until: int = 0
    attempts: int = 0
    sent: list[str] = field(default_factory=list)


@dataclass
class Table:
    """Rows under the conditions of the real adapter, and a provider, both failing on demand."""

    rows: dict[str, Row] = field(default_factory=dict)
    fault: str = ""
    now: int = 1_000

    def now_ms(self) -> int:
        return self.now * 1000

    def random_bits(self, bits: int) -> int:
        raise NotImplementedError(bits)

    def _fail(self, at: str) -> None:
        if self.fault == at:
            raise Unavailable

    def claim(self, patient: str, entry: str, now: int, until: int) -> Claim | None:
        self._fail("claim")
        row = self.rows[entry]
        if row.due is None or (row.state == "claimed" and row.until > now):
            return None
        doubt, row.state, row.until = row.state == "claimed", "claimed", until
        row.attempts += 1
        return Claim(patient, entry, b"", until, row.attempts, doubt)

    def open(self, claim: Claim) -> Opened:
        self._fail("open")
        notice = Notice("access", "2026-11-22T10:00:00.000Z", f"REF{claim.entry}", 0)
        return Opened(notice, CONTACT)

    def release(self, claim: Claim, *, maybe_sent: bool, now: int, due: int) -> None:
        row = self.rows[claim.entry]
        if row.state == "claimed" and row.until == claim.until:
            row.state, row.until, row.due = "claimed" if maybe_sent else "owed", now, due

    def close(self, claim: Claim, state: str, provider_id: str, now: int) -> bool:
        self._fail("close")
        if self.fault == "close-crash":
            raise Crash
        row = self.rows[claim.entry]
        assert (provider_id, now) == ("id", self.now)
        if row.state == "claimed" and row.until == claim.until:
            row.state, row.due = state, None
            return True
        return False

    def render(self, kind: str, language: str, words: Mapping[str, str]) -> Message:
        return Message(f"{kind} {language} {words['reference']}", "")

    def send(self, contact: Contact, message: Message, _: object = None) -> str:
        assert contact == CONTACT
        self._fail("send")
        self.rows[message.text[-1]].sent.append(message.text)
        self._fail("lost")
        return "id"

    def before(self, due: int) -> Iterator[tuple[str, str]]:
        for name, row in list(self.rows.items()):
            if row.due is not None and row.due < due:
                yield "p", name

    def hand_on(self, patient: str, entry: str) -> None:
        assert patient == "p"
        self.queue.append(entry)

    queue: list[str] = field(default_factory=list)


def deliver(table: Table, entry: str, fault: str = "") -> None:
    """One delivery; a crash or a failure leaves things as they are."""
    table.fault = fault
    try:
        Sender(table, table, table, table).deliver("p", entry)
    except (Unavailable, Crash):
        pass
    finally:
        table.fault = ""


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("012"), st.sampled_from(["", *FAULTS]), st.integers(0, 2 * LEASE_S)
        ),
        max_size=14,
    )
)
def test_never_zero_and_twice_only_where_it_may_have_been_sent(
    schedule: list[tuple[str, str, int]],
) -> None:
    table = Table({name: Row(due=1_000) for name in "012"})
    for entry, fault, pause in schedule:
        deliver(table, entry, fault)
        table.now += pause
    while any(row.due is not None for row in table.rows.values()):
        table.now += 6 * 3600 + 301
        Sweeper(table, table, table).sweep()
        while table.queue:
            deliver(table, table.queue.pop())

    for name, row in table.rows.items():
        doubts = sum(e == name and f in ("lost", "close", "close-crash") for e, f, _ in schedule)
        assert row.state == "sent"
        assert 1 <= len(row.sent) <= 1 + doubts
        assert set(row.sent) == {f"access fr REF{name}"}


@pytest.mark.parametrize(
    ("fault", "state"),
    [("open", "owed"), ("send", "claimed"), ("lost", "claimed"), ("close", "claimed")],
)
def test_a_failure_leaves_it_due_and_tells_whether_it_may_have_gone_out(
    fault: str, state: str
) -> None:
    table = Table({"0": Row(due=1_000)})
    deliver(table, "0", fault)

    row = table.rows["0"]
    assert row.state == state
    assert row.due is not None


@pytest.mark.parametrize("error", [Undeliverable(), Gone("erased")])
def test_what_can_never_be_told_is_owed_no_more(error: Exception) -> None:
    class Nobody(Table):
        def open(self, claim: Claim) -> Opened:
            raise error

        def close(self, claim: Claim, state: str, provider_id: str, now: int) -> bool:
            self.rows[claim.entry].state = state
            return provider_id == "" and now > 0

    table = Nobody({"0": Row(due=1_000)})
    assert Sender(table, table, table, table).deliver("p", "0") == "undeliverable"
    assert table.rows["0"].state == "undeliverable"


def test_two_senders_at_once_send_one() -> None:
    table = Table({"0": Row(due=1_000)})
    sender = Sender(table, table, table, table)
    outcomes: list[str] = []

    class Meanwhile(Table):
        def send(self, contact: Contact, message: Message, _: object = None) -> str:
            outcomes.append(sender.deliver("p", "0"))
            return table.send(contact, message)

    other = Meanwhile(table.rows)
    outcomes.append(Sender(table, other, table, table).deliver("p", "0"))
    assert outcomes == ["nothing", "sent"]
    assert len(table.rows["0"].sent) == 1


def test_the_announcer_falls_back_on_the_dead_letters() -> None:
    class Down(Table):
        def hand_on(self, patient: str, entry: str) -> None:
            raise Unavailable

    kept: Any = Table()
    assert Announcer(kept, Table()).announce("p", "0") is True
    dead = Table()
    assert Announcer(Down(), dead).announce("p", "1") is False
    assert (kept.queue, dead.queue) == (["0"], ["1"])
    with pytest.raises(Unavailable):
        Announcer(Down(), Down()).announce("p", "2")
