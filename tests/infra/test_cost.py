"""The bill follows what was measured and what the price file says; nothing in it is typed in."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import cost
from infra.cost import ACCESSES, Measured, bill, quantities

TOLD: dict[str, Any] = yaml.safe_load(cost.PRICES.read_text("utf-8"))
ONE = Measured(4, 0, 0, 0, 6, 10, 0.005, 1000, 300, 500)
OPERATIONS = (
    "first read", "read", "search, 50 of 200", "transaction of 20", "tell", "announce",
    "seal 1,000 leaves",
)  # fmt: skip
COUNTS = {name: replace(ONE, signatures=1, kms=2, puts=3) for name in OPERATIONS}
READ = cost.measured
# a count → the terms of the bill that it moves
MOVES = {
    "calls": {"lambda_gb_seconds"},
    "kms": {"kms_calls", "lambda_gb_seconds"},
    "signatures": {"kms_calls", "kms_signatures"},
    "puts": {"s3_puts"},
    "write_units": {"dynamodb_write_units"},
    "read_units": {"dynamodb_read_units"},
    "cpu_s": {"lambda_gb_seconds"},
    "bytes_out": {"api_gb_out"},
    "bytes_logged": {"log_gb"},
    "bytes_stored": {"dynamodb_gb_months"},
}


def dollars(counts: dict[str, Measured], told: dict[str, Any]) -> dict[str, float]:
    return {term.what: term.dollars for term in bill(counts, told)}


@pytest.mark.parametrize("count", [field.name for field in fields(Measured)])
def test_each_measured_count_moves_its_own_terms_and_no_other(count: str) -> None:
    more = {n: replace(c, **{count: getattr(c, count) + 1}) for n, c in COUNTS.items()}
    before, after = dollars(COUNTS, TOLD), dollars(more, TOLD)
    assert {what for what in before if before[what] != after[what]} == MOVES[count]


def test_what_is_measured_twice_as_dear_costs_twice() -> None:
    twice = {n: replace(c, write_units=2 * c.write_units) for n, c in COUNTS.items()}
    assert dollars(twice, TOLD)["dynamodb_write_units"] == pytest.approx(
        2 * dollars(COUNTS, TOLD)["dynamodb_write_units"]
    )


@pytest.mark.parametrize("name", TOLD["prices"])
def test_each_price_is_asked_for_dated_and_sourced(name: str) -> None:
    price = TOLD["prices"][name]
    assert price["source"]
    assert price["price"] > 0
    low, high = price.get("to_be_confirmed", (price["price"], price["price"]))
    assert low <= price["price"] <= high
    assert "seen" in price or "to_be_confirmed" in price  # what is from memory says so
    dearer = {**TOLD, "prices": {**TOLD["prices"], name: {**price, "price": 1000}}}
    before, after = dollars(COUNTS, TOLD), dollars(COUNTS, dearer)
    assert {what for what in before if before[what] != after[what]} <= {name}
    if name in quantities(COUNTS, TOLD["usage"]):
        assert after[name] == pytest.approx(
            quantities(COUNTS, TOLD["usage"])[name] * ACCESSES / price["per"] * 1000
        )


def test_every_term_has_a_price_and_every_price_a_term() -> None:
    assert set(quantities(COUNTS, TOLD["usage"])) == set(TOLD["prices"])


def test_languages_decide_the_parts_of_an_sms() -> None:
    assert cost.sms_parts({"fr": 1.0}) == 1
    assert 1 < cost.sms_parts({"fr": 0.5, "ar": 0.5}) <= cost.sms_parts({"ar": 1.0}) <= 2


def test_the_table_is_computed_from_the_benchs_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "measured.json"
    monkeypatch.setattr(cost, "measured", lambda: READ(file))
    file.write_text(json.dumps({n: asdict(c) for n, c in COUNTS.items()}), "utf-8")
    assert cost.main() == 0
    printed = capsys.readouterr().out
    assert "the largest term is sms_parts" in printed
    unsure = sum("to_be_confirmed" in price for price in TOLD["prices"].values())
    assert printed.count("to be confirmed: ") == unsure > 0
    dear = {n: asdict(replace(c, signatures=1e6)) for n, c in COUNTS.items()}
    file.write_text(json.dumps(dear), "utf-8")
    cost.main()
    assert "the largest term is kms_signatures" in capsys.readouterr().out


def test_without_a_bench_there_is_no_bill(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make bench"):
        cost.measured(tmp_path / "nothing.json")
