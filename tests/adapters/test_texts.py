"""What patients are told: it fits, it is complete, and it gives nothing away."""

from __future__ import annotations

import io
import zoneinfo
from collections.abc import Iterator

import pytest
import smsutil  # type: ignore[import-untyped]  # has no hints
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from dmp.adapters.texts import (
    _FOOTER,
    _SEAL,
    _SEALED,
    _SOMEONE,
    _SOURCES,
    KINDS,
    LOCALES,
    SEALED,
    ZONE,
    Texts,
)
from dmp.domain.contact import LANGUAGES
from dmp.domain.sms import GSM

WORDS = {
    "count": "1234",
    "code": "480591",
    "minutes": "15",
    "reference": "89ABCDEF",
    "at": "2026-11-22T10:05:00.000Z",
    "end": "2026-11-23T10:05:00.000Z",
    "practitioner": "Pr Abderrahmane Benabdeljalil El Idrissi El Ouazzani El Kettani",
    "organization": "Centre Hospitalier Provincial Prince Moulay Abdellah de Salé, "
    "Hôpital d'Enfants et Maternité",
}
ARABIC = {**WORDS, "practitioner": "الأستاذ عبد الرحمان بنعبد الجليل الإدريسي الوزاني",
          "organization": "المركز الاستشفائي الإقليمي الأمير مولاي عبد الله"}  # fmt: skip
PARTS = {"fr": 1, "en": 1, "ar": 2, "zgh": 2}
CLINICAL = (
    "diagnos", "result", "résultat", "analys", "traitement", "treatment", "disease", "maladie",
    "medic", "médic", "patient", "مرض", "مريض", "تحليل", "علاج", "دواء",
)  # fmt: skip
EVERY = [(kind, language) for kind in sorted(KINDS) for language in LANGUAGES]
texts = Texts()


@pytest.mark.parametrize(("kind", "language"), EVERY)
@pytest.mark.parametrize("words", [WORDS, ARABIC], ids=["latin", "arabic"])
def test_every_sms_fits_with_the_longest_names(
    kind: str, language: str, words: dict[str, str]
) -> None:
    text = texts.render(kind, language, words).text

    assert len(smsutil.split(text).parts) <= PARTS[language], text
    if PARTS[language] == 1:
        assert GSM.issuperset(text)
    for kept in ("code", "reference"):
        if "{" + kept + "}" in _SOURCES[kind].text:
            assert words[kept] in text
    assert "{" not in text


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_the_logs_seal_goes_along_and_the_sms_still_fits(kind: str, language: str) -> None:
    seals = {"seal": "1234567890-89abcdef", "seal_whole": f"1234567890-{'89abcdef' * 8}"}
    bare, told = texts.render(kind, language, WORDS), texts.render(kind, language, WORDS | seals)

    assert len(smsutil.split(told.text).parts) <= PARTS[language], told.text
    assert (seals["seal"] in told.text) == (kind in SEALED)
    assert told.text.startswith(bare.text)
    for mail in (told.mail, told.html):
        assert seals["seal_whole"] in mail
    assert "89abcdef" not in bare.mail + bare.html + bare.text


@pytest.mark.parametrize(("kind", "language"), EVERY)
def test_no_text_has_a_clinical_word(kind: str, language: str) -> None:
    words = {**WORDS, "practitioner": "Dr X", "organization": "Y"}
    message = texts.render(kind, language, words)

    told = f"{message.text} {message.subject} {message.mail}".lower()
    assert not [word for word in CLINICAL if word in told]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_catalogue_is_complete_and_compiled(language: str) -> None:
    folder = LOCALES / language / "LC_MESSAGES"
    with (folder / "dmp.po").open("rb") as file:
        source = read_po(file, locale=language)
    compiled = read_mo(io.BytesIO((folder / "dmp.mo").read_bytes()))
    wanted = {_SOMEONE, _FOOTER, _SEAL, _SEALED}
    for kind in _SOURCES.values():
        wanted |= {kind.subject, kind.text}

    assert {m.id for m in source if m.id} == wanted
    assert all(m.string and not m.fuzzy for m in source if m.id)
    assert {m.id: m.string for m in compiled if m.id} == {m.id: m.string for m in source if m.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_sources_words(language: str) -> None:
    with (LOCALES / language / "LC_MESSAGES" / "dmp.po").open("rb") as file:
        source = read_po(file, locale=language)
    for message in source:
        if message.id:
            assert _fields(str(message.string)) == _fields(str(message.id))


def _fields(text: str) -> set[str]:
    return {part.partition("}")[0] for part in text.split("{")[1:]}


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-11-22T10:05:00.000Z", "22/11 11:05"),
        ("2026-03-01T10:05:00.000Z", "01/03 10:05"),  # Ramadan: Morocco goes back to UTC
        ("2026-12-31T23:30:00.000Z", "01/01 00:30"),
    ],
)
def test_times_are_moroccos(at: str, shown: str) -> None:
    assert shown in texts.render("access", "fr", {**WORDS, "at": at}).text


@pytest.fixture
def bare() -> Iterator[None]:
    """A runtime without time zones of its own."""
    kept = zoneinfo.TZPATH
    zoneinfo.reset_tzpath([])
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath(kept)


@pytest.mark.usefixtures("bare")
def test_the_time_zone_comes_with_us() -> None:
    assert zoneinfo.ZoneInfo(ZONE.key).key == "Africa/Casablanca"


def test_the_mail_has_names_whole_and_harmless() -> None:
    words = {**WORDS, "practitioner": "<b>Dr</b> & Cie"}
    message = texts.render("access", "ar", words)

    assert 'dir="rtl"' in message.html
    assert 'lang="ar"' in message.html
    assert "&lt;b&gt;Dr&lt;/b&gt; &amp; Cie" in message.html
    assert WORDS["organization"] in message.mail
    assert "نونبر" in message.mail
    assert 'dir="ltr"' in texts.render("access", "zgh", WORDS).html


def test_without_names_it_says_someone() -> None:
    words = {**WORDS, "practitioner": "", "organization": ""}

    assert texts.render("access", "fr", words).text.startswith("DMP : Un praticien a utilisé")


def test_an_unknown_kind_is_an_error() -> None:
    with pytest.raises(LookupError):
        texts.render("advert", "fr", WORDS)
