"""The strict reader: what it refuses, its limits, and decimals to the digit."""

from __future__ import annotations

import contextlib
import copy
import json
import pickle
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.refusals import NotJson, TooLarge
from dmp.fhir import json_reader
from dmp.fhir.json_reader import MAX_BYTES, MAX_DEPTH, MAX_NODES, read, read_object, write
from tests.fhir import examples

REFUSED = {
    "nothing": b"",
    "byte order mark": b"\xef\xbb\xbf{}",
    "not UTF-8": b'"\xff"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "half a pair": rb'"\ud800"',
    "the other half": rb'"\udc00"',
    "half a pair in a name": rb'{"\uD83D": 1}',
    "half a pair after an escaped backslash": rb'"\\\ud800"',
    "NaN": b"[NaN]",
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "trailing data": b"{} {}",
    "trailing comma": b"[1,]",
    "leading zero": b"[01]",
    "plus sign": b"[+1]",
    "bare fraction": b"[.5]",
    "empty fraction": b"[1.]",
    "hexadecimal": b"[0x10]",
    "comment": b"{} // none",
    "single quotes": b"{'a': 1}",
    "control character": b'"a\x00"',
    "newline in a string": b'"a\nb"',
    "no-break space between tokens": "[1,\u00a02]".encode(),
    "duplicate name": b'{"a": 1, "a": 1}',
    "duplicate name by escape": rb'{"a": 1, "\u0061": 1}',
    "duplicate name deep inside": b'[{"x": {"a": 1, "b": 2, "a": 3}}]',
    "unbalanced": b"[[]",
    "mismatched": b"[}",
    "absurd exponent": b"[1e999999999]",
    "absurd negative exponent": b"[1e-999999999]",
    "exponent too large for Python": b"[1e99999999999999999999]",
    "very long number": b"[" + b"9" * 100_000 + b"]",
    "backslash outside a string": b'[\\"[[[["]',
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_not_one_strict_json_text_is_refused(body: bytes) -> None:
    with pytest.raises(NotJson):
        read(body)


def test_a_fault_says_where_and_never_what() -> None:
    with pytest.raises(NotJson, match=r"line 2, column \d+") as refused:
        read(b'{"family":\n "Benjelloun" oops}')
    assert "Benjelloun" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "72.50",
        "1e2",
        "1E+2",
        "0.00000001",
        "-0",
        "0.0",
        "-0.50",
        "1.10e-3",
        "100",
        "5E-7",
        "12345678901234567890123",
    ],
)
def test_decimals_leave_as_they_came(text: str) -> None:
    assert write(read(b"[%b]" % text.encode())) == b"[%b]" % text.encode()


def test_copied_decimals_keep_their_text() -> None:
    value = read(b"[1e2,72.50]")
    for again in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):  # noqa: S301
        assert write(again) == b"[1e2,72.50]"


def test_decimals_compare_as_numbers() -> None:
    assert read(b"[72.50, 1e2]") == [Decimal("72.5"), 100]


def test_pairs_of_surrogates_are_characters() -> None:
    assert read(rb'"\ud83d\ude00 \\ud800"') == "😀 \\ud800"


def test_depth_has_a_limit() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert read(deepest)
    with pytest.raises(NotJson, match="levels"):
        read(b"[" + deepest + b"]")
    with pytest.raises(NotJson, match="levels"):
        read(b'{"a":' * 33 + b"1" + b"}" * 33)


@pytest.mark.parametrize(
    "body",
    [b"[" * 1_000_000, b"[" * 1_000_000 + b"]" * 1_000_000, b'{"a":' * 500_000, b"[{" * 500_000],
)
def test_no_body_exhausts_the_stack(body: bytes) -> None:
    with pytest.raises(NotJson):
        read(body)


def test_brackets_inside_strings_do_not_count() -> None:
    assert read(rb'["\\", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\"[", "\\\"{"]')


def test_nodes_have_a_limit() -> None:
    assert read(b"[" + b"1," * (MAX_NODES - 3) + b"1]")
    with pytest.raises(NotJson, match="nodes"):
        read(b"[" + b"1," * MAX_NODES + b"1]")


def test_size_has_a_limit() -> None:
    assert read(b'"' + b"a" * (MAX_BYTES - 2) + b'"')
    with pytest.raises(TooLarge):
        read(b'"' + b"a" * (MAX_BYTES - 1) + b'"')


@pytest.mark.parametrize("body", [b"[]", b'"a"', b"1", b"null"])
def test_a_body_must_be_an_object_where_one_is_expected(body: bytes) -> None:
    with pytest.raises(NotJson):
        read_object(body)


@pytest.mark.parametrize(
    "body",
    [b"\\" * MAX_BYTES, b'"' * MAX_BYTES, b'"' + b'\\"' * (MAX_BYTES // 2 - 1) + b'"',
     b'"' + b"\\ud800" * 600_000 + b'"'],
)  # fmt: skip
def test_no_body_within_the_size_takes_long(body: bytes) -> None:
    start = time.process_time()
    with contextlib.suppress(NotJson):
        read(body)
    assert time.process_time() - start < 5


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    written = write(value)
    again = read(written)
    assert again == value
    assert write(again) == written


@given(st.text(alphabet='[]{}",:\\eE+-.0123456789 ntu', max_size=60))
def test_what_is_accepted_is_what_the_standard_library_accepts(text: str) -> None:
    try:
        value = read(text.encode())
    except NotJson:
        return
    assert value == json.loads(text, parse_float=Decimal)


@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(NotJson):
        read(body)


def test_real_bundles_keep_every_digit() -> None:
    for path in examples.files("synthea"):
        body = path.read_bytes()
        value = read(body)
        as_text = json.loads(body, parse_float=str, parse_int=str)
        assert json.loads(write(value), parse_float=str, parse_int=str) == as_text


def test_other_values_have_no_json_form() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        write({"a": object()})
    assert json_reader.write(Decimal("1.50")) == b"1.50"
