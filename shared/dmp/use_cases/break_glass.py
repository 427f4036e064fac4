"""Break-glass: an emergency opens a record without its patient, for four hours and in full view.

What the patient forbade beforehand, whom they blocked and what is no record are refused alike. The
reason goes to the sealed journal, the patient is told at once, and the region's officer reviews it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dmp.domain import grants as rules
from dmp.domain.access import Permit, may_break_glass
from dmp.domain.instants import instant
from dmp.domain.refusals import Forbidden, Invalid, NoPermit
from dmp.fhir.parameters import patient_in, taken
from dmp.use_cases.gate import ACCESS_S, NO_PERMIT, Visit
from dmp.use_cases.granting import Granting, Terms, practitioner_only
from dmp.use_cases.ports import Access, Clock
from dmp.use_cases.written import Request, Written


@dataclass(frozen=True, slots=True)
class BreakGlass:
    """`$break-glass`; `roles` are those whom the region lets do it."""

    granting: Granting
    clock: Clock
    roles: frozenset[str]

    def open(self, request: Request, content: Mapping[str, Any]) -> Written:
        """201 with the Consent; 403 as for a record that does not exist."""
        caller = request.caller
        practitioner_only(caller)
        if caller.purpose != rules.EMERGENCY:
            raise Forbidden(f"a token for {rules.EMERGENCY} is needed")
        if caller.role not in self.roles:
            raise Forbidden("the role may not break the glass")
        wanted = {"patient": "valueReference", "reason": "valueCode", "text": "valueString"}
        values = taken(content, wanted)
        patient, reason = patient_in(values), _reason(values)
        ask = self.granting.ask(request, patient)
        visit = self.granting.gate.knock(ask)
        if visit is None:
            raise NoPermit(NO_PERMIT)
        if first := self.granting.first(request, visit):
            return first
        return self.granting.settle(request, ask, visit, lambda v: self._terms(v, reason))

    def _terms(self, visit: Visit, reason: dict[str, str]) -> Terms:
        decision = may_break_glass(visit.asking, visit.standing)
        if not isinstance(decision, Permit):
            self.granting.gate.refuse(visit, decision.rule, reason)
        now_ms = self.clock.now_ms()
        now = now_ms // 1000
        begun = visit.door.access_until > now
        return Terms(
            kind="break-glass",
            rule="break-glass",
            notice="break-glass",
            ends=instant(now_ms + rules.BREAK_GLASS_S * 1000),
            purposes=(rules.EMERGENCY,),
            reason=reason,
            reviewed=True,
            access=None if begun else Access(visit.access_key, now + ACCESS_S),
        )


def _reason(values: Mapping[str, Any]) -> dict[str, str]:
    code, text = values["reason"], " ".join(values["text"].split())
    where = "Parameters.parameter.where(name='{}').value"
    if code not in rules.REASONS:
        raise Invalid(f"one of {', '.join(rules.REASONS)} is needed", where.format("reason"))
    if not rules.TEXT_MIN <= len(text) <= rules.TEXT_MAX:
        most = f"{rules.TEXT_MIN} to {rules.TEXT_MAX} characters are needed"
        raise Invalid(most, where.format("text"))
    return {"code": code, "text": text}
