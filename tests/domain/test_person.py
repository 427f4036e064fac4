"""Whether a request speaks of the person in the register, however it is spelt."""

from __future__ import annotations

import pytest

from dmp.domain.person import Person, folded, is_same

NADIA = Person("El Idrissi", ("Nadia", "Zahra"), "1985-03-14", None, ())
FATIMA = Person("العلوي", ("فاطمة", "الزهراء"), "1990-01-02", None, ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("El Idrissi", "EL-IDRISSI"),
        ("Benjelloun", " benjelloun "),
        ("Aït Ali", "Ait  Ali"),
        ("Éloïse", "ELOISE"),
        ("أحمد", "احمد"),
        ("فاطمة", "فاطمه"),
        ("مُحَمَّد", "محمد"),
        ("محـمد", "محمد"),
        ("ⵎⵓⵃⴰ", "ⵎⵓⵃⴰ"),
    ],
)
def test_spellings_of_one_name_fold_alike(one: str, other: str) -> None:
    assert folded(one) == folded(other) != ""


@pytest.mark.parametrize(
    ("person", "family", "given", "birth_date", "same"),
    [
        (NADIA, "El Idrissi", ["Nadia"], "1985-03-14", True),
        (NADIA, "el idrissi", ["NADIA", "Zahra"], "1985-03-14", True),
        (NADIA, "El Idrissi", ["Zahra", "Nadia"], "1985-03-14", False),
        (NADIA, "El Idrissi", ["Zahra"], "1985-03-14", False),
        (NADIA, "El Idrissi", ["Nadia", "Salma"], "1985-03-14", False),
        (NADIA, "El Idrissi", [], "1985-03-14", False),
        (NADIA, "El Idriss", ["Nadia"], "1985-03-14", False),
        (NADIA, "", ["Nadia"], "1985-03-14", False),
        (NADIA, "El Idrissi", ["Nadia"], "1985-03-15", False),
        (FATIMA, "العلوى", ["فاطمه"], "1990-01-02", True),
        (FATIMA, "Alaoui", ["Fatima"], "1990-01-02", False),
    ],
)
def test_the_same_person(
    person: Person, family: str, given: list[str], birth_date: str, same: bool
) -> None:
    assert is_same(person, family, given, birth_date) is same


def test_a_register_without_names_matches_nobody() -> None:
    assert not is_same(Person("", (), "1985-03-14", None, ()), "", [""], "1985-03-14")
