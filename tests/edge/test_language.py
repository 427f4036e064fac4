"""A page is in the language its reader asked for, and every text is there in all four."""

from __future__ import annotations

import io
import re

import pytest
from babel.messages.mofile import read_mo
from markupsafe import Markup

from dmp.domain.contact import LANGUAGES
from dmp.edge.language import LOCALES, NAMES, chosen, words_of
from infra import catalogues

NOON = 1795345200  # 2026-11-22T11:00:00Z, noon in Casablanca


@pytest.mark.parametrize(
    ("asked", "kept", "accept", "own", "expected"),
    [
        ("fr", "ar", "en", "zgh", "fr"),
        (None, "zgh", "en", "fr", "zgh"),
        ("xx", "yy", "en", "fr", "en"),
        (None, None, "fr;q=0.5, en;q=0.9", "ar", "en"),
        (None, None, "de, FR-ma;q=0.3", "ar", "fr"),
        (None, None, "tzm-Tfng", None, "zgh"),
        (None, None, "ar-MA,ar;q=0.9", None, "ar"),
        (None, None, "en;q=0, fr;q=x, de", "zgh", "zgh"),
        (None, None, "en;q=nan, fr;v=1", None, "ar"),
        (None, None, "", None, "ar"),
        (None, None, "," * 10_000 + "en", None, "ar"),
    ],
    ids=str,
)
def test_the_language_is_the_readers(
    asked: str | None, kept: str | None, accept: str, own: str | None, expected: str
) -> None:
    assert chosen(asked, kept, accept, own) == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_of_the_pages_is_complete_and_compiled(language: str) -> None:
    source = catalogues.catalogue(language)
    file = LOCALES / language / "LC_MESSAGES" / "pages.mo"
    compiled = read_mo(io.BytesIO(file.read_bytes()))
    texts = {str(m.id): str(m.string) for m in source if m.id}

    assert texts.keys() == catalogues.sources().keys(), "run python -m infra.catalogues"
    assert [text for text, translated in texts.items() if not translated] == []
    assert not any(m.fuzzy for m in source if m.id)
    assert {str(m.id): str(m.string) for m in compiled if m.id} == texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_of_a_page_has_the_sources_names(language: str) -> None:
    for message in catalogues.catalogue(language):
        names = [sorted(re.findall(r"\{\w+\}", str(t))) for t in (message.id, message.string)]
        assert names[0] == names[1], message.id


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("ar", "22 نونبر 2026, 12:00"),
        ("zgh", "22 ⵏⵓⵡⴰⵏⴱⵉⵔ 2026, 12:00"),
        ("fr", "22 novembre 2026, 12:00"),
        ("en", "22 November 2026, 12:00"),
    ],
)
def test_an_instant_is_told_as_moroccans_write_it(language: str, expected: str) -> None:
    words = words_of(language)

    assert words.moment(NOON) == expected
    assert words.day(NOON) == expected.partition(",")[0]
    assert words.time(NOON) == "12:00"
    assert words.number(3) == "3"


def test_a_value_is_escaped_and_isolated() -> None:
    words = words_of("ar")
    shown = words.t("Number of this request: {number}", number="<b>א1</b>")
    linked = words.t("Number of this request: {number}", number=Markup("<b>1</b>"))

    assert "<bdi>&lt;b&gt;א1&lt;/b&gt;</bdi>" in shown
    assert linked.endswith("<b>1</b>")
    assert words.plain("Number of this request: {number}", number="x").endswith("\u2068x\u2069")


def test_every_language_is_offered_by_its_own_name() -> None:
    assert set(NAMES) == set(LANGUAGES)
    assert words_of("zgh").direction == "ltr"
    assert words_of("ar").direction == "rtl"
