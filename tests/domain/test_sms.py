"""What fits in an SMS, against an independent library."""

from __future__ import annotations

import pytest
import smsutil  # type: ignore[import-untyped]  # has no hints
from hypothesis import given
from hypothesis import strategies as st

from dmp.domain import sms

GSM_TEXT = st.text(st.sampled_from(sorted(sms.GSM)), max_size=400)
# The alphabet's own extension (`€[]{}\\^~|`) takes two places; we count it as another script.
OTHER_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="€[]{}\\^~|\f"), max_size=300)


@given(GSM_TEXT | OTHER_TEXT.filter(lambda t: not sms.GSM.issuperset(t)))
def test_parts_are_what_smsutil_says(text: str) -> None:
    expected = max(1, len(smsutil.split(text).parts))
    if all(c <= "\uffff" for c in text):
        assert sms.parts(text) == expected
    else:  # it never cuts a character of two units in half, so it may need one more
        assert sms.parts(text) in (expected, expected - 1)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Dr Amélie Benaïssa", "Dr Amélie Benaissa"),
        ("François Lefèvre", "Francois Lefèvre"),
        ("Hôpital d\u2019Enfants \u2013 Rabat", "Hopital d'Enfants - Rabat"),
        ("Sœur Naïma", "Soeur Naima"),
        ("Clinique [Atlas]", "Clinique Atlas"),
        ("مصحة الأطلس", ""),
        ("د. Amrani", ". Amrani"),
        ("", ""),
    ],
)
def test_a_name_is_kept_within_the_alphabet(name: str, kept: str) -> None:
    assert sms.plain(name) == kept
    assert sms.GSM.issuperset(kept)


def test_the_longer_name_is_cut_first_and_none_below_six_characters() -> None:
    def spell(first: str, second: str) -> str:
        return "x" * 130 + first + second

    short, long = sms.shortened(("Dr Amrani", "Clinique " * 9), spell, 1, ".")
    assert short == "Dr Amrani"
    assert long.endswith(".")
    assert len(spell(short, long)) <= 160

    cut = sms.shortened(("a" * 30, "b" * 30), lambda a, b: "y" * 300 + a + b, 1, "…")
    assert cut == ("aaaaa…", "bbbbb…")
    assert sms.shortened(("Ali", "Rif"), lambda a, b: "z" * 500 + a + b, 1, ".") == ("Ali", "Rif")
