"""Who may see the record and who acts for its patient: the page, and what its forms ask for.

Whom a form names is shown by name, with what would change, before it is done.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dmp.domain.consent import POWERS
from dmp.domain.explaining import Finding
from dmp.domain.grants import TEXT_MAX, TEXT_MIN
from dmp.domain.identifiers import is_inpe
from dmp.domain.instants import instant
from dmp.domain.refusals import BadParameter, ContactJustChanged, Invalid, NotFound, TooMany
from dmp.edge import people_words as say
from dmp.edge.account_desk import JOURNAL, PEOPLE, At, Desk, one
from dmp.edge.account_journal import midnight
from dmp.edge.account_proof import Fields, Proof
from dmp.edge.http import Answer, Request
from dmp.edge.logs import count
from dmp.edge.sign_in_form import identifier_typed
from dmp.fhir.choices import Listed
from dmp.fhir.delegation import NAME_MAX
from dmp.use_cases.explaining import Outlook
from dmp.use_cases.people import Acting, Choice, Form, People

_BACK = "people"
_NONCE = 22
_TYPED_SHOWN = 100
_INPE = re.compile(r"[\s.-]")
_TYPED = ("inpe", "until", "may", "who", "name", "consent")
_NOTHING = dict.fromkeys((*_TYPED, "text"), "")


@dataclass(frozen=True, slots=True)
class PeoplePages:
    """What a signed-in patient sees and changes there."""

    desk: Desk
    proof: Proof
    people: People

    def shown(self, request: Request) -> Answer:
        """Everybody; where a line of the journal leads here, the form to refuse who it tells of."""
        found = self.desk.enter(request, _BACK)
        if isinstance(found, Answer):
            return found
        query = dict(request.query)
        inpe = query.get("inpe", "")
        if not is_inpe(inpe):
            return self._page(found, told=query.get("told", ""))
        return self._page(found, typed={**_NOTHING, "inpe": inpe}, action="refuse")

    def act(self, request: Request) -> Answer:
        """What a form of it asks for."""
        return self.proof.acting(request, _BACK, self._act)

    def _act(self, at: At, fields: Fields) -> Answer:
        actions: dict[str, Callable[[At, Fields], Answer]] = {
            "let-in": self._let_in,
            "refuse": self._refuse,
            "end": self._end,
            "contest": self._contest,
            "name": self._name,
            "dismiss": self._dismiss,
        }
        name = one(fields, "action")
        if name not in actions:
            raise BadParameter("the form asks for nothing that is served", "action")
        try:
            return actions[name](at, fields)
        except ContactJustChanged:
            return self._again(at, fields, ["contact"], 403)
        except TooMany:
            return self._again(at, fields, ["often"], 429)

    def _let_in(self, at: At, fields: Fields) -> Answer:
        who, form = self._listed(at, fields), _form(at, fields)
        ends, may = self._ends(one(fields, "until")), one(fields, "may") or "write"
        if may not in ("read", "write"):
            raise BadParameter("the form lets do what is not known", "may")
        if who is None or not ends:
            faults = [*([] if who else ["inpe"]), *([] if ends else ["until"])]
            return self._again(at, fields, faults)
        choice = Choice(who, ends, may == "write")
        if not one(fields, "sure"):
            return self._sure(at, fields, who, self.people.outlook(form, choice))
        self.people.let_in(form, choice)
        count("PeopleLetIn")
        return self._onward("let-in")

    def _refuse(self, at: At, fields: Fields) -> Answer:
        who = self._listed(at, fields)
        if who is None:
            return self._again(at, fields, ["inpe"])
        if not one(fields, "sure"):
            return self._sure(at, fields, who, None)
        self.people.refuse(_form(at, fields), who)
        count("PeopleRefused")
        return self._onward("refused")

    def _end(self, at: At, fields: Fields) -> Answer:
        try:
            self.people.end(_form(at, fields), one(fields, "consent"))
        except NotFound:  # of another tab, or never there: the page shows what is in force
            return self._onward("stale")
        return self._onward("ended")

    def _contest(self, at: At, fields: Fields) -> Answer:
        words = one(fields, "text")
        try:
            self.people.contest(_form(at, fields), one(fields, "consent"), words)
        except Invalid:
            return self._again(at, fields, ["text"])
        except NotFound:
            return self._onward("stale")
        count("BreakGlassContested")
        return self._onward("contested")

    def _name(self, at: At, fields: Fields) -> Answer:
        identifier = identifier_typed(one(fields, "who"))
        name, until = " ".join(one(fields, "name").split()), one(fields, "until")
        ends, powers = self._ends(until), [p for p in POWERS if p in fields.get("power", [])]
        faults = [
            *([] if identifier else ["who"]),
            *([] if 0 < len(name) <= NAME_MAX else ["name"]),
            *([] if ends or not until else ["until"]),
            *([] if powers else ["power"]),
        ]
        if faults or identifier is None:
            return self._again(at, fields, faults)
        try:
            self.people.name(_form(at, fields), Acting(identifier, name, powers, ends))
        except Invalid as refusal:
            name_of = any(".name" in (issue.expression or "") for issue in refusal.issues)
            return self._again(at, fields, ["name" if name_of else "many"])
        count("DelegatesNamed")
        return self._onward("named")

    def _dismiss(self, at: At, fields: Fields) -> Answer:
        try:
            self.people.dismiss(_form(at, fields), one(fields, "related"))
        except NotFound:
            return self._onward("stale")
        return self._onward("dismissed")

    def _listed(self, at: At, fields: Fields) -> Listed | None:
        return self.people.listed(_form(at, fields), _INPE.sub("", one(fields, "inpe")))

    def _ends(self, until: str) -> str:
        """The end of the day in Morocco; empty when that is no day, or over."""
        try:
            ends = midnight(until, 1)
        except ValueError:
            return ""
        return ends if ends > instant(self.desk.clock.now_ms()) else ""

    def _sure(self, at: At, fields: Fields, who: Listed, outlook: Outlook | None) -> Answer:
        """Whom the number stands for and what it changes, before it is done."""
        number, link = at.words.number, self.desk.kit.link(PEOPLE)
        until = self._ends(one(fields, "until"))
        kept = [(n, one(fields, n)) for n in ("action", "inpe", "until", "may") if n in fields]
        return self.desk.page(
            at, "people_sure.html", link, to=link, who=who, kept=[*kept, ("sure", "yes")],
            action=one(fields, "action"), writing=one(fields, "may") != "read", told="",
            until=say.last_day(until, at.words) if until else "",
            before=number(readable(who, outlook.before)) if outlook else "",
            after=number(readable(who, outlook.after)) if outlook else "",
            items=number(outlook.items) if outlook else "",
        )  # fmt: skip

    def _again(self, at: At, fields: Fields, faults: list[str], status: int = 422) -> Answer:
        typed = {name: one(fields, name)[:_TYPED_SHOWN] for name in _TYPED}
        typed["text"] = one(fields, "text")[:TEXT_MAX]
        chosen = fields.get("power", [])
        action = one(fields, "action")
        return self._page(at, status, faults=faults, typed=typed, chosen=chosen, action=action)

    def _onward(self, word: str) -> Answer:
        return self.desk.kit.redirect(self.desk.kit.link(PEOPLE, told=word))

    def _page(self, at: At, status: int = 200, **said: object) -> Answer:
        seen = self.people.today(Form(at.caller, at.request.request_id), at.reader.language)
        can, cannot, emergency = say.readers(seen, at.words)
        link, words = self.desk.kit.link, at.words
        values: dict[str, object] = {
            "to": link(PEOPLE), "can": can, "cannot": cannot, "emergency": emergency,
            "general": words.t(say.GENERAL[seen.standing.policy]),
            "decided": say.decided(seen, words), "acting": say.acting(seen, words),
            "powers": {name: words.t(text) for name, text in say.POWERS.items()},
            "emergencies": link(JOURNAL, only="break-glass"),
            "least": words.number(TEXT_MIN), "most": words.number(TEXT_MAX),
            "faults": [], "typed": _NOTHING, "chosen": ["read"],
            "action": "", "told": "", **said,
        }  # fmt: skip
        return self.desk.page(at, "people.html", link(PEOPLE), status, **values)


def readable(who: Listed, findings: Iterable[Finding]) -> int:
    """How many entries they can read, at their best."""
    return max(
        (
            one.readable
            for one in findings
            if who.inpe == one.known.practitioner
            or (who.inpe == one.known.organization and one.known.kind == "organization")
        ),
        default=0,
    )


def _form(at: At, fields: Fields) -> Form:
    """The form by the nonce of its token: sent twice, it does its work once."""
    rest = sorted((n, v) for n, values in fields.items() if n != "token" for v in values)
    digest = hashlib.sha256(repr(rest).encode()).hexdigest()
    return Form(at.caller, at.request.request_id, one(fields, "token")[:_NONCE], digest)
