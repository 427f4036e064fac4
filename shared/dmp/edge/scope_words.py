"""What an app asks for, in words that a patient knows."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from dmp.domain.choices import Choice
from dmp.edge.language import Words


def _(text: str) -> str:
    """Mark for extraction."""
    return text


# (what it is called, what belongs to it)
_KINDS = {
    "everything": (_("The whole record"), _("all that is in it, and all that will be added")),
    "person": (_("Who you are"), _("name, birth date, address, family and other contacts")),
    "allergies": (_("Allergies"), _("what you must not be given, and unwanted effects")),
    "illnesses": (_("Illnesses and history"), _("yours and your family's")),
    "medicines": (_("Medicines"), _("prescribed, handed out and taken")),
    "results": (_("Results and measurements"), _("laboratory, blood pressure, weight, reports")),
    "vaccinations": (_("Vaccinations"), _("given and due")),
    "procedures": (_("Operations and devices"), _("procedures, prostheses, glasses")),
    "documents": (_("Documents and images"), _("letters, scans, X-rays, questionnaires")),
    "visits": (_("Visits and stays"), _("appointments, consultations, hospital stays")),
    "plans": (_("Care plans and requests"), _("referrals, goals, who takes care of you")),
    "costs": (_("Costs and cover"), _("insurance, care sheets, invoices")),
    "consents": (_("Your permissions"), _("who may use your record")),
    "journal": (_("Your journal"), _("who used your record, and when")),
    "other": (_("Other data"), ""),
}
_PART = _("only a part: {part}")


@dataclass(frozen=True, slots=True)
class Line:
    """A choice as it is shown: a name, what belongs to it."""

    id: str
    name: Markup
    hint: Markup


def line_of(choice: Choice, words: Words) -> Line:
    """The choice in the reader's words; technical names only where there are no others."""
    name, hint = _KINDS[choice.kind]
    hints = [words.t(hint)] if hint else []
    if choice.types:
        hints = [Markup("<bdi>{}</bdi>").format(", ".join(choice.types))]
    if choice.restriction:
        part = ", ".join(f"{n} = {v}" for n, v in choice.restriction)
        hints.append(words.t(_PART, part=part))
    return Line(choice.id, words.t(name), Markup(" · ").join(hints))


def kind_word(kind: str, words: Words) -> Markup:
    """What a kind of data is called."""
    return words.t(_KINDS[kind][0])
