"""What an app asks for, as the lines with boxes that a person reads."""

from __future__ import annotations

import pytest

from dmp.domain.choices import KINDS, choices, chosen


def test_a_scope_that_reads_and_writes_is_two_choices() -> None:
    made = choices(["patient/Observation.cruds"])

    assert [(c.kind, c.writes, c.scopes) for c in made] == [
        ("results", False, ("patient/Observation.rs",)),
        ("results", True, ("patient/Observation.cud",)),
    ]


def test_types_of_one_kind_are_one_choice_and_reading_comes_first() -> None:
    made = choices([
        "patient/MedicationRequest.c", "patient/MedicationRequest.r", "patient/Medication.s",
        "patient/*.rs", "openid", "user/Patient.rs",
    ])  # fmt: skip

    assert [(c.id, c.kind, c.writes) for c in made] == [
        ("choice-0", "everything", False),
        ("choice-1", "medicines", False),
        ("choice-2", "medicines", True),
    ]
    assert made[1].scopes == ("patient/MedicationRequest.r", "patient/Medication.s")


def test_a_part_of_a_kind_is_a_choice_of_its_own() -> None:
    made = choices(["patient/Observation.rs?category=laboratory", "patient/Observation.rs"])

    assert [c.restriction for c in made] == [(), (("category", "laboratory"),)]


def test_what_has_no_kind_is_named() -> None:
    (made,) = choices(["patient/Basic.r"])

    assert (made.kind, made.types) == ("other", ("Basic",))
    assert made.kind in KINDS


@pytest.mark.parametrize("ids", [[], ["choice-9", "patient/*.cruds", ""]], ids=["none", "made up"])
def test_what_was_not_offered_gives_nothing(ids: list[str]) -> None:
    assert chosen(choices(["patient/Patient.r"]), ids) == []


def test_what_is_ticked_is_given() -> None:
    offered = choices(["patient/Patient.cruds"])

    assert chosen(offered, ["choice-1"]) == ["patient/Patient.cud"]
