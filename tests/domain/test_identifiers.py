"""Ids carry their place, sort by time, and nothing else passes for one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.identifiers import (
    ResourceId,
    base32hex,
    canonical,
    commit_id,
    commit_millis,
    is_entry_id,
    is_inpe,
    is_patient_id,
    patient_id,
    resource_id,
)

P, C = "0123456789abcdefghij", "0123456789abcdef"
FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
millis = st.integers(0, 2**45 - 1)


@given(st.integers(0, 2**100 - 1), st.integers(0, 2**100 - 1))
def test_a_pseudonym_is_one_to_one_with_its_randomness(one: int, other: int) -> None:
    assert is_patient_id(patient_id(one))
    assert (patient_id(one) == patient_id(other)) == (one == other)


@given(millis, millis, st.integers(0, 2**35 - 1), st.integers(0, 2**40))
def test_commit_ids_sort_by_time_and_tell_it(one: int, other: int, a: int, b: int) -> None:
    assert commit_millis(commit_id(one, a)) == one
    if one < other:
        assert commit_id(one, a) < commit_id(other, b)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (P, (P, None, None)),
        (f"{P}.{C}.0v0v", (P, C, None)),
        (f"{P}.cli-x", (P, None, "cli")),
        (f"{P}.a1b2c3-{'f' * 36}", (P, None, "a1b2c3")),
        (f"{P}.cli-3F2504E0-4F89-11D3-9A0C-0305E82C3301", (P, None, "cli")),
        (f"{P}.cli-a.b-c", (P, None, "cli")),
    ],
)
def test_an_id_is_taken_apart(text: str, parts: tuple[str, str | None, str | None]) -> None:
    assert resource_id(text) == ResourceId(text, *parts)
    assert FHIR_ID.match(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", P[:-1], P + "0", P.upper(), P + "\n", f"{P}.", f"{P}.{C}", f"{P}.{C}.0v0",
        f"{P}.{C}.0v0v0", f"{P}.{C}.0v0w", f"{P}.{C}.0v0v\n", f"{P}.{C[:-1]}w.0v0v", f"{P}.cli-",
        f"{P}.Cli-x", f"{P}.1cli-x", f"{P}.toolong-x", f"{P}.cli-x/y", f"{P}.cli-x y",
        f"{P}.cli-{'f' * 37}", f"{P}.-x", f"w{P[1:]}.{C}.0v0v", f"{P}.cli-é", f"{P}.cli-x#",
    ],
)  # fmt: skip
def test_nothing_else_is_an_id(text: str) -> None:
    assert resource_id(text) is None


@given(st.text(max_size=70))
def test_whatever_is_an_id_is_one_for_fhir(text: str) -> None:
    if parsed := resource_id(text):
        assert FHIR_ID.match(text)
        assert text.startswith(parsed.patient)
        assert is_patient_id(parsed.patient)


@pytest.mark.parametrize(
    ("text", "expected"),
    [(f"{P}.{C}", True), (f"{P}.{C}\n", False), (f"{P}.{C}.0v0v", False), (P, False)],
)
def test_a_journal_entrys_id_has_two_parts(text: str, expected: bool) -> None:
    assert is_entry_id(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("be 742318", "BE742318"), ("BE-742.318", "BE742318"), ("be/742318\t", "BE742318")],
)
def test_one_identifier_has_one_form(text: str, expected: str) -> None:
    assert canonical(text) == expected
    assert canonical(canonical(text)) == expected


@pytest.mark.parametrize(
    "text", ["20000001", "2000000010", "20000000a", "٢٠٠٠٠٠٠٠١", "200000001\n"]
)
def test_an_inpe_has_nine_digits(text: str) -> None:
    assert is_inpe("200000001")
    assert not is_inpe(text)


def test_base32hex_keeps_the_low_bits() -> None:
    assert base32hex(0b1_00001_11111, 2) == "1v"
