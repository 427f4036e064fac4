"""A first meeting: a practitioner asks, the patient's code comes back, and a consent is made of it.

Whoever asks learns nothing: a record that does not exist, one that blocks the asker and one whose
patient was sent a code are answered alike, and a code is tried in the same way for all three.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dmp.domain import grants as rules
from dmp.domain import sign_in
from dmp.domain.access import may_enter
from dmp.domain.caller import Caller
from dmp.domain.grants import Meeting
from dmp.domain.instants import in_utc, instant
from dmp.domain.notices import Undeliverable
from dmp.domain.refusals import (
    ContactJustChanged,
    Forbidden,
    Gone,
    Invalid,
    Refusal,
    TooMany,
    Unavailable,
    WrongCode,
)
from dmp.fhir.parameters import patient_in, taken
from dmp.use_cases.gate import Visit
from dmp.use_cases.grant_ports import Codes, CodeSender, Meetings
from dmp.use_cases.granting import Granting, Terms, practitioner_only
from dmp.use_cases.ports import Clock, Raced
from dmp.use_cases.written import Request, Written

Asked = Literal["sent", "not-sent", "nobody"]
_END = "Parameters.parameter.where(name='period').value"
_CODE = "Parameters.parameter.where(name='code').value"


@dataclass(frozen=True, slots=True)
class FirstMeeting:
    """`$request` and `$grant`."""

    granting: Granting
    meetings: Meetings
    codes: Codes
    sender: CodeSender
    clock: Clock

    def request(self, request: Request, content: Mapping[str, Any]) -> Asked:
        """Send the patient a code; what came of it is for the operator's count alone."""
        who = _treating(request.caller)
        values = taken(content, {"patient": "valueReference", "period": "valuePeriod?"})
        patient, now = patient_in(values), self._now()
        ends = _ends(values.get("period", {}), now)
        key = rules.meeting_key(patient, *who)
        self._spend(who[0], key, now)
        visit = self.granting.gate.knock(self.granting.ask(request, patient))
        code = sign_in.code(self.clock.random_bits(sign_in.CODE_BITS))
        mac = self.codes.code(_place(key), code)
        self.meetings.ask(Meeting(key, mac, ends, now + sign_in.CODE_SECONDS))
        if visit is None:
            return "nobody"
        if (stopped := self._stopped(visit, now)) is not None:
            self.granting.gate.refused(visit, stopped)
            return "not-sent"
        # told before it is sent: what the patient reads in the SMS stands in the journal
        self.granting.gate.told(visit, "request")
        caller = request.caller
        words = {
            "code": code, "end": ends,
            "practitioner": caller.practitioner_name, "organization": caller.organization_name,
        }  # fmt: skip
        return "sent" if self._sent(visit, words) else "not-sent"

    def grant(self, request: Request, content: Mapping[str, Any]) -> Written:
        """201 with the Consent for the right code; else 422 with the tries left, or 410."""
        who = _treating(request.caller)
        values = taken(content, {"patient": "valueReference", "code": "valueString"})
        patient, now = patient_in(values), self._now()
        digits = sign_in.typed(values["code"])
        if digits is None:
            raise Invalid("six digits are needed", _CODE)
        ask = self.granting.ask(request, patient)
        visit = self.granting.gate.knock(ask)
        if visit is not None and (first := self.granting.first(request, visit)):
            return first
        key = rules.meeting_key(patient, *who)
        given = self.codes.code(_place(key), digits)
        meeting = self.meetings.spend_try(key, now)
        if meeting is None:
            raise Gone("no code is awaited; ask for one with $request")
        if not hmac.compare_digest(given, meeting.mac) or visit is None:
            raise WrongCode("not the code", _CODE, tries_left=meeting.tries)
        try:
            return self.granting.settle(request, ask, visit, lambda v: self._terms(v, meeting))
        except Raced as lost:
            if "contact" in lost.races:
                self.granting.gate.refused(visit, ContactJustChanged.code)
                raise ContactJustChanged from None
            raise Gone("the code was used already") from None

    def _terms(self, visit: Visit, meeting: Meeting) -> Terms:
        if _blocked(visit):
            self.granting.gate.refuse(visit, "block")
        return Terms(
            kind="request",
            rule="grant",
            notice="granted",
            ends=meeting.ends,
            purposes=rules.PURPOSES,
            code=(meeting.key, meeting.mac),
        )

    def _spend(self, practitioner: str, key: str, now: int) -> None:
        """Both depend on who asks and on the id as written, never on the record."""
        hour, day = sign_in.HOUR_S, rules.DAY_S
        own = f"request#{practitioner}"
        self.meetings.spend(own, rules.PER_PRACTITIONER_HOUR, hour, now)
        self.meetings.spend(f"meeting#{key}", rules.PER_MEETING_DAY, day, now)

    def _stopped(self, visit: Visit, now: int) -> str | None:
        """Why this patient is sent nothing: a block, or too many requests of others today."""
        if _blocked(visit):
            return "block"
        key = f"requests#{visit.ask.patient}"
        try:
            self.meetings.spend(key, rules.PER_PATIENT_DAY, rules.DAY_S, now)
        except TooMany as limit:
            return limit.code
        return None

    def _sent(self, visit: Visit, words: dict[str, str]) -> bool:
        """Whether the code went out; a failure must not show that there is a record."""
        try:
            contact = self.meetings.contact(visit.door)
            if contact is None:
                return False
            self.sender.send_code(contact, words)
        except (Refusal, Unavailable, Undeliverable):
            return False
        return True

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def _treating(caller: Caller) -> tuple[str, str]:
    who = practitioner_only(caller)
    if caller.purpose not in rules.PURPOSES:
        raise Forbidden(f"a token for {' or '.join(rules.PURPOSES)} is needed")
    return who


def _blocked(visit: Visit) -> bool:
    return may_enter(visit.asking, visit.standing).rule == "block"


def _ends(period: Mapping[str, str], now: int) -> str:
    """When the grant would end: a day from now, or as asked within a week."""
    if "start" in period and in_utc(period["start"]) > instant((now + rules.SKEW_S) * 1000):
        raise Invalid("a grant begins when the patient says the code", f"{_END}.start")
    if "end" not in period:
        return instant((now + rules.REQUESTED_S) * 1000)
    ends = in_utc(period["end"], end=True)
    latest = instant((now + rules.REQUESTED_S_MAX) * 1000)
    if not instant((now + sign_in.CODE_SECONDS) * 1000) < ends <= latest:
        days = rules.REQUESTED_S_MAX // rules.DAY_S
        raise Invalid(f"at least 5 minutes and at most {days} days from now", f"{_END}.end")
    return ends


def _place(key: str) -> str:
    return f"first-meeting#{key}"
