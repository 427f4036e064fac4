"""Words for people: which language a page is in, its texts, dates and numbers.

English is the source; `locales/<language>/LC_MESSAGES/pages.po` holds the rest, compiled beside it
by `python -m infra.catalogues`. Counts are worded so that none needs a plural: CLDR has no rules
for Tamazight.
"""

from __future__ import annotations

import gettext
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from dmp.domain.contact import LANGUAGES

LOCALES = Path(__file__).resolve().parent.parent / "locales"
ZONE = ZoneInfo("Africa/Casablanca")
# As their readers write them, in the order of the constitution; never translated.
NAMES = {"ar": "العربية", "zgh": "ⵜⴰⵎⴰⵣⵉⵖⵜ", "fr": "Français", "en": "English"}
_CLDR = {"ar": "ar_MA", "zgh": "zgh", "fr": "fr_MA", "en": "en_GB"}
_RTL = frozenset({"ar"})
# Browsers know Tamazight under several names.
_SPOKEN = {"ber": "zgh", "tzm": "zgh", "shi": "zgh", "rif": "zgh", "ary": "ar"}
_DEFAULT = "ar"
_RANGES_MAX = 20
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


def chosen(asked: str | None, kept: str | None, accept: str, own: str | None = None) -> str:
    """The language of a page: as asked now, as asked before, the browser's, the patient's own."""
    for one in (asked, kept, _accepted(accept), own):
        if one in LANGUAGES:
            return one
    return _DEFAULT


def _accepted(header: str) -> str | None:
    """The best of an Accept-Language header that is served."""
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:_RANGES_MAX]):
        tag, _, quality = part.partition(";")
        spoken = tag.strip().lower().partition("-")[0]
        language = _SPOKEN.get(spoken, spoken)
        if language in LANGUAGES and (weight := _quality(quality)) > 0:
            found.append((-weight, place, language))
    return min(found)[2] if found else None


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    if name.strip() != "q":
        return 1.0 if not text.strip() else 0.0
    try:
        return float(value) if 0 <= float(value) <= 1 else 0.0
    except ValueError:
        return 0.0


class Words:
    """One language: `t` for templates, `plain` for attributes and titles, dates, numbers."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.direction = "rtl" if language in _RTL else "ltr"
        self._gettext = _catalogue(language).gettext
        self._locale = _locale(language)

    def t(self, text: str, **values: object) -> Markup:
        """The text, escaped; each value escaped and kept from turning the words around it."""
        template = Markup(escape(self._gettext(text)))  # noqa: S704  # escaped just before
        return template.format(**{name: _isolated(value) for name, value in values.items()})

    def plain(self, text: str, **values: object) -> str:
        """The text where no element may stand; autoescape still escapes it."""
        isolated = {name: f"{_ISOLATE}{value}{_END_ISOLATE}" for name, value in values.items()}
        return self._gettext(text).format(**isolated)

    def day(self, instant: int) -> str:
        """The date in Morocco of an instant in epoch seconds."""
        return self._moment(instant, "d MMMM y")

    def moment(self, instant: int) -> str:
        """Date and time in Morocco of an instant in epoch seconds."""
        return self._moment(instant, "d MMMM y, HH:mm")

    def time(self, instant: int) -> str:
        """The time of day in Morocco of an instant in epoch seconds."""
        return self._moment(instant, "HH:mm")

    def number(self, value: int) -> str:
        """A number as it is written here: Latin digits in every language."""
        return str(format_decimal(value, locale=self._locale))

    def _moment(self, instant: int, pattern: str) -> str:
        local = datetime.fromtimestamp(instant, UTC).astimezone(ZONE)
        return str(format_datetime(local, pattern, tzinfo=ZONE, locale=self._locale))


def _isolated(value: object) -> Markup:
    return value if isinstance(value, Markup) else Markup("<bdi>{}</bdi>").format(value)


@cache
def words_of(language: str) -> Words:
    """The words of a language, read once."""
    return Words(language)


@cache
def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("pages", LOCALES, [language])


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_CLDR[language])
