"""Batches in which any records fail: those alone come again, the others are done, once."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from dmp.domain.identifiers import commit_id
from dmp.domain.refusals import Unavailable
from infra.template import load, of_type
from tests.post import Post
from tests.stack import Context
from tests.stack import stack as deployed
from tests.world import World

SIZE = 6
SUBSETS = [
    frozenset(some)
    for count in range(1, SIZE + 1)
    for some in itertools.combinations(range(SIZE), count)
]
BATCHES = [(size, place) for size in range(1, SIZE + 1) for place in range(size)]
POISON = ("not JSON", "null", "[]", "{}", '"text"')
PATIENTS = [f"{n:020d}" for n in range(SIZE)]
ENTRY = commit_id(1_795_000_000_000, 7)


@pytest.fixture(scope="module")
def office() -> Iterator[Post]:
    with deployed() as made:
        yield Post(World(made), None)


@pytest.fixture(scope="module")
def stream_record(office: Post) -> dict[str, Any]:
    """A notice owed, as the announcer gets it."""
    office.world.open_record()
    return office.stream()[0]


class Taken:
    """Stands where a handler hands a record on; `failing` are the places that it refuses."""

    def __init__(self) -> None:
        self.failing: frozenset[int] = frozenset()
        self.done: list[int] = []

    def __call__(self, patient: str, *_: object) -> str:
        place = PATIENTS.index(patient)
        if place in self.failing:
            raise Unavailable("busy") if place % 2 else ValueError("unforeseen")
        self.done.append(place)
        return "sent"


@pytest.fixture
def taken(office: Post, monkeypatch: pytest.MonkeyPatch) -> Taken:
    made = Taken()
    monkeypatch.setattr(
        type(office.announcer.announcer()), "announce", lambda _, *given: bool(made(*given))
    )
    monkeypatch.setattr(type(office.sender.sender()), "deliver", lambda _, *given: made(*given))
    return made


def changes(record: dict[str, Any], size: int = SIZE) -> list[dict[str, Any]]:
    """So many changes, told apart by patient and sequence number."""
    made = [copy.deepcopy(record) for _ in range(size)]
    for place, change in enumerate(made):
        change["dynamodb"]["Keys"]["pk"]["S"] = PATIENTS[place]
        change["dynamodb"]["SequenceNumber"] = str(1000 + place)
    return made


def message(place: int, body: str) -> dict[str, Any]:
    return {
        "messageId": str(place), "receiptHandle": "h", "body": body, "attributes": {},
        "messageAttributes": {}, "md5OfBody": "", "eventSource": "aws:sqs", "awsRegion": "r",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:NoticesQueue",
    }  # fmt: skip


def notices(size: int = SIZE) -> list[dict[str, Any]]:
    return [message(n, json.dumps({"patient": PATIENTS[n], "entry": ENTRY})) for n in range(size)]


def failures(answered: dict[str, Any]) -> set[int]:
    return {int(failure["itemIdentifier"]) for failure in answered["batchItemFailures"]}


def shape(failed: Iterable[int], first: int = 0) -> dict[str, Any]:
    """What Lambda understands: any other shape is success, and the whole batch is lost."""
    return {"batchItemFailures": [{"itemIdentifier": str(first + n)} for n in sorted(failed)]}


def test_powertools_7596_every_batch_is_answered_in_the_one_shape(
    office: Post, stream_record: dict[str, Any], taken: Taken
) -> None:
    """All of them, none and each subset; a batch that fails whole is reported and not raised."""
    sealer = office.stack.app("sealing", "SealingSealer")
    for taken.failing in (frozenset(), *SUBSETS):
        event = {"Records": changes(stream_record)}
        told = office.announcer.announce(event, Context("a"))
        assert told == shape(taken.failing, 1000)
        assert office.sender.deliver({"Records": notices()}, Context("s")) == shape(taken.failing)
        poison = [message(n, "null") for n in sorted(taken.failing)]
        assert sealer.seal({"Records": poison}, Context("s")) == shape(taken.failing)


def test_powertools_7596_what_comes_again_is_done_and_nothing_is_lost(
    office: Post, taken: Taken
) -> None:
    """A queue that brings back what was reported alone; trouble goes away one by one."""
    for first in SUBSETS:
        taken.done.clear()
        waiting, taken.failing = notices(), first
        while waiting:
            told = office.sender.deliver({"Records": waiting}, Context("s"))["batchItemFailures"]
            again = {failure["itemIdentifier"] for failure in told}
            waiting = [record for record in waiting if record["messageId"] in again]
            taken.failing = frozenset(sorted(taken.failing)[1:])
        assert sorted(taken.done) == list(range(SIZE))


def test_powertools_7596_every_batch_may_fail_in_part() -> None:
    sources = [
        event["Properties"]
        for function in of_type(load(), "AWS::Serverless::Function").values()
        for event in function["Properties"].get("Events", {}).values()
        if event["Type"] in ("SQS", "DynamoDB", "Kinesis")
    ]

    assert len(sources) >= 4
    for source in sources:
        assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_every_subset_of_a_batch_of_the_stream(
    office: Post, stream_record: dict[str, Any], taken: Taken
) -> None:
    for taken.failing in SUBSETS:
        taken.done.clear()
        event = {"Records": changes(stream_record)}
        failed = failures(office.announcer.announce(event, Context("a")))
        assert {n - 1000 for n in failed} == taken.failing
        assert taken.done == [n for n in range(SIZE) if n not in taken.failing]


def test_every_subset_of_a_batch_of_notices(office: Post, taken: Taken) -> None:
    for taken.failing in SUBSETS:
        taken.done.clear()
        assert failures(office.sender.deliver({"Records": notices()}, Context("s"))) == (
            taken.failing
        )
        assert taken.done == [n for n in range(SIZE) if n not in taken.failing]


@pytest.mark.parametrize("poison", POISON)
def test_a_poison_notice_at_any_place_stops_nothing_else(
    office: Post, taken: Taken, poison: str
) -> None:
    for size, place in BATCHES:
        taken.done.clear()
        records = notices(size)
        records[place]["body"] = poison
        answered = office.sender.deliver({"Records": records}, Context("s"))
        assert failures(answered) == {place}
        assert taken.done == [n for n in range(size) if n != place]


@pytest.mark.parametrize("without", ["Keys", "sk", "pk", "NewImage"])
def test_a_poison_change_at_any_place_stops_nothing_else(
    office: Post, stream_record: dict[str, Any], taken: Taken, without: str
) -> None:
    for size, place in BATCHES:
        taken.done.clear()
        records = changes(stream_record, size)
        told = records[place]["dynamodb"]
        if without == "NewImage":  # a journal entry whose leaf is not there
            told["Keys"]["sk"]["S"] = f"J#{ENTRY}"
        told.pop(without, None)
        told.get("Keys", {}).pop(without, None)
        answered = office.announcer.announce({"Records": records}, Context("a"))
        assert failures(answered) == {1000 + place}
        assert taken.done == [n for n in range(size) if n != place]


def test_every_subset_and_place_of_a_batch_of_leaves(office: Post) -> None:
    """Each set of poison places, each kind of poison in turn: the others are in the log, once."""
    app = office.stack.app("sealing", "SealingSealer")
    poison = itertools.cycle((*POISON, '{"id": "x", "leaf": "00"}', '{"id": 1, "leaf": 2}'))
    sealed = 0
    for turn, places in enumerate(SUBSETS):
        names = [f"{PATIENTS[n]}.{commit_id(1_795_000_000_000 + turn, n)}" for n in range(SIZE)]
        leaves = [json.dumps({"id": name, "leaf": "11" * 32}) for name in names]
        bodies = [next(poison) if n in places else leaves[n] for n in range(SIZE)]
        event = {"Records": [message(n, body) for n, body in enumerate(bodies)]}
        assert failures(app.seal(event, Context("s"))) == places
        sealed += SIZE - len(places)
        assert set(app.rows.leaves(names)) == {names[n] for n in range(SIZE) if n not in places}
    assert app.rows.head().log.size == sealed
