"""Every AWS call behind stream and queues, failing in every way, and the process that dies.

What brings the work brings it again: stream, queue, provider's receipts, schedule. In the end each
notice is told, twice only where the sender cannot know that it was, in the same words; each leaf is
in the log once, under a checkpoint that was published; and nothing is in doubt.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import time_machine
from moto.ses import ses_backends
from moto.sns import sns_backends

from dmp.adapters.dynamodb.ledger import ScannedLedger
from dmp.domain.contact import Contact
from dmp.domain.identifiers import commit_id
from dmp.edge.batch import Redeliver
from dmp.use_cases.reconciliation import reconciled
from tests.faults import CRASHES, Died, Outcome, Site, Trial, faulty, pairs, walked
from tests.functions.test_batches import message
from tests.functions.test_receipts import about, event
from tests.post import Post, message_of
from tests.register import mails, sms
from tests.stack import ACCOUNT, REGION, Context, Stack
from tests.stack import stack as deployed
from tests.world import World

NOW = 1_795_000_000
DAY = 86_400
BY_MAIL = Contact("+212612345678", "nadia@example.org", "fr", "email")
QUEUES = ("NoticesQueue", "NoticesDeadLetters", "LeavesQueue", "LeavesDeadLetters")
_serial = itertools.count(1)


@dataclass
class Depot:
    """Stream, queues and the functions behind them, empty again for each trial."""

    stack: Stack
    post: Post
    receipts: ModuleType
    sealer: ModuleType
    sweeper: ModuleType
    patient: str = ""
    since: int = 0

    def empty(self) -> Depot:
        """A day later: nothing waits, nothing was told."""
        self.post.travel.shift(DAY)
        sns_backends[ACCOUNT][REGION].sms_messages.clear()
        ses_backends[ACCOUNT][REGION].sent_messages.clear()
        for name in QUEUES:
            url = self.post.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            self.post.sqs.purge_queue(QueueUrl=url)
        self.post.from_now()
        self.since = self.post.world.clock.now_ms()
        table = self.stack.output("RecordsTable")
        for row in self._left():
            key = {name: row[name] for name in ("pk", "sk")}
            self.stack.client("dynamodb").delete_item(TableName=table, Key=key)
        self.post.sender.sender().notices._vault._rings.clear()
        return self

    def _left(self) -> list[dict[str, Any]]:
        """Entries and notices of the last record: a sweep would find them a day later."""
        if not self.patient:
            return []
        rows: list[dict[str, Any]] = self.stack.client("dynamodb").query(
            TableName=self.stack.output("RecordsTable"),
            KeyConditionExpression="pk = :p AND sk BETWEEN :j AND :n",
            ExpressionAttributeValues={
                ":p": {"S": self.patient}, ":j": {"S": "J#"}, ":n": {"S": "N#~"}
            },
        )["Items"]  # fmt: skip
        return [row for row in rows if row["sk"]["S"][:2] in ("J#", "N#")]

    def opened(self, contact: Contact | None = None) -> list[dict[str, Any]]:
        """Somebody's record, and what the stream tells of it."""
        self.patient = str(self.post.world.open_record(contact=contact).patient)
        return self.post.stream(self._own)

    def _own(self, record: dict[str, Any]) -> bool:
        keys = record["dynamodb"]["Keys"]
        return keys["pk"]["S"] == self.patient and keys["sk"]["S"][:2] in ("N#", "J#")

    def told(self, times: tuple[int, ...] = (1,)) -> None:
        """After all that comes again by itself: told, and in the ledger as told."""
        self.rest()
        texts = [text for _, text in sms()] + [mail.body for mail in mails()]
        assert len(texts) in times
        [row] = self.post.notices(self.patient)
        assert all(row["ref"] in text for text in texts)
        assert self.outcomes() == {"sent": 1}

    def rest(self) -> None:
        """All that comes again by itself, within a day."""
        for _ in range(3):
            self.post.travel.shift(7 * 3600)
            self.post.sweep()
            while self.post.waiting():
                assert self.post.deliver() == []

    def outcomes(self) -> dict[str, int]:
        """The ledger since this trial began; in balance."""
        table = self.stack.output("RecordsTable")
        now = int(self.post.world.clock.now_ms()) // 1000
        ledger = ScannedLedger(self.stack.client("dynamodb"), table)
        found = reconciled(ledger, self.since, 1 << 45, now)
        assert found.balanced
        return {name: n for name, n in found.outcomes.items() if n}


