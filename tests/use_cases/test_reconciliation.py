"""The ledger balances whatever happened, and says so when a notice is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.identifiers import commit_id
from dmp.use_cases.reconciliation import OUTCOMES, Ledger, Row, reconciled
from infra.reconcile import told

NOW = 1_795_000_000
ENTRIES = [commit_id(NOW * 1000 + i, i) for i in range(8)]


class Rows:
    """Rows in the order of a scan."""

    def __init__(self, *rows: Row) -> None:
        self._rows = rows

    def rows(self) -> Iterator[Row]:
        return iter(sorted(self._rows, key=lambda row: row.patient))


def ledger(*rows: Row) -> Ledger:
    """Of all time."""
    return reconciled(Rows(*rows), 0, 1 << 45, NOW)


def row(number: int, state: str = "", patient: str = "p", **more: object) -> Row:
    """A row of one entry; without a state the journal's side."""
    return Row(patient, ENTRIES[number], state, **more)  # type: ignore[arg-type]


CASES = {
    "sent": ([row(0), row(0, "sent")], "sent"),
    "suppressed": ([row(0), row(0, "suppressed")], "suppressed"),
    "undeliverable": ([row(0), row(0, "undeliverable")], "undeliverable"),
    "owed": ([row(0), row(0, "owed")], "waiting"),
    "a sender has it": ([row(0), row(0, "claimed", until=NOW + 60)], "waiting"),
    "its lease ran out": ([row(0), row(0, "claimed", until=NOW)], "in doubt"),
    "no notice": ([row(0)], "missing"),
    "another patient's notice": ([row(0), row(1, "sent", "q")], "missing"),
    "digest told": (
        [row(0), row(0, "digest", day="20261122"), Row("p", "digest-20261122", "sent")],
        "in a digest",
    ),
    "digest owed": (
        [row(0), row(0, "digest", day="20261122"), Row("p", "digest-20261122", "owed")],
        "waiting",
    ),
    "digest undeliverable": (
        [row(0), row(0, "digest", day="20261122"), Row("p", "digest-20261122", "undeliverable")],
        "undeliverable",
    ),
    "digest not there": ([row(0), row(0, "digest", day="20261122")], "missing"),
    "digest of another day": (
        [row(0), row(0, "digest", day="20261122"), Row("p", "digest-20261123", "sent")],
        "missing",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_each_access_has_the_outcome_that_its_rows_tell(case: tuple[list[Row], str]) -> None:
    rows, outcome = case
    found = ledger(*rows)
    assert found.outcomes[outcome] == 1  # type: ignore[index]
    assert found.accesses == 1
    assert found.balanced is (outcome != "missing")
    assert bool(found.faults) is (outcome in ("missing", "in doubt"))


def test_only_what_was_owed_in_the_period_counts() -> None:
    rows = Rows(*(row(n) for n in range(8)), *(row(n, "sent") for n in range(8)))
    found = reconciled(rows, NOW * 1000 + 2, NOW * 1000 + 5, NOW)
    assert (found.owed, found.accesses, found.outcomes["sent"]) == (3, 3, 3)


STATES = st.sampled_from(["owed", "claimed", "sent", "digest", "suppressed", "undeliverable", ""])


@given(st.dictionaries(st.tuples(st.sampled_from("pqr"), st.integers(0, 7)), STATES), st.booleans())
def test_the_sum_is_always_what_was_owed(
    states: dict[tuple[str, int], str], digested: bool
) -> None:
    rows = [row(number, patient=patient) for patient, number in states]
    rows += [row(n, s, p, day="20261122") for (p, n), s in states.items() if s]
    if digested:
        rows += [Row(patient, "digest-20261122", "sent") for patient in "pqr"]
    found = ledger(*rows)
    assert found.owed == len(states) == found.outcomes.total()
    assert found.outcomes["missing"] == sum(
        s == "" or (s == "digest" and not digested) for s in states.values()
    )
    shown = told(found)
    assert all(name in shown for name in OUTCOMES)
    assert ("NOT BALANCED" in shown) is bool(found.outcomes["missing"])
