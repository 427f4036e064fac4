"""What a decision means, in the patient's language: the gettext catalogue `explanations`."""

from __future__ import annotations

import gettext
from collections.abc import Callable
from pathlib import Path

from dmp.adapters.texts import LOCALES


def _(text: str) -> str:
    """Mark for extraction."""
    return text


# By rule; an emergency by nobody in particular has its own.
SENTENCES = {
    "consent-permit": _("{who} can read: a consent of yours allows it."),
    "consent-deny": _("{who} cannot read: a consent of yours forbids it."),
    "policy-permit": _("{who} can read: your general choice allows it."),
    "policy-deny": _("{who} cannot read: nothing you decided allows it."),
    "seal": _("{who} cannot read: you sealed it."),
    "block": _("{who} cannot read: you blocked them."),
    "delegate": _("A person you named can read in your place."),
    "guardian": _("Your guardian can read in your place."),
    "not-the-patient": _("A person you named cannot read it: it is outside what you allowed."),
    "stronger-sign-in": _("A person you named can read it after proving who they are."),
    "patient-only": _("Only you can read it."),
    "break-glass": _("{who} opened your record in an emergency and can read until it ends."),
    "break-glass-needed": _("{who} cannot read without opening your record in an emergency."),
    "break-glass-forbidden": _("{who} cannot read, even in an emergency: you forbade it."),
    "emergency-break-glass": _("In an emergency, a practitioner could open and read it. "
                               "You would be told at once."),
    "emergency-break-glass-forbidden": _("Nobody can open it in an emergency: you forbade it."),
    "emergency-block": _("Nobody can open it in an emergency: you blocked everyone."),
    "emergency-seal": _("It stays sealed even in an emergency."),
    "emergency-break-glass-needed": _("It cannot be opened in an emergency."),
    "emergency-patient-only": _("Only you can read it, also in an emergency."),
    "opens": _("{who} could read more than today."),
    "closes": _("{who} could read less than today."),
    "opens-and-closes": _("{who} could read other things than today."),
    "kind-anyone": _("Any practitioner"),
    "kind-delegate": _("A person you named"),
    "kind-break-glass": _("A practitioner in an emergency"),
}  # fmt: skip


class Explanations:
    """Implements the port of `$explain` and `$simulate`."""

    def __init__(self, locales: Path = LOCALES) -> None:
        self._locales = locales

    def say(self, language: str) -> Callable[[str, str], str]:
        """The sentence of a rule for somebody's name; nobody in particular has a word."""
        translate = gettext.translation("explanations", self._locales, [language]).gettext

        def sentence(rule: str, who: str) -> str:
            named = who or translate(SENTENCES["kind-anyone"])
            return translate(SENTENCES[rule]).format(who=named)

        return sentence
