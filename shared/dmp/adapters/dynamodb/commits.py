"""The one TransactWriteItems of a write, and of a read that opens an access."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pynamodb.connection import Connection
from pynamodb.transactions import TransactWrite

from dmp.adapters.compression import compress, decompress
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available, retrying
from dmp.adapters.dynamodb.contact_items import move_items
from dmp.adapters.dynamodb.grant_items import (
    OPEN,
    MeetingItem,
    ReviewItem,
    meeting_item,
    review_key,
)
from dmp.adapters.dynamodb.journal_items import journal_item, notice_item, written_once
from dmp.adapters.dynamodb.signed_in import end_items
from dmp.adapters.dynamodb.tables import CONTACT, STANDING, RecordItem
from dmp.adapters.dynamodb.transactions import Transaction
from dmp.adapters.envelope import Ring
from dmp.domain.identifiers import commit_millis
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice
from dmp.domain.record import Version, encode
from dmp.domain.refusals import TooLarge
from dmp.use_cases.ports import (
    Access,
    Door,
    Once,
    Pointer,
    Race,
    Raced,
    Swap,
    Telling,
    Write,
)
from dmp.use_cases.refused import TOLD_AT

PART_BYTES_MAX = 350_000
PARTS_MAX = 8
ACCESS_S = 3600
ONCE_S = 86_400
REFUSALS_S = 2 * 86_400


@dataclass(frozen=True, slots=True)
class OpenDoor(Door):
    """A door with the keys to what is behind it."""

    ring: Ring | None = None
    segments: int = 0


class Commits:
    """The writing half of the port `Records`."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def journal(self, door: Door, entry: Entry) -> None:
        """One PutItem."""
        item = journal_item(ring_of(door), entry)
        _told(lambda: item.save(condition=written_once(item)), "id")

    def refuse(self, door: Door, entry: Entry, key: str, notice: Notice) -> None:
        """One UpdateItem of R#, then one PutItem, or J#, N# and R# together."""
        count = RecordItem(door.patient, f"R#{key}")
        ttl = commit_millis(entry.entry) // 1000 + REFUSALS_S
        available(lambda: count.update(actions=[RecordItem.n.add(1), RecordItem.ttl.set(ttl)]))
        if count.n < TOLD_AT or count.owes:
            self.journal(door, entry)
            return
        ring = ring_of(door)

        def send() -> None:
            with TransactWrite(connection=self.connection) as transaction:
                absent = RecordItem.pk.does_not_exist()
                transaction.save(journal_item(ring, entry, owes=True), condition=absent)
                transaction.save(notice_item(ring, entry, notice), condition=absent)
                transaction.update(
                    RecordItem(door.patient, f"R#{key}"),
                    [RecordItem.owes.set(True)],
                    condition=RecordItem.owes.does_not_exist(),
                )

        try:
            retrying(send)
        except ConditionsFailed:  # another refusal at the same moment owes it
            self.journal(door, entry)

    def open_access(self, door: Door, entry: Entry, access: Access, notice: Notice) -> None:
        """J#, A# and N# together."""
        transaction = Transaction()
        ring = ring_of(door)
        transaction.put("id", journal_item(ring, entry, owes=True))
        _put_access(transaction, entry, access)
        transaction.put("id", notice_item(ring, entry, notice))
        transaction.run(self.connection)

    def commit(self, door: Door, write: Write) -> None:
        """Commit, pointers, journal entry, access, notice, guards, and GUARD unchanged."""
        ring, transaction = ring_of(door), Transaction()
        holds = (RecordItem.st == "active") & (RecordItem.pv == write.policy)
        if write.standing is None:
            transaction.check("policy", write.patient, holds)
        else:
            sealed = ring.seal("record", STANDING, write.standing.to_bytes())
            version = write.standing.version
            standing = RecordItem(write.patient, STANDING, b=sealed, pv=version)
            transaction.put("policy", standing, RecordItem.pv == write.policy)
            transaction.bump(write.patient, version, holds)
        if write.versions:
            for item in commit_items(ring, write.patient, write.commit, write.versions):
                transaction.put("id", item)
        for pointer in write.pointers:
            _put_pointer(transaction, write.patient, pointer)
        owes = write.notice is not None
        transaction.put("id", journal_item(ring, write.entry, owes=owes))
        if write.access is not None:
            _put_access(transaction, write.entry, write.access)
        if write.notice is not None:
            transaction.put("id", notice_item(ring, write.entry, write.notice))
        for swap in write.swaps:
            _put_swap(transaction, ring, write.patient, swap)
        if write.once is not None:
            _put_once(transaction, ring, write.patient, write.once)
        if write.telling is not None:
            _put_telling(transaction, write.telling)
        _put_contact(transaction, ring, write)
        _put_grant(transaction, write)
        transaction.run(self.connection)

    def used(self, door: Door, key: str, now: int) -> tuple[str, bytes] | None:
        """One consistent GetItem of an I# item."""
        ring = ring_of(door)
        name = f"I#{ring.token(key)}"
        found = available(lambda: list(
            RecordItem.query(door.patient, RecordItem.sk == name, consistent_read=True)
        ))  # fmt: skip
        if not found or found[0].ttl <= now:
            return None
        digest, _, answer = decompress(ring.open("record", name, found[0].b)).partition(b"\0")
        return digest.decode(), answer


