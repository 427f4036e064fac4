"""Digests, quiet hours and silence, whatever accesses, choices, failures and crashes follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.domain.contact import RHYTHMS, Contact
from dmp.domain.notices import Message, Notice, digest_name
from dmp.domain.refusals import Unavailable
from dmp.use_cases.notice_ports import Claim, Opened
from dmp.use_cases.notifications import ZONE, Sender, Sweeper

START = int(datetime(2026, 2, 13, 9, tzinfo=ZONE).timestamp())  # two days before the clock changes
CONTACT = Contact("+212612345678", None, "fr", "sms")
FAULTS = ("", "claim", "open", "defer", "defer-lost", "gathered", "send", "lost", "close", "crash")


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Row:
    """A notice's row and what it says."""

    notice: Notice
    due: int | None
    state: str = "owed"
    until: int = 0
    attempts: int = 0
    day: str = ""


@dataclass
class Record:
    """One patient's notices under the adapter's conditions, a provider and a clock."""

    contact: Contact = CONTACT
    rows: dict[str, Row] = field(default_factory=dict)
    sent: list[tuple[str, str]] = field(default_factory=list)
    queue: list[str] = field(default_factory=list)
    now: int = START
    fault: str = ""

    def owe(self, kind: str) -> None:
        """An access, say, at this moment."""
        name = f"e{len(self.rows)}"
        notice = Notice(kind, "2026-02-13T08:00:00.000Z", name, self.now)  # type: ignore[arg-type]
        self.rows[name] = Row(notice, self.now)
        self.queue.append(name)

    def now_ms(self) -> int:
        return self.now * 1000

    def random_bits(self, bits: int) -> int:
        raise NotImplementedError(bits)

    def _fail(self, at: str) -> None:
        if self.fault == at:
            raise Unavailable
        if self.fault == "crash" and at == "close":
            raise Crash

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
        return Opened(self.rows[claim.entry].notice, self.contact)

    def _mine(self, claim: Claim) -> bool:
        row = self.rows[claim.entry]
        return row.state == "claimed" and row.until == claim.until

    def release(self, claim: Claim, *, maybe_sent: bool, now: int, due: int) -> None:
        if self._mine(claim):
            row = self.rows[claim.entry]
            row.state, row.until, row.due = "claimed" if maybe_sent else "owed", now, due

    def defer(self, claim: Claim, digest: Notice, day: str) -> bool:
        self._fail("defer")
        told = self.rows.get(digest_name(day))
        if not self._mine(claim) or (told and told.state != "owed"):
            return False
        self.rows.setdefault(digest_name(day), Row(digest, digest.due))
        row = self.rows[claim.entry]
        row.state, row.due, row.day = "digest", None, day
        self._fail("defer-lost")
        return True

    def gathered(self, patient: str, day: str, now: int) -> int:
        assert patient == "p"
        assert now == self.now
        self._fail("gathered")
        return sum(row.day == day for row in self.rows.values())

    def close(self, claim: Claim, state: str, provider_id: str, now: int) -> bool:
        del provider_id, now
        self._fail("close")
        if self._mine(claim):
            row = self.rows[claim.entry]
            row.state, row.due = state, None
            return True
        return False

    def render(self, kind: str, language: str, words: Mapping[str, str]) -> Message:
        return Message(f"{words['reference']} {words['count']}", f"{kind} {language}")

    def send(self, contact: Contact, message: Message, _: object = None) -> str:
        assert contact == self.contact
        self._fail("send")
        reference, _, count = message.text.partition(" ")
        self.sent.append((reference, count))
        self._fail("lost")
        return "id"

    def before(self, due: int) -> Iterator[tuple[str, str]]:
        for name, row in list(self.rows.items()):
            if row.due is not None and row.due < due:
                yield "p", name

    def hand_on(self, patient: str, entry: str) -> None:
        assert patient == "p"
        self.queue.append(entry)

    def work(self, fault: str = "") -> None:
        """Every message of the queue once, the first under a fault."""
        waiting, self.queue = self.queue, []
        for entry in waiting:
            self.fault = fault
            try:
                Sender(self, self, self, self).deliver("p", entry)
            except (Unavailable, Crash):
                pass
            finally:
                self.fault = fault = ""

    def play(self, step: str, value: str) -> bool:
        """One step; whether it may have sent a message without knowing."""
        doubt = step == "work" and value in ("lost", "close", "crash") and bool(self.queue)
        if step == "owe":
            self.owe(value)
        elif step == "work":
            self.work(value)
        elif step == "wait":
            self.now += int(value)
        elif step == "sweep":
            Sweeper(self, self, self).sweep()
        else:
            self.contact = replace(self.contact, **{step: value})  # type: ignore[arg-type]
        return doubt

    def rest(self) -> None:
        """Time goes on until nothing is due."""
        for _ in range(200):
            if all(row.due is None for row in self.rows.values()):
                return
            self.now += 3600
            Sweeper(self, self, self).sweep()
            self.work()
        raise AssertionError(self.rows)


STEPS = st.one_of(
    st.tuples(st.just("owe"), st.sampled_from(["access", "access", "break-glass", "refused"])),
    st.tuples(st.just("work"), st.sampled_from(FAULTS)),
    st.tuples(st.just("wait"), st.integers(1, 30 * 3600)),
    st.tuples(st.just("rhythm"), st.sampled_from(RHYTHMS)),
    st.tuples(st.just("quiet"), st.sampled_from([None, ("21:00", "08:00"), ("10:00", "12:00")])),
    st.tuples(st.just("sweep"), st.just(None)),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_every_access_is_told_once_in_a_digest_or_left_out_by_choice(
    steps: list[tuple[str, str]],
) -> None:
    record = Record()
    doubts = sum(record.play(step, value) for step, value in steps)
    record.rest()

    told = [reference for reference, _ in record.sent]
    owed = {name: row for name, row in record.rows.items() if not name.startswith("digest-")}
    for name, row in owed.items():
        if row.state == "digest":
            assert record.rows[digest_name(row.day)].state == "sent"
            assert row.notice.kind == "access"
        elif row.state == "suppressed":
            assert row.notice.kind == "access"
            assert name not in told
        else:
            assert row.state == "sent"
            assert name in told
    digests = [row for name, row in record.rows.items() if name.startswith("digest-")]
    counts = {row.notice.reference: 0 for row in digests}
    for reference, count in record.sent:
        if reference in counts:
            counts[reference] = int(count)
    assert sum(counts.values()) == sum(row.state == "digest" for row in owed.values())
    assert len(record.sent) <= len(set(told)) + doubts


def test_break_glass_is_told_at_night_to_whoever_wants_nothing() -> None:
    quiet = replace(CONTACT, rhythm="none", quiet=("00:00", "23:59"))
    record = Record(contact=quiet)
    record.owe("access")
    record.owe("break-glass")
    record.work()
    assert [reference for reference, _ in record.sent] == ["e1"]
    assert record.rows["e0"].state == "suppressed"


def test_three_accesses_of_a_day_are_one_message_at_the_patients_hour() -> None:
    record = Record(contact=replace(CONTACT, rhythm="daily", digest_hour=18))
    for _ in range(3):
        record.owe("access")
        record.work()
        record.now += 600
    assert record.sent == []
    record.rest()
    ((_, count),) = record.sent
    assert count == "3"
    assert datetime.fromtimestamp(record.now, ZONE).hour == 18
