"""What was told once: until when, of which words, and what its row gives away."""

from __future__ import annotations

import pytest

from dmp.domain.marks import KNOWN_S, Mark, app_mark, device_mark, live

NOW = 1_795_000_000
HANDLE, OTHER = "a" * 43, "b" * 43
NADIA, OMAR = "0123456789abcdefghij", "vutsrqponmlkjihgfedc"


@pytest.mark.parametrize(
    ("row", "stands"),
    [
        (None, False),
        ({}, False),
        ({"until": NOW + 1}, False),
        ({"until": NOW + 1, "words": ["a", "b"]}, True),
        ({"until": NOW + 1, "words": ["c", "b", "a"]}, True),
        ({"until": NOW + 1, "words": ["a"]}, False),
        ({"until": NOW, "words": ["a", "b"]}, False),
        ({"until": "later", "words": ["a", "b"]}, False),
        ({"until": NOW + 1, "words": "a b"}, False),
    ],
)
def test_a_mark_stands_until_it_is_over_and_for_what_was_told(
    row: dict[str, object] | None, stands: bool
) -> None:
    assert Mark("k", NOW + KNOWN_S, ("a", "b")).stands(row, NOW) is stands


def test_what_was_told_before_stays_told_while_it_stood() -> None:
    mark = Mark("k", NOW + KNOWN_S, ("b",))

    assert mark.over({"until": NOW + 1, "words": ["a"]}, NOW).words == ("a", "b")
    assert mark.over({"until": NOW, "words": ["a"]}, NOW) == mark
    assert mark.over(None, NOW) == mark


def test_a_device_is_another_one_for_each_person_and_its_row_names_none() -> None:
    marks = [device_mark(h, p, NOW) for h in (HANDLE, OTHER) for p in (NADIA, OMAR)]

    assert len({mark.key for mark in marks}) == 4
    assert all(mark.until == NOW + KNOWN_S for mark in marks)
    assert not [m for m in marks if NADIA in m.key or OMAR in m.key or HANDLE in m.key]
    assert device_mark(HANDLE, NADIA, NOW + 5).key == marks[0].key


def test_an_app_is_known_by_patient_client_and_what_it_may_do() -> None:
    mark = app_mark(NADIA, "diary", ["patient/*.rs", "openid", "openid"], NOW)

    assert mark.words == ("openid", "patient/*.rs")
    assert mark.key == app_mark(NADIA, "diary", [], NOW).key
    assert len({mark.key, app_mark(OMAR, "diary", [], NOW).key,
                app_mark(NADIA, "other", [], NOW).key}) == 3  # fmt: skip
    assert not mark.first


def test_expiry_is_a_condition() -> None:
    assert live({"until": NOW + 1}, NOW)
    assert not live({"until": NOW}, NOW)
    assert not live(None, NOW)
