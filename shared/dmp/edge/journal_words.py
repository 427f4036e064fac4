"""An access in words that a patient knows: why, by which rule, what was seen; no clinical content.

A code that has no words of its own is shown as it is: nothing of the journal is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from dmp.domain.accesses import Use
from dmp.domain.journal import Entry
from dmp.edge.language import Words
from dmp.edge.scope_words import kind_word


def _(text: str) -> str:
    """Mark for extraction."""
    return text


PURPOSES = {
    "TREAT": _("Care"),
    "ETREAT": _("Urgent care"),
    "BTG": _("Emergency, without asking you"),
    "HOPERAT": _("Running of the establishment"),
    "HPAYMT": _("Payment of care"),
    "HRESCH": _("Research"),
    "PUBHLTH": _("Public health"),
    "PATRQT": _("At your own wish"),
}
_RULES = {
    "patient-own": _("It is your own record."),
    "delegate": _("You let this person act for you."),
    "guardian": _("This person is your guardian."),
    "consent-permit": _("You gave permission."),
    "policy-permit": _("The general choice you made permits it."),
    "break-glass": _("They declared an emergency, with a reason. An officer looks at each one."),
    "consent-deny": _("Refused: you said no."),
    "policy-deny": _("Refused: you gave no permission."),
    "seal": _("Refused: you sealed it."),
    "block": _("Refused: you blocked this person or place."),
    "break-glass-needed": _("Refused: you gave no permission, and no emergency was declared."),
    "break-glass-forbidden": _("Refused: you forbade access even in an emergency."),
    "patient-only": _("Refused: it is for you alone."),
    "not-the-patient": _("Refused: it is for you alone."),
    "stronger-sign-in": _("Refused: your PIN or passkey was needed."),
    "not-author": _("Refused: only who wrote it may change it."),
    "not-found": _("There was nothing to give."),
    "policy-moved": _("Held back: your permissions changed at that moment."),
    "identifier": _("They looked whether you have a record, and saw no more."),
    "activation": _("Your record was opened."),
    "request": _("They asked you for permission, by a code sent to you."),
    "grant": _("You told them the code, and so gave permission."),
    "one-time-code": _("By a code that was sent to you."),
    "passkey": _("By a passkey of yours."),
    "app": _("You let an app in."),
    "app-ended": _("You took an app out."),
    "launch": _("They opened an app for you; by that alone it has seen nothing."),
    "contest": _("You contested an emergency access."),
    "dispute": _("You said that you do not recognise an access."),
    "review": _("The region's officer looked into an access that was asked about."),
    "signed-out": _("Signed out from another place."),
    "proved": _("Proved with PIN, passkey or recovery code."),
    "pin-changed": _("The PIN was set, changed or removed."),
    "pin-locked": _("A PIN was wrong five times."),
    "passkey-added": _("A passkey was added."),
    "passkey-removed": _("A passkey was removed."),
    "passkey-refused": _("A passkey that was copied was refused."),
    "recovery-used": _("A recovery code was used."),
    "recovery-renewed": _("New recovery codes were made."),
}
_ACTIONS = {
    "read": _("read"),
    "vread": _("read an earlier version"),
    "history": _("read earlier versions"),
    "search": _("searched"),
    "operation": _("asked for a summary or a service"),
    "create": _("added"),
    "update": _("changed"),
    "delete": _("took away"),
    "transaction": _("sent several things at once"),
    "consent": _("changed permissions"),
    "activation": _("opened the record"),
    "sign-in": _("signed in"),
    "authorization": _("let an app in, or used it"),
    "preferences": _("changed how messages come"),
    "contact": _("changed where messages go"),
    "credentials": _("proved who they are, or changed with what"),
    "export": _("took a copy"),
}
REASONS = {
    "unknown-person": _("I do not know this person"),
    "unknown-place": _("I have never been to this place"),
    "no-care": _("I was not being cared for at that time"),
    "after-care": _("My care there had ended"),
    "other": _("Something else"),
}
_STATES = {
    "open": _("You asked about this access. The region's officer has not answered yet."),
    "contested": _("You contested this access. The region's officer has not answered yet."),
    "justified": _("The region's officer looked into it: the access was justified."),
    "unjustified": _("The region's officer looked into it: the access was NOT justified."),
}


def purpose(entry: Entry, words: Words) -> Markup:
    """Why they asked."""
    known = PURPOSES.get(entry.purpose)
    return words.t(known) if known else words.t(_("Another purpose: {code}"), code=entry.purpose)


def rules(use: Use, words: Words) -> list[Markup]:
    """Each rule that decided, once."""
    return [rule(name, words) for name in use.rules]


def rule(name: str, words: Words) -> Markup:
    """The sentence of a rule."""
    return words.t(_RULES[name]) if name in _RULES else words.t(_("Rule: {code}"), code=name)


def action(entry: Entry, words: Words) -> Markup:
    """What was done, in a word."""
    return words.t(_ACTIONS[entry.action]) if entry.action in _ACTIONS else words.t(entry.action)


def kinds(names: Sequence[str], words: Words) -> Markup:
    """Kinds of data, as a list."""
    mark = Markup("، ") if words.direction == "rtl" else Markup(", ")
    return mark.join(kind_word(name, words) for name in names)


def state(review: object, outcome: str, words: Words) -> Markup:
    """How the officer's answer stands."""
    return words.t(_STATES.get(outcome or str(review), _STATES["open"]))


def reasons(words: Words) -> Mapping[str, Markup]:
    """Why an access is disputed, to choose from."""
    return {name: words.t(text) for name, text in REASONS.items()}
