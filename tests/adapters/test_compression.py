"""What was sealed once must be readable for good: dictionaries never change."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.adapters.compression import compress, decompress

# A dictionary once shipped is never changed: records sealed with it would be lost.
SHIPPED = {"dictionary_1.bin": "a30e598f7298473e84c0edd99c29264e88ee8b0bd9a9a7f70c634d3935baf1af"}
GOLDEN = "0123906631531a29910b4c0fb500"
PLAIN = b'{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org"}]}}'


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_dictionary_is_unchanged(name: str) -> None:
    content = files("dmp.adapters").joinpath(name).read_bytes()

    assert hashlib.sha256(content).hexdigest() == SHIPPED[name]


def test_every_dictionary_is_pinned() -> None:
    shipped = {f.name for f in files("dmp.adapters").iterdir() if f.name.endswith(".bin")}

    assert shipped == set(SHIPPED)


def test_an_old_message_is_still_read() -> None:
    assert decompress(bytes.fromhex(GOLDEN)) == PLAIN


@given(st.binary(max_size=300) | st.integers(0, 40_000).map(lambda n: b"ab" * n))
def test_what_is_compressed_comes_back(plaintext: bytes) -> None:
    assert decompress(compress(plaintext)) == plaintext


@pytest.mark.parametrize(("size", "number"), [(0, 1), (32 * 1024 - 1, 1), (32 * 1024, 0)])
def test_the_first_byte_names_the_dictionary(size: int, number: int) -> None:
    assert compress(b"x" * size)[0] == number


def test_a_small_resource_profits_from_the_dictionary() -> None:
    assert len(compress(PLAIN)) < len(PLAIN) // 2
