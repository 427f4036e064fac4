"""What patients are told, in their language: gettext catalogues, Babel's dates, SMS that fit.

English is the source; `locales/<language>/LC_MESSAGES/dmp.po` holds the rest, compiled beside it.
No text has a clinical word or the patient's name; counts are worded so that none needs a plural.
"""

from __future__ import annotations

import gettext
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime

from dmp.domain import sms
from dmp.domain.notices import Message

LOCALES = Path(__file__).resolve().parent.parent / "locales"
ZONE = ZoneInfo("Africa/Casablanca")  # the layer carries tzdata: the runtime's own is not assured
_CLDR = {"ar": "ar_MA", "fr": "fr_MA", "zgh": "zgh", "en": "en_GB"}
_PARTS = {"ar": 2, "fr": 1, "zgh": 2, "en": 1}
_RTL = frozenset({"ar"})
_GSM_LANGUAGES = frozenset({"fr", "en"})
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_INSTANTS = ("at", "end")


def _(text: str) -> str:
    """Mark for extraction."""
    return text


@dataclass(frozen=True, slots=True)
class _Source:
    subject: str
    text: str


_SOURCES = {
    "activation-code": _Source(
        _("Your code"),
        _("DMP: {code} is the code that opens your record. Valid for {minutes} min. "
          "Give it to no one."),
    ),
    "sign-in-code": _Source(
        _("Your code"),
        _("DMP: {code} is your sign-in code. Valid for {minutes} min. Give it to no one."),
    ),
    "contact-code": _Source(
        _("Your code"),
        _("DMP: {code} confirms this address. Valid for {minutes} min. Give it to no one."),
    ),
    "request-code": _Source(
        _("Someone asks to use your record"),
        _("DMP: {who} asks to use your record until {end}. To agree, tell them the code {code}."),
    ),
    "welcome": _Source(
        _("Your record is open"),
        _("DMP: your record is open. You decide who uses it, and every access is told to you. "
          "Ref. {reference}"),
    ),
    "access": _Source(
        _("Your record was used"),
        _("DMP: {who} used your record on {at}. Not expected? See your journal. Ref. {reference}"),
    ),
    "break-glass": _Source(
        _("Urgent access to your record"),
        _("DMP: URGENT access to your record by {who} on {at}. See your journal. Ref. {reference}"),
    ),
    "granted": _Source(
        _("Someone may use your record"),
        _("DMP: {who} may use your record until {end}. Not expected? See your journal. "
          "Ref. {reference}"),
    ),
    "new-delegate": _Source(
        _("Someone may act for you"),
        _("DMP: {who} may act for you in your record since {at}. Not expected? See your journal. "
          "Ref. {reference}"),
    ),
    "ended-delegate": _Source(
        _("Someone no longer acts for you"),
        _("DMP: {who} no longer acts for you in your record, since {at}. Ref. {reference}"),
    ),
    "chosen-delegate": _Source(
        _("You may act for someone"),
        _("DMP: you were chosen on {at} to act for someone in their record. Your journal tells for "
          "whom. Ref. {reference}"),
    ),
    "review-justified": _Source(
        _("An urgent access was reviewed"),
        _("DMP: urgent access by {who} on {at}, reviewed: justified. See your journal. "
          "Ref. {reference}"),
    ),
    "review-unjustified": _Source(
        _("An urgent access was reviewed"),
        _("DMP: urgent access by {who} on {at}, reviewed: NOT justified. See your journal. "
          "Ref. {reference}"),
    ),
    "dispute-justified": _Source(
        _("The access you asked about"),
        _("DMP: access by {who} on {at}, which you asked about: justified. See your journal. "
          "Ref. {reference}"),
    ),
    "dispute-unjustified": _Source(
        _("The access you asked about"),
        _("DMP: access by {who} on {at}, which you asked about: NOT justified. See your "
          "journal. Ref. {reference}"),
    ),
    "refused": _Source(
        _("Access to your record refused"),
        _("DMP: {who} was refused your record three times, last on {at}. See your journal. "
          "Ref. {reference}"),
    ),
    "digest": _Source(
        _("Your record was used"),
        _("DMP: uses of your record since the last message: {count}. Not expected? "
          "See your journal. Ref. {reference}"),
    ),
    "consent": _Source(
        _("Who may use your record has changed"),
        _("DMP: who may use your record was changed on {at}. Not you? See your journal. "
          "Ref. {reference}"),
    ),
    "contact-changed": _Source(
        _("Your address has changed"),
        _("DMP: messages about your record now go to another address ({at}). "
          "Not you? Tell us at once. Ref. {reference}"),
    ),
    "passkey-added": _Source(
        _("A new passkey"),
        _("DMP: a passkey was added for your record on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
    "passkey-removed": _Source(
        _("A passkey was removed"),
        _("DMP: a passkey for your record was removed on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
    "passkey-refused": _Source(
        _("A copied passkey was refused"),
        _("DMP: a copy of your passkey was refused on {at}. Remove that passkey and add "
          "another. Ref. {reference}"),
    ),
    "pin-changed": _Source(
        _("Your PIN has changed"),
        _("DMP: the PIN of your record was changed on {at}. Not you? Tell us at once. Ref. "
          "{reference}"),
    ),
    "pin-locked": _Source(
        _("Your PIN is locked"),
        _("DMP: the PIN of your record is locked for an hour after wrong tries ({at}). Not "
          "you? Tell us at once. Ref. {reference}"),
    ),
    "recovery-used": _Source(
        _("A recovery code was used"),
        _("DMP: a recovery code of your record was used on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
    "recovery-renewed": _Source(
        _("New recovery codes"),
        _("DMP: new recovery codes were made for your record on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
    "new-device": _Source(
        _("A new device signed in"),
        _("DMP: a new device signed in to your record on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
    "new-app": _Source(
        _("An app was let in"),
        _("DMP: the app {who} was let into your record on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
    "export": _Source(
        _("Your journal was taken away"),
        _("DMP: a copy of your journal was taken on {at}. Not you? Tell us at once. "
          "Ref. {reference}"),
    ),
}  # fmt: skip
KINDS = frozenset(_SOURCES)
SEALED = frozenset({"welcome", "digest", "export"})
_SOMEONE = _("A practitioner")
_SEAL = _("Seal {seal}")
_SEALED = _(
    "Seal of the journal: {seal_whole}. Keep this message: with it you can check later that the "
    "journal was not rewritten."
)
_FOOTER = _("This address receives no answers. Your journal shows every use of your record.")


class Texts:
    """Renders every kind of message in every language."""

    def __init__(self, locales: Path = LOCALES) -> None:
        self._locales = locales

    def render(self, kind: str, language: str, words: Mapping[str, str]) -> Message:
        """The message of a kind; LookupError for one that is unknown.

        `words`: code, minutes, practitioner, organization, reference, and the instants `at` and
        `end` in UTC, shown in Morocco's time. Names are cut so that the SMS fits in one part
        (French, English) or two (Arabic, Tamazight); the mail has them whole. `seal` and
        `seal_whole`, when given, go along: in every mail, and in an SMS of `SEALED` where it fits.
        """
        source = _SOURCES[kind]
        translate = _catalogue(self._locales, language).gettext
        template = translate(source.text)
        names = (words.get("practitioner", ""), words.get("organization", ""))
        someone = translate(_SOMEONE)
        short = {**words, **_instants(words, language, "dd/MM HH:mm")}
        full = {**words, **_instants(words, language, "d MMMM y, HH:mm")}
        mail = template.format_map({**full, "who": _who(names, language, someone)})
        text = _sms(template, short, names, language, someone)
        footers = [translate(_FOOTER)]
        if "seal" in words:
            footers.insert(0, translate(_SEALED).format_map(words))
            longer = f"{text} {translate(_SEAL).format_map(words)}"
            if kind in SEALED and sms.parts(longer) <= _PARTS[language]:
                text = longer
        return Message(
            text=text,
            subject=f"DMP - {translate(source.subject)}",
            mail="\n\n".join([mail, *footers]),
            html=_page(language, translate(source.subject), mail, footers),
        )


def _sms(
    template: str, words: Mapping[str, str], names: tuple[str, str], language: str, someone: str
) -> str:
    mark = "…"
    if language in _GSM_LANGUAGES:
        names, mark = (sms.plain(names[0]), sms.plain(names[1])), "."

    def spell(practitioner: str, organization: str) -> str:
        who = _who((practitioner, organization), language, someone)
        return template.format_map({**words, "who": who})

    return spell(*sms.shortened(names, spell, _PARTS[language], mark))


def _who(names: tuple[str, str], language: str, someone: str) -> str:
    """Practitioner and organisation, each kept from turning the text around it."""
    known = [name for name in names if name] or [someone]
    if language in _RTL:
        return "، ".join(f"{_ISOLATE}{name}{_END_ISOLATE}" for name in known)
    return ", ".join(known)


def _instants(words: Mapping[str, str], language: str, pattern: str) -> dict[str, str]:
    shown = {}
    for name in _INSTANTS:
        if text := words.get(name):
            local = datetime.fromisoformat(text).astimezone(ZONE)
            shown[name] = format_datetime(local, pattern, tzinfo=ZONE, locale=_locale(language))
    return shown


def _page(language: str, title: str, mail: str, footers: Sequence[str]) -> str:
    small = "".join(f"<p><small>{html.escape(one)}</small></p>" for one in footers)
    direction = "rtl" if language in _RTL else "ltr"
    return (
        f'<!doctype html><html lang="{language}" dir="{direction}"><head><meta charset="utf-8">'
        f"<title>{html.escape(title)}</title></head>"
        '<body style="font-family:sans-serif;font-size:1.1em;line-height:1.5">'
        f"<p>{html.escape(mail)}</p>{small}</body></html>"
    )


@cache
def _catalogue(locales: Path, language: str) -> gettext.NullTranslations:
    return gettext.translation("dmp", locales, [language])


@cache
def _locale(language: str) -> Locale:
    return Locale.parse(_CLDR[language])
