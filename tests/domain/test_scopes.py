"""Scopes are narrowed, never widened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain.caller import Caller
from dmp.domain.scopes import granted

LETTERS = "cruds"


@pytest.mark.parametrize(
    ("asked", "registered", "given"),
    [
        ("system/*.cruds", "system/*.cruds", ["system/*.cruds"]),
        ("system/*.rs", "system/Observation.cruds", ["system/Observation.rs"]),
        ("system/Observation.rs", "system/*.cru", ["system/Observation.r"]),
        ("user/*.rs", "system/*.rs", []),
        ("patient/*.rs", "user/*.rs", []),
        ("system/Observation.c", "system/Observation.rs", []),
        ("system/Observation.rs", "system/Condition.rs", []),
        ("system/*.rs system/Observation.r", "system/*.cruds", ["system/*.rs"]),
        ("system/*.r system/Observation.rs", "system/*.rs",
         ["system/*.r", "system/Observation.rs"]),
        ("system/*.dus", "system/*.cruds", []),
        ("system/*.read", "system/*.cruds", []),
        ("system/*.", "system/*.cruds", []),
        ("system/*", "system/*.cruds", []),
        ("system/observation.r", "system/*.r", []),
        ("system/Observation.rs?category=laboratory", "system/*.rs",
         ["system/Observation.rs?category=laboratory"]),
        ("system/*.rs", "system/Observation.rs?category=laboratory",
         ["system/Observation.rs?category=laboratory"]),
        ("system/Observation.rs?category=a", "system/Observation.r?code=b",
         ["system/Observation.r?category=a&code=b"]),
        ("system/Observation.rs?category=a", "system/Observation.rs?category=b",
         ["system/Observation.rs?category=a&category=b"]),
        ("system/Observation.rs?code=b&category=a", "system/Observation.rs?category=a&code=b",
         ["system/Observation.rs?category=a&code=b"]),
        ("system/Observation.rs?category=a system/Observation.r", "system/*.cruds",
         ["system/Observation.r", "system/Observation.rs?category=a"]),
        ("system/Observation.rs?category=a system/Observation.s?category=a&code=b", "system/*.s",
         ["system/Observation.s?category=a"]),
        ("system/Observation.rs?category=http%3A%2F%2Fx%7Ca", "system/*.rs",
         ["system/Observation.rs?category=http://x|a"]),
        ("system/Observation.rs?code:text=a%26b%20c", "system/*.rs",
         ["system/Observation.rs?code:text=a%26b%20c"]),
        ("system/Observation.rs?", "system/*.rs", []),
        ("system/Observation.rs?category", "system/*.rs", []),
        ('system/Observation.rs?category="a"', "system/*.rs", []),
        ("openid fhirUser launch offline_access", "system/*.rs", []),
        ("", "system/*.rs", []),
    ],
)  # fmt: skip
def test_the_intersection(asked: str, registered: str, given: list[str]) -> None:
    assert list(granted(asked, registered)) == given


SCOPE = st.builds(
    lambda c, t, n: f"{c}/{t}." + "".join(x for i, x in enumerate(LETTERS) if n >> i & 1),
    st.sampled_from(["patient", "user", "system"]),
    st.sampled_from(["*", "Observation", "Condition"]),
    st.integers(0, 31),
)
SCOPES = st.lists(SCOPE, max_size=5)


@given(SCOPES, SCOPES)
def test_what_is_granted_is_exactly_what_both_cover(asked: list[str], known: list[str]) -> None:
    result = granted(" ".join(asked), " ".join(known))

    for context in ("patient", "user", "system"):
        kind = "patient" if context == "patient" else "practitioner"
        only = [[s for s in scopes if s.startswith(context)] for scopes in (asked, known, result)]
        for resource in ("Observation", "Condition", "Patient"):
            for letter in LETTERS:
                one, two, both = (
                    Caller(kind, "c", tuple(s), "TREAT", 0, "t").covers(resource, letter)  # type: ignore[arg-type]  # either
                    for s in only
                )
                assert both == (one and two)
