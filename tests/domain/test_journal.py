"""A journal entry's exact bytes, their hash, and what they say of what left."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.caller import Caller
from dmp.domain.consent import Delegate
from dmp.domain.journal import Entry, canonical, disclosure, entry_of, leaf_hash, who_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
some = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
ascii_names = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
values = st.recursive(
    texts | st.integers(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ascii_names, inner, max_size=3),
    max_leaves=8,
)
entries = st.builds(
    Entry,
    id=st.just("0123456789abcdefghij.0123456789abcdef"),
    at=some,
    action=st.sampled_from(["read", "search", "create"]),
    outcome=st.sampled_from(["permit", "refuse", "withheld"]),
    rule=some,
    who=st.dictionaries(ascii_names, some, min_size=1, max_size=3),
    purpose=some,
    salt=some,
    request=texts,
    client=texts,
    query=texts,
    what=st.lists(texts, max_size=3).map(tuple),
    disclosed=st.dictionaries(ascii_names, texts | st.integers(0, 10**6), max_size=3),
)


@given(st.dictionaries(ascii_names, values, max_size=5))
def test_our_canonical_form_is_that_of_the_rfc_8785_library(members: dict[str, object]) -> None:
    assert canonical(members) == rfc8785.dumps(members)  # type: ignore[arg-type]


@given(entries)
def test_an_entry_is_canonical_and_comes_back(entry: Entry) -> None:
    leaf = entry.canonical()

    assert entry_of(leaf) == entry
    assert rfc8785.dumps(json.loads(leaf)) == leaf


@given(entries, entries)
def test_two_entries_have_two_leaves(one: Entry, other: Entry) -> None:
    same = leaf_hash(one.canonical()) == leaf_hash(other.canonical())

    assert same == (one == other)


def test_the_leaf_hash_is_that_of_rfc_6962() -> None:
    assert leaf_hash(b"") == bytes.fromhex(
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert leaf_hash(b"x") == hashlib.sha256(b"\0x").digest()


def test_the_salt_hides_an_entry_that_can_be_guessed() -> None:
    entry = Entry("p.e", "2026", "read", "permit", "r", {"kind": "patient"}, "TREAT", "00", "q")

    assert leaf_hash(entry.canonical()) != leaf_hash(replace(entry, salt="01").canonical())
    assert (entry.patient, entry.entry) == ("p", "e")


@pytest.mark.parametrize("count", [0, 1, 20])
def test_up_to_twenty_resources_are_named(count: int) -> None:
    names = [f"Observation/{i:02}/_history/1" for i in range(count)]

    assert disclosure(reversed(names), "c", 7) == (tuple(names), {})


def test_more_are_counted_and_digested_so_that_anyone_may_recompute_it() -> None:
    names = [f"Observation/{i:02}/_history/1" for i in range(21)]

    what, told = disclosure(reversed(names), "0123456789abcdef", 7)

    assert what == tuple(names[:20])
    digest = hashlib.sha256(("\n".join(names) + "\n").encode()).hexdigest()
    assert told == {"count": 21, "newest": "0123456789abcdef", "policy": 7, "sha256": digest}


def test_the_entry_says_who_asked_for_whom() -> None:
    doctor = Caller(
        "practitioner", "app", (), "TREAT", 0, "t", practitioner="200000001",
        organization="100000001", role="physician", practitioner_name="Dr Amrani",
        organization_name="Clinique Atlas",
    )  # fmt: skip
    patient = Caller("patient", "portal", (), "PATRQT", 0, "t", "p" * 20, "s")

    assert who_of(doctor, "p" * 20) == {
        "kind": "practitioner", "inpe": "200000001", "name": "Dr Amrani", "role": "physician",
        "organization": "100000001", "organization_name": "Clinique Atlas",
    }  # fmt: skip
    assert who_of(patient, "p" * 20) == {"kind": "patient", "patient": "p" * 20}
    assert who_of(patient, "f" * 20) == {"kind": "person", "patient": "p" * 20}
    daughter = Delegate("p" * 20, ("read",), related="r1", name="Salma El Idrissi")
    assert who_of(patient, "f" * 20, daughter) == {
        "kind": "delegate", "patient": "p" * 20, "related": "r1", "name": "Salma El Idrissi",
    }  # fmt: skip