def _scheduled(run: Callable[[], object]) -> Outcome:
    try:
        run()
    except Redeliver:
        return "busy"
    return "done"


def _announces(depot: Depot) -> Trial:
    records = depot.opened()
    assert len(records) == 2

    def send() -> Outcome:
        return "busy" if depot.post.announce(records) else "done"

    def holds() -> None:
        depot.told()
        leaves = [*depot.post.waiting("LeavesQueue"), *depot.post.waiting("LeavesDeadLetters")]
        assert leaves
        assert len(set(leaves)) == 1

    return Trial(send, holds)


def _delivers(depot: Depot, contact: Contact | None = None) -> Trial:
    assert depot.post.announce(depot.opened(contact)) == []

    def send() -> Outcome:
        return "busy" if depot.post.deliver() else "done"

    return Trial(send, lambda: depot.told((1, 2)))


def _sweeps(depot: Depot) -> Trial:
    depot.opened()
    depot.post.travel.shift(400)
    return Trial(lambda: _scheduled(depot.post.sweep), depot.told)


def _is_told_of_a_bounce(depot: Depot) -> Trial:
    depot.post.announce(depot.opened(BY_MAIL))
    assert depot.post.deliver() == []
    ses_backends[ACCOUNT][REGION].sent_messages.clear()
    notification = event("bounce", **about(*depot.post.notices(depot.patient)))
    handler = depot.receipts.handler
    return Trial(lambda: _scheduled(lambda: handler(notification, Context("Receipts"))), depot.told)


def _seals(depot: Depot) -> Trial:
    turn = next(_serial)
    names = [f"{turn:020d}.{commit_id(NOW * 1000, n)}" for n in range(3)]
    bodies = [f'{{"id": "{name}", "leaf": "{turn:064x}"}}' for name in names]
    batch = {"Records": [message(n, body) for n, body in enumerate(bodies)]}
    rows, published = depot.sealer.rows, depot.sealer.sealer.published
    before = rows.head().log.size

    def send() -> Outcome:
        answered = depot.sealer.seal(batch, Context("SealingSealer"))
        assert len(answered["batchItemFailures"]) in (0, 3)
        return "busy" if answered["batchItemFailures"] else "done"

    def holds() -> None:
        head = rows.head()
        assert head.log.size == before + 3
        assert {at for at, _ in rows.leaves(names).values()} == set(range(before, before + 3))
        assert head.signed.size == head.log.size
        assert published.checkpoint().note == head.note

    depot.sealer.sealer.signer.__dict__.pop("spki", None)
    return Trial(send, holds)


def _compares(depot: Depot) -> Trial:
    depot.opened()
    depot.post.travel.shift(400)
    run = depot.sweeper.sweep

    def holds() -> None:
        assert any(depot.patient in body for body in depot.post.waiting("LeavesQueue"))

    return Trial(
        lambda: _scheduled(lambda: run({"source": "aws.events"}, Context("SealingSweeper"))), holds
    )


FLOWS: dict[str, Callable[[Depot], Trial]] = {
    "announces": _announces,
    "delivers by phone": _delivers,
    "delivers by mail": lambda depot: _delivers(depot, BY_MAIL),
    "sweeps": _sweeps,
    "is told of a bounce": _is_told_of_a_bounce,
    "seals": _seals,
    "compares": _compares,
}


@pytest.fixture(scope="module")
def depot() -> Iterator[Depot]:
    with deployed() as made, time_machine.travel(NOW, tick=False) as travel:
        post = Post(World(made), travel)
        sweeper = made.app("sealing", "SealingSweeper")
        settings = replace(sweeper.settings, sweep_parts=1)
        with mock.patch.object(sweeper, "settings", settings):
            receipts = made.app("receipts", "Receipts")
            yield Depot(made, post, receipts, made.app("sealing", "SealingSealer"), sweeper)


