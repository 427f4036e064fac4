"""UCUM codes: what they come to, and what is none."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from dmp.fhir.search import matches, parse
from dmp.fhir.search_order import ordered
from dmp.fhir.units import UCUM, in_base, unit

Json = dict[str, Any]
EQUAL = [
    ("1", "kg", "1000", "g"), ("1", "[lb_av]", "0.45359237", "kg"), ("1", "[in_i]", "2.54", "cm"),
    ("37", "Cel", "98.6", "[degF]"), ("0", "Cel", "273.15", "K"), ("1", "mm[Hg]", "133.322", "Pa"),
    ("1", "mg/dL", "0.01", "g/L"), ("1", "ug/mL", "1", "mg/L"), ("1", "10*3/uL", "1", "10*9/L"),
    ("1", "mmol/L", "1000", "umol/L"), ("1", "meq/L", "1", "mmol/L"), ("1", "h", "60", "min"),
    ("1", "[IU]/L", "1", "[iU]/L"), ("1", "m[H2O]", "9806.65", "Pa"), ("1", "L", "1", "dm3"),
    ("5", "{RBC}/uL", "5", "/uL"), ("1", "mL/min/{1.73_m2}", "1", "mL/min"), ("1", "wk", "7", "d"),
    ("1", "g%", "1", "g/dL"), ("1", "%", "10", "[ppth]"), ("1", "kcal_th", "4184", "J"),
    ("1", "N", "1", "kg.m/s2"), ("24", "g/(24.h)", "24", "g/d"), ("1", "K/(m.s)", "1", "K/m/s"),
    ("7", "[pH]", "7", "[pH]"), ("1", "U/L", "1", "umol/min/L"), ("1", "l", "1", "L"),
]  # fmt: skip
UNEQUAL = [
    ("1", "mg/dL", "0.1", "g/L"), ("1", "kg", "1", "m"), ("1", "[pH]", "1", "B"),
    ("1", "[iU]", "1", "[arb'U]"), ("1", "mmol/L", "18", "mg/dL"), ("1", "Cel", "1", "K"),
]  # fmt: skip
NONE = ["", "foo", "mg//dL", "mg/", "(mg", "mg)", "k[in_i]", "Cel/m", "mg{", "mg dL", "m99", "0",
        "m" * 81, "10*+", "{a}{b}c", "[in_i", "kk", "1.2.", "mg{a}{b}"]  # fmt: skip


def held(value: str, code: str, name: str = "a") -> Json:
    quantity = {"value": Decimal(value), "system": UCUM, "code": code}
    return {"resourceType": "Observation", "id": name, "valueQuantity": quantity}


def found(resource: Json, value: str) -> bool:
    return matches(parse("Observation", [("value-quantity", value)]), resource)


@pytest.mark.parametrize(("value", "code", "same", "other"), EQUAL)
def test_equal_units_are_found(value: str, code: str, same: str, other: str) -> None:
    assert found(held(value, code), f"{same}|{UCUM}|{other}")
    assert found(held(same, other), f"{value}|{UCUM}|{code}")
    one, two = unit(code), unit(other)
    assert one is not None
    assert two is not None
    assert in_base(Fraction(value), one) == in_base(Fraction(same), two)


@pytest.mark.parametrize(("value", "code", "same", "other"), UNEQUAL)
def test_unequal_units_are_not(value: str, code: str, same: str, other: str) -> None:
    assert not found(held(value, code), f"{same}|{UCUM}|{other}")


@pytest.mark.parametrize("code", NONE)
def test_what_is_no_unit_is_compared_to_the_letter(code: str) -> None:
    assert unit(code) is None
    if code and "|" not in code:
        assert found(held("1", code), f"1|{UCUM}|{code}")
        assert not found(held("1", "mg"), f"1|{UCUM}|{code}")


def test_precision_is_that_of_the_unit_asked_for() -> None:
    assert found(held("80", "mg/dL"), f"0.8|{UCUM}|g/L")
    assert found(held("84.9", "mg/dL"), f"0.8|{UCUM}|g/L")
    assert not found(held("85", "mg/dL"), f"0.8|{UCUM}|g/L")
    assert not found(held("80", "mg/dL"), f"gt0.8|{UCUM}|g/L")
    assert found(held("80", "mg/dL"), f"ge0.800|{UCUM}|g/L")
    assert found(held("98.6", "[degF]"), f"le37|{UCUM}|Cel")


def test_a_unit_that_is_not_ucums_is_not_converted() -> None:
    local = held("1", "kg")
    local["valueQuantity"]["system"] = "urn:local"
    assert not found(local, f"1000|{UCUM}|g")
    assert found(local, "1|urn:local|kg")
    assert not found(held("1", "kg"), "1000||g")
    assert found(held("1", "kg"), "1||kg")


def test_comparators_and_ranges_are_converted_too() -> None:
    above = held("1", "kg")
    above["valueQuantity"]["comparator"] = ">"
    assert found(above, f"gt2000|{UCUM}|g")
    assert not found(above, f"lt900|{UCUM}|g")


def test_order_is_that_of_the_amounts() -> None:
    every = [held("1", "kg", "a"), held("2", "[lb_av]", "b"), held("950", "g", "c")]
    query = parse("Observation", [("_sort", "value-quantity")])
    assert [r["id"] for r in ordered(query, every)] == ["b", "c", "a"]
