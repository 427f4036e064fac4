"""How the patient is told: language, channel, rhythm; and a new address, proved by a code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dmp.domain.contact import LANGUAGES
from dmp.domain.preferences import DIGEST_HOUR
from dmp.domain.refusals import BadParameter, Gone, Invalid, TooMany
from dmp.edge.account_desk import PREFERENCES, At, Desk, one
from dmp.edge.account_proof import Fields, Proof
from dmp.edge.http import Answer, Request
from dmp.edge.language import NAMES
from dmp.edge.logs import count
from dmp.use_cases.preferences import Preferences

_BACK = "preferences"
_MINUTE_S = 60
_HOUR_DIGITS = 2
_TYPED_SHOWN = 80
_FIELDS = ("language", "channel", "rhythm", "hour", "quiet_from", "quiet_until")


@dataclass(frozen=True, slots=True)
class PreferencePages:
    """What a signed-in patient sees and changes there."""

    desk: Desk
    proof: Proof
    preferences: Preferences

    def shown(self, request: Request) -> Answer:
        """How they are told now."""
        found = self.desk.enter(request, _BACK)
        if isinstance(found, Answer):
            return found
        query = dict(request.query)
        return self._page(found, told=query.get("told", ""), step=query.get("step", ""))

    def act(self, request: Request) -> Answer:
        """What a form of it asks for."""
        return self.proof.acting(request, _BACK, self._act)

    def _act(self, at: At, fields: Fields) -> Answer:
        actions: dict[str, Callable[[At, Fields], Answer]] = {
            "prefer": self._prefer,
            "address": self._address,
            "code": self._code,
        }
        name = one(fields, "action")
        if name not in actions:
            raise BadParameter("the form asks for nothing that is served", "action")
        return actions[name](at, fields)

    def _prefer(self, at: At, fields: Fields) -> Answer:
        typed = {name: one(fields, name) for name in _FIELDS}
        try:
            self.preferences.prefer(at.caller, _wanted(typed))
        except Invalid as refusal:
            names = [(issue.expression or "").partition(".")[0] for issue in refusal.issues]
            return self._page(at, 422, faults=names, chosen={**typed, "hour": DIGEST_HOUR})
        return self._onward("kept")

    def _address(self, at: At, fields: Fields) -> Answer:
        typed = one(fields, "address").strip()
        kind = "email" if "@" in typed else "phone"
        try:
            self.preferences.ask_address(at.caller, {kind: typed})
        except Invalid:
            return self._page(at, 422, faults=["address"], typed=typed[:_TYPED_SHOWN])
        except TooMany as refusal:
            again = self.desk.clock.now_ms() // 1000 + refusal.retry_after_s + _MINUTE_S - 1
            when = at.words.time(again)
            shown = typed[:_TYPED_SHOWN]
            return self._page(at, 429, faults=["often"], typed=shown, again_at=when)
        count("AddressCodesSent")
        return self._onward("code-sent", step="code")

    def _code(self, at: At, fields: Fields) -> Answer:
        try:
            self.preferences.confirm_address(at.caller, one(fields, "code"))
        except Invalid as refusal:
            left = refusal.details.get("tries_left")
            tries = left if isinstance(left, int) else None
            return self._page(at, 422, step="code", faults=["code"], tries=tries)
        except Gone:
            return self._page(at, 410, faults=["over"])
        return self._onward("moved")

    def _onward(self, word: str, **query: str) -> Answer:
        return self.desk.kit.redirect(self.desk.kit.link(PREFERENCES, told=word, **query))

    def _page(self, at: At, status: int = 200, **said: object) -> Answer:
        now = self.preferences.shown(at.caller)
        link = self.desk.kit.link(PREFERENCES)
        values: dict[str, object] = {
            "now": now, "to": link, "told": "", "step": "", "faults": [], "typed": "",
            "tries": None, "again_at": "", "names": {code: NAMES[code] for code in LANGUAGES},
            "hours": range(24), "chosen": _chosen(now), **said,
        }  # fmt: skip
        return self.desk.page(at, "preferences.html", link, status, **values)


def _wanted(typed: Mapping[str, str]) -> dict[str, object]:
    """The form as the API takes it; an hour that the page does not offer is refused there."""
    wanted: dict[str, object] = {n: typed[n] for n in ("language", "channel", "rhythm")}
    if typed["rhythm"] == "daily":
        hour = typed["hour"]
        wanted["digestHour"] = int(hour) if len(hour) <= _HOUR_DIGITS and hour.isdecimal() else hour
    if typed["quiet_from"] or typed["quiet_until"]:
        wanted["quietHours"] = {"from": typed["quiet_from"], "until": typed["quiet_until"]}
    return wanted


def _chosen(now: Mapping[str, object]) -> dict[str, object]:
    """What is in force, as the form shows it."""
    quiet = now.get("quietHours")
    times = quiet if isinstance(quiet, Mapping) else {}
    return {
        **now,
        "hour": now.get("digestHour", DIGEST_HOUR),
        "quiet_from": times.get("from", ""),
        "quiet_until": times.get("until", ""),
    }