def commit_items(
    ring: Ring, patient: str, commit: str, versions: Sequence[Version]
) -> list[RecordItem]:
    """The 1..8 items of a commit; TooLarge before anything is written."""
    sealed = ring.seal("record", commit, compress(encode(versions)))
    parts = [sealed[i : i + PART_BYTES_MAX] for i in range(0, len(sealed), PART_BYTES_MAX)]
    if len(parts) > PARTS_MAX:
        raise TooLarge(f"sealed, the content is over {PARTS_MAX * PART_BYTES_MAX} bytes")
    first = RecordItem(patient, f"K#{commit}", b=parts[0], n=len(parts))
    rest = [RecordItem(patient, f"K#{commit}#{i}", b=p) for i, p in enumerate(parts[1:], 1)]
    return [first, *rest]


def ring_of(door: Door) -> Ring:
    """The keys that came with the door."""
    if not isinstance(door, OpenDoor) or door.ring is None:
        raise TypeError("a door of another adapter")
    return door.ring


def _put_pointer(transaction: Transaction, patient: str, pointer: Pointer) -> None:
    item = RecordItem(
        patient,
        f"U#{pointer.type}#{pointer.id}",
        v=pointer.version,
        cs=list(pointer.commits),
        own=pointer.own or None,
    )
    first = pointer.version == (1 if pointer.own else 2)
    transaction.put("pointer", item, None if first else RecordItem.v == pointer.version - 1)


def _put_access(transaction: Transaction, entry: Entry, access: Access) -> None:
    """Open it unless one is open: expiry is a condition, TTL only cleans up."""
    begins = access.until - ACCESS_S
    item = RecordItem(
        entry.patient, f"A#{access.key}", until=access.until, entry=entry.entry,
        ttl=access.until + ONCE_S,
    )  # fmt: skip
    ended = RecordItem.pk.does_not_exist() | (RecordItem.until <= begins)
    transaction.put("access", item, ended)


def _put_once(transaction: Transaction, ring: Ring, patient: str, once: Once) -> None:
    name = f"I#{ring.token(once.key)}"
    sealed = ring.seal("record", name, compress(once.digest.encode() + b"\0" + once.answer))
    over = RecordItem.pk.does_not_exist() | (RecordItem.ttl <= once.until - ONCE_S)
    transaction.put("once", RecordItem(patient, name, b=sealed, ttl=once.until), over)


def _put_swap(transaction: Transaction, ring: Ring, patient: str, swap: Swap) -> None:
    item = RecordItem(patient, f"I#{ring.token(swap.key)}", entry=swap.commit, ttl=swap.until)
    transaction.put("swap", item, RecordItem.entry == swap.seen if swap.seen else None)


def _put_telling(transaction: Transaction, telling: Telling) -> None:
    """Entry and notice of another record, which must be there."""
    ring = ring_of(telling.door)
    transaction.check("policy", telling.entry.patient, RecordItem.st == "active")
    transaction.put("id", journal_item(ring, telling.entry))
    transaction.put("id", notice_item(ring, telling.entry, telling.notice))


def _put_contact(transaction: Transaction, ring: Ring, write: Write) -> None:
    """Stand on the contact, or change it."""
    if write.contact_at:
        settled = RecordItem.until.does_not_exist() | (RecordItem.until <= write.contact_at)
        transaction.check("contact", write.patient, settled, CONTACT)
    if write.move is not None:
        owed, change = move_items(ring, write.patient, write.commit, write.move)
        transaction.put("id", owed)
        transaction.update("contact", *change)
        end_items(transaction, write.move.ended)


def _put_grant(transaction: Transaction, write: Write) -> None:
    """Use up the code of a first meeting; keep what is to be reviewed."""
    if write.code is not None:
        key, mac = write.code
        live = (MeetingItem.mac == mac) & (MeetingItem.expires > write.contact_at)
        transaction.update("code", meeting_item(key), [MeetingItem.mac.remove()], live)
    if (review := write.review) is not None:
        item = ReviewItem(
            review_key(review.name),
            review=OPEN if review.state != "reviewed" else None,
            opened=review.opened,
            state=review.state,
            entry=review.entry,
            contest=review.contest or None,
            outcome=review.outcome or None,
            answer=review.answer or None,
            kind=review.kind if review.kind != "break-glass" else None,
        )
        unmoved = ReviewItem.state == review.seen if review.seen else ReviewItem.pk.does_not_exist()
        transaction.put("review", item, unmoved)


def _told(call: Callable[[], object], race: Race) -> None:
    try:
        available(call)
    except ConditionsFailed:
        raise Raced(frozenset({race})) from None
