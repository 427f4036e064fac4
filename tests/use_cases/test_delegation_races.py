"""The end of a delegation against what the delegate does, at every AWS call."""

from __future__ import annotations

from typing import Any

from dmp.domain.caller import Caller
from dmp.domain.refusals import NotFound
from dmp.use_cases import access_queries
from dmp.use_cases.record_writes import Target
from dmp.use_cases.written import Written
from tests.family import person
from tests.races import Race, insisting, race, seeded
from tests.world import observation

CIN = "BK100200"


def named(the: Race, *powers: str) -> tuple[str, Caller]:
    """The RelatedPerson's id, and the daughter."""
    daughter = the.world.open_record(cin=CIN)
    mine = the.request(the.patient)
    made = the.writes.create(mine, Target("RelatedPerson"), person(the.pid, CIN, *powers))
    return made.headers["Location"].rpartition("/RelatedPerson/")[2].partition("/")[0], daughter


def ended(the: Race, name: str) -> Any:
    mine, where = the.request(the.patient), Target("RelatedPerson", id=name)
    return insisting(lambda: the.writes.delete(mine, where))


def moved(the: Race) -> int:
    """When the standing changed in the log."""
    return the.last(0, "change", "records", the.pid, "STANDING")


@seeded
def test_reads_of_a_delegate_against_the_end(seed: int) -> None:
    with race(seed) as the:
        name, daughter = named(the, "read")
        request = access_queries.Request(daughter, "r", "q")
        read = insisting(lambda: the.queries.read(request, "Patient", the.pid).body)

        gone, *results = the.run(ended(the, name), read, read)

        assert isinstance(gone, Written)
        for task, result in enumerate(results, 1):
            entered = the.last(task, "batch", "records", the.pid, "STANDING")
            if isinstance(result, NotFound):
                assert entered > moved(the), "refused on a standing that permitted"
            else:
                guarded = the.last(task, "read", "records", the.pid, "GUARD")
                assert isinstance(result, bytes), result
                assert 0 <= guarded < moved(the), "its guard was read after it was over"


@seeded
def test_writes_of_a_delegate_against_the_end(seed: int) -> None:
    with race(seed) as the:
        name, daughter = named(the, "write")
        body, hers = observation(the.pid), the.request(daughter)
        write = insisting(lambda: the.writes.create(hers, Target("Observation"), body))

        gone, *results = the.run(ended(the, name), write, write)

        assert isinstance(gone, Written)
        for task, result in enumerate(results, 1):
            if isinstance(result, Written):
                wrote = the.last(task, "change", "records", the.pid, "GUARD")
                assert wrote < moved(the), "written when it was over"
            else:
                assert isinstance(result, NotFound), result
