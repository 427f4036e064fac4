"""`make demo` on a sandbox of the tests' own: each step holds, real bundles included."""

from __future__ import annotations

import pytest

from infra.local.demo import SYNTHEA, Day
from tests.e2e.place import Place

ADDRESS = "203.0.113.21"


def test_the_first_day_of_a_record(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    day = Day(place.sandbox(ADDRESS))

    for _, part in day.steps():
        part()

    told = capsys.readouterr().out
    real = len(list(SYNTHEA.glob("*.json")))
    assert told.count("one commit, all or nothing") == 1 + real
    assert ("left out" in told) == (real == 0)
