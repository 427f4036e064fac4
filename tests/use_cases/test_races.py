"""Races at the AWS-call boundary, seeded: who wins, who loses, and that nothing is half done."""

from __future__ import annotations

from typing import Any

from dmp.domain.refusals import PreconditionFailed
from dmp.use_cases import access_queries
from dmp.use_cases.record_writes import Target
from dmp.use_cases.written import Written
from tests.races import SCHEDULES, Race, insisting, race, seeded
from tests.world import observation


def created(the: Race) -> str:
    """A resource's id."""
    made = the.writes.create(the.request(), Target("Observation"), observation(the.pid))
    return made.headers["Location"].rpartition("/Observation/")[2].partition("/")[0]


def update(the: Race, name: str, text: str, if_match: str | None = None) -> Any:
    """An update as a task."""
    body = {**observation(the.pid), "id": name, "note": [{"text": text}]}
    where = Target("Observation", id=name, if_match=if_match)
    return insisting(lambda: the.writes.update(the.request(), where, body))


def reading(the: Race, name: str) -> Any:
    """A read as a task."""
    request = access_queries.Request(the.doctor, "r", "q")
    return insisting(lambda: the.queries.read(request, "Observation", name))


@seeded
def test_of_two_writers_with_if_match_exactly_one_wins(seed: int) -> None:
    with race(seed) as the:
        name = created(the)

        results = the.run(*(update(the, name, text, 'W/"1"') for text in "ab"))

        won = [r for r in results if isinstance(r, Written)]
        assert len(won) == 1, results
        assert sum(isinstance(r, PreconditionFailed) for r in results) == 1
        assert reading(the, name)().version == 2


@seeded
def test_updates_without_conditions_are_all_kept_as_versions(seed: int) -> None:
    with race(seed) as the:
        name = created(the)

        results = the.run(*(update(the, name, text) for text in "abc"))

        assert all(isinstance(r, Written) for r in results), results
        assert sorted(r.headers["ETag"] for r in results) == ['W/"2"', 'W/"3"', 'W/"4"']
        assert reading(the, name)().version == 4


@seeded
def test_two_conditional_creates_make_one_resource(seed: int) -> None:
    with race(seed) as the:
        number = {"system": "urn:lab", "value": "42"}
        body = {**observation(the.pid), "identifier": [number]}
        where = Target("Observation", criteria="identifier=urn:lab|42")
        task = insisting(lambda: the.writes.create(the.request(), where, body))

        results = the.run(task, task)

        assert {r.status for r in results} == {200, 201}, results
        assert len({r.headers["Location"] for r in results}) == 1


@seeded
def test_one_idempotency_key_is_one_commit(seed: int) -> None:
    with race(seed) as the:
        body = observation(the.pid)
        request = the.request(key="k1")
        task = insisting(lambda: the.writes.create(request, Target("Observation"), body))

        results = the.run(task, task)

        assert results[0].body == results[1].body
        assert results[0].status == results[1].status == 201


@seeded
def test_an_access_is_opened_and_told_once_whoever_comes_first(seed: int) -> None:
    with race(seed) as the:
        writer = the.world.doctor(purpose="HOPERAT")
        the.run(insisting(lambda: found(the, writer)), insisting(lambda: found(the, writer)))

        accesses = [key for key in the.engine.items if key[2].startswith("A#")]
        notices = [key for key in the.engine.items if key[2].startswith("N#")]
        assert len(accesses) == 1
        assert len(notices) == 2  # the welcome, and this access
        entries = [key for key in the.engine.items if key[2].startswith("J#")]
        assert len(entries) >= 4  # opening, consent, and each of the two searches


def found(the: Race, caller: Any) -> bytes:
    """A search."""
    request = access_queries.Request(caller, "r", "q")
    return the.queries.search(request, "Observation", [("patient", the.pid)])


def test_ten_readers_and_three_writers_are_all_answered() -> None:
    for seed in range(max(1, SCHEDULES // 10)):
        with race(seed, real=seed % 2 == 0) as the:
            name = created(the)
            writers = [update(the, name, text) for text in "abc"]
            readers = [reading(the, name) for _ in range(10)]

            results = the.run(*writers, *readers)

            assert not [r for r in results if isinstance(r, Exception)], results