@pytest.mark.parametrize(("name", "fault"), pairs(FLOWS))
def test_each_call_behind_a_queue_fails(
    depot: Depot, name: str, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tried = walked(lambda: FLOWS[name](depot.empty()), fault)

    assert tried or fault not in CRASHES
    capsys.readouterr()


MOVES = ("duplicate", "reorder", "drop")
SENDING = (("UpdateItem", 0), ("BatchGetItem", 0), ("Publish", 0), ("UpdateItem", 1))
STEPS: tuple[tuple[str, str, Site], ...] = (
    *(("stream", fault, ("SendMessage", 1)) for fault in (*MOVES, *CRASHES)),
    *(("queue", fault, SENDING[0]) for fault in (*MOVES, *CRASHES)),
    *(("notifier", fault, site) for fault in CRASHES for site in SENDING),
    *(("provider", fault, SENDING[2]) for fault in ("throttled", "500", "time-out before",
                                                    "time-out after", *CRASHES)),
)  # fmt: skip
# The one point at which nobody knows whether the patient was told.
IN_DOUBT = (("time-out after", SENDING[2]), ("crash after", SENDING[2]),
            ("crash before", SENDING[3]))  # fmt: skip


def _streams(depot: Depot, records: list[dict[str, Any]], fault: str, site: Site) -> None:
    match fault:
        case "duplicate":
            depot.post.announce([*records, *records])
        case "reorder":
            depot.post.announce(records[::-1])
        case "drop":
            return
        case _:
            with faulty(site, fault, "first") as struck, suppress(Died):
                depot.post.announce(records)
            assert struck


def _queues(depot: Depot, fault: str, site: Site) -> None:
    url = depot.stack.output("NoticesQueueUrl")
    got = depot.post.sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=0
    ).get("Messages", [])
    match fault:
        case "drop":
            for lost in got:
                depot.post.sqs.delete_message(QueueUrl=url, ReceiptHandle=lost["ReceiptHandle"])
        case "duplicate" | "reorder" if got:
            taken = [message_of(m) for m in (*got[::-1], *(got if fault == "duplicate" else ()))]
            depot.post.sender.deliver({"Records": taken}, Context("NotificationsSender"))
        case "crash before" | "crash after":
            with faulty(site, fault, "first") as struck, suppress(Died):
                depot.post.deliver()
            assert struck


@pytest.mark.parametrize("seed", range(4))
def test_the_ledger_holds_whatever_happens_on_the_way(
    depot: Depot, seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step fails in each way, in the seed's order: never zero, two only in doubt."""
    dice = random.Random(seed)  # noqa: S311  # an order, not a secret
    depot.empty()
    owed: list[dict[str, Any]] = []
    doubts = 0
    for step, fault, site in dice.sample(STEPS, len(STEPS)):
        told = depot.opened()
        owed += [record for record in told if record["dynamodb"]["Keys"]["sk"]["S"][0] == "N"]
        if step == "stream":
            _streams(depot, [*dice.sample(owed, min(3, len(owed))), *told], fault, site)
            continue
        while len(depot.post.waiting()) >= 5:  # so that what comes now is in the next batch
            depot.post.deliver()
        assert depot.post.announce(told) == []
        if step == "queue":
            _queues(depot, fault, site)
        else:
            with faulty(site, fault, "first") as struck, suppress(Died):
                depot.post.deliver()
            assert struck, (step, fault, site)
            doubts += (fault, site) in IN_DOUBT
        depot.post.travel.shift(dice.choice((0, 1, 301, 3600)))
        dice.choice((depot.post.sweep, lambda: None))()
    depot.rest()

    texts = [text for _, text in sms()]
    rows = [row for r in owed for row in depot.post.notices(r["dynamodb"]["Keys"]["pk"]["S"])]
    for row in rows:
        assert row["state"] == "sent"
        assert sum(row["ref"] in text for text in texts) >= 1
    assert len(set(texts)) == len(rows) == len(owed) == len(STEPS)
    assert len(texts) <= len(owed) + doubts
    assert depot.outcomes() == {"sent": len(owed)}
    capsys.readouterr()
