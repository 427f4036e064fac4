"""The policy that consents name: one page for patients in each language, saying the same."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from dmp.fhir.consent import POLICY
from dmp.fhir.policy import LANGUAGES, policy_in

LETTERS = {"ar": "\u0600-\u06ff", "zgh": "\u2d30-\u2d7f", "fr": "a-zà-ÿ", "en": "a-z"}


def test_a_page_stands_in_every_language_of_the_notices() -> None:
    locales = {one.name for one in files("dmp").joinpath("locales").iterdir() if one.is_dir()}

    assert set(LANGUAGES) == locales == set(LETTERS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_is_one_page_and_complete(language: str) -> None:
    text, english = policy_in(language), policy_in("en")

    assert POLICY in text
    assert len(text) < 3500
    for mark in ("# ", "## ", "- ", "1. ", "2. ", "3. "):
        lines = [line for line in text.splitlines() if line.startswith(mark)]
        assert len(lines) == len([x for x in english.splitlines() if x.startswith(mark)])
    own = re.findall(f"[{LETTERS[language]}]", text.lower())
    assert len(own) > len(re.findall(r"\w", text)) * 0.8


def test_another_language_is_none() -> None:
    with pytest.raises(KeyError):
        policy_in("../locales/fr")
