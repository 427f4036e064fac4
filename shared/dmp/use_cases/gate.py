"""The way into a record, the same for every door: who asks is live, may enter, and is journalled.

A payload leaves only after its journal entry is durable and GUARD still shows the policy version
it was decided on; if that moved, the request is decided again (DESIGN section 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from dmp.domain.access import Asking, Decision, Item, Judge, Permit, judge, may_enter
from dmp.domain.caller import Caller
from dmp.domain.consent import Delegate, Direction, Standing
from dmp.domain.identifiers import ResourceId, commit_id
from dmp.domain.instants import instant
from dmp.domain.journal import Action, Entry, Outcome, disclosure, who_of
from dmp.domain.notices import Notice, reference_of
from dmp.domain.refusals import NoPermit, NotFound, Refusal, Unavailable
from dmp.use_cases.ports import Access, Clock, Door, Raced, Records
from dmp.use_cases.refused import refusals_key, refusals_notice

T = TypeVar("T")
TRIES_MAX = 3
ACCESS_S = 3600
ONCE_S = 86_400
_BY_CONSENT = frozenset({"consent-permit", "consent-deny", "seal", "block", "break-glass"})
NO_PERMIT = "no consent in force permits this; the same is said of a record that does not exist"
NO_RECORD = "there is no such record for this token"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request on one record: what the journal will say of it.

    `query` is the request as it came (sealed with the entry), `request` its id.
    """

    caller: Caller
    patient: str
    direction: Direction
    action: Action
    query: str
    request: str
    wanted: Sequence[tuple[str, ResourceId]] = ()

    @property
    def own(self) -> bool:
        """Whether a patient asks for their own record."""
        return self.caller.kind == "patient" and self.caller.patient == self.patient

    @property
    def foreign(self) -> bool:
        """Whether a patient asks for another's."""
        return self.caller.kind == "patient" and not self.own


@dataclass(frozen=True, slots=True)
class Visit:
    """An Ask that was let in: what stands behind the door, and as whom the asker is seen.

    `delegate` is who acts for the patient, when a delegate or guardian asks.
    """

    ask: Ask
    door: Door
    asking: Asking
    now_ms: int
    rule: str
    access_key: str
    consent: str = ""
    delegate: Delegate | None = None
    _judges: dict[Direction, Judge] = field(default_factory=dict, init=False, compare=False)

    def decides(self, item: Item) -> Decision:
        """The one decision, on this visit's standing."""
        return self.judge(self.asking.direction)(item)

    def sees(self, item: Item) -> bool:
        """Whether the item may be read; a writer is asked as a reader too."""
        return isinstance(self.judge("read")(item), Permit)

    def judge(self, direction: Direction) -> Judge:
        """The decisions of the visit in a direction, for many items."""
        if direction not in self._judges:
            asking = replace(self.asking, direction=direction)
            self._judges[direction] = judge(asking, self.door.standing)
        return self._judges[direction]

    @property
    def standing(self) -> Standing:
        """What the visit's decisions are taken on."""
        return self.door.standing


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """What a read would answer: `names` are the versions that leave; a Refusal is an answer too."""

    answer: T | Refusal
    names: Sequence[str] = ()
    newest: str = ""


class Gate:
    """Enters records and keeps the order of entry, guard and payload."""

    def __init__(self, records: Records, clock: Clock) -> None:
        self._records = records
        self._clock = clock

    def enter(self, ask: Ask) -> Visit:
        """Refuses, and journals the refusal, unless somebody live may enter."""
        visit = self.knock(ask)
        if visit is None:
            raise _no(ask)
        decision = may_enter(visit.asking, visit.standing)
        consent = decision.consent if decision.rule in _BY_CONSENT else ""
        visit = replace(visit, rule=decision.rule, consent=consent)
        if ask.foreign and isinstance(decision, Permit):
            named = (d for d in visit.standing.delegates if d.related == decision.consent)
            visit = replace(visit, delegate=next(named, None))
        if not isinstance(decision, Permit):
            self.refuse(visit, decision.rule)
        return visit

    def knock(self, ask: Ask) -> Visit | None:
        """At the door, with a live caller and nothing decided; None where no record is open."""
        now_ms = self._clock.now_ms()
        now = instant(now_ms)
        key = access_key(ask.caller, ask.patient)
        door = self._records.enter(ask.patient, ask.caller, ask.wanted, key)
        rows = door.rows if isinstance(door, Door) else door
        ask.caller.require_live(rows, now_ms // 1000, now[:10])
        if ask.caller.confined not in (None, ask.patient):
            raise NotFound(NO_RECORD)
        if not isinstance(door, Door) or not door.active:
            return None
        if ask.foreign:
            door = self._known(door)
        strong = ask.caller.is_strong(rows, now_ms // 1000)
        asking = replace(asking_of(ask.caller, ask.direction, now), strong=strong)
        return Visit(ask, door, asking, now_ms, "", key)

    def _known(self, door: Door) -> Door:
        """Who was named a delegate before they had a record is found once they have one."""
        named = [d.identifier for d in door.standing.delegates if not d.person and d.identifier]
        if not named:
            return door
        return replace(door, standing=door.standing.with_persons(self._records.persons(named)))

    def refuse(self, visit: Visit, rule: str, reason: dict[str, str] | None = None) -> None:
        """Journal the refusal, then raise it."""
        self.refused(visit, rule, reason)
        raise _no(visit.ask)

    def refused(self, visit: Visit, rule: str, reason: dict[str, str] | None = None) -> None:
        """Journal a refusal that was decided further in: of an item, or of its author."""
        entry = replace(self.entry(visit, "refuse", rule), reason=reason or {})
        caller, now = visit.ask.caller, visit.now_ms // 1000
        if caller.kind == "patient":
            self._records.journal(visit.door, entry)
            return
        key = refusals_key(caller, visit.ask.patient, visit.asking.now[:10])
        self._records.refuse(visit.door, entry, key, refusals_notice(caller, entry, now))

    def told(self, visit: Visit, rule: str) -> None:
        """Journal what needs no permit of the patient's: it discloses nothing of the record."""
        self._records.journal(visit.door, self.entry(visit, "permit", rule))

    def read(
        self,
        ask: Ask,
        work: Callable[[Visit], Reading[T]],
        admit: Callable[[Ask], Visit] | None = None,
    ) -> T:
        """What `work` reads, once its entry is durable and the policy has not moved since.

        `admit` stands in for `enter` where others than those a consent permits may come in.
        """
        for _ in range(TRIES_MAX):
            visit = (admit or self.enter)(ask)
            reading = work(visit)
            names, digest = disclosure(reading.names, reading.newest, visit.standing.version)
            refused = isinstance(reading.answer, Refusal)
            outcome: Outcome = "refuse" if refused else "permit"
            entry = self.entry(visit, outcome, "not-found" if refused else visit.rule)
            entry = replace(entry, what=names, disclosed=digest)
            if self.releases(visit, entry):
                if isinstance(reading.answer, Refusal):
                    raise reading.answer
                return reading.answer
        raise Unavailable("the policy kept moving")

    def releases(self, visit: Visit, entry: Entry) -> bool:
        """Make the entry durable; then whether the policy still stands and the payload may leave.

        If it moved, the journal tells that what the entry names was withheld.
        """
        self.append(visit, entry)
        if self._records.policy(visit.ask.patient) == visit.standing.version:
            return True
        self._records.journal(visit.door, self.entry(visit, "withheld", "policy-moved"))
        return False

    def note(self, ask: Ask, door: Door, rule: str, now_ms: int) -> None:
        """The same, for who has come in by another way."""
        asking = asking_of(ask.caller, ask.direction, instant(now_ms))
        self.told(Visit(ask, door, asking, now_ms, rule, ""), rule)

    def entry(self, visit: Visit, outcome: Outcome, rule: str) -> Entry:
        """A journal entry of the visit, under a fresh id."""
        ask, clock = visit.ask, self._clock
        name = commit_id(clock.now_ms(), clock.random_bits(35))
        return Entry(
            id=f"{ask.patient}.{name}",
            at=instant(clock.now_ms()),
            action=ask.action,
            outcome=outcome,
            rule=rule,
            who=who_of(ask.caller, ask.patient, visit.delegate),
            purpose=ask.caller.purpose,
            salt=f"{clock.random_bits(128):032x}",
            request=ask.request,
            client=ask.caller.client_id,
            query=ask.query,
            consent=visit.consent if rule == visit.rule else "",
        )

    def append(self, visit: Visit, entry: Entry) -> None:
        """Make the entry durable; the first query of an access opens it and owes its notice."""
        access, notice = opening(visit, entry)
        if access is None or notice is None:
            self._records.journal(visit.door, entry)
            return
        try:
            self._records.open_access(visit.door, entry, access, notice)
        except Raced as raced:
            if "access" not in raced.races:
                raise Unavailable("an id was taken") from None
            self._records.journal(visit.door, entry)


def _no(ask: Ask) -> Refusal:
    """To a patient, another's record is as if it were not there."""
    return NotFound(NO_RECORD) if ask.foreign else NoPermit(NO_PERMIT)


def opening(visit: Visit, entry: Entry) -> tuple[Access | None, Notice | None]:
    """The access that this entry opens and the notice it owes; nothing for the patient's own."""
    caller, now = visit.ask.caller, visit.now_ms // 1000
    if visit.ask.own or visit.door.access_until > now:
        return None, None
    notice = Notice(
        kind="break-glass" if caller.purpose == "BTG" else "access",
        at=entry.at,
        reference=reference_of(entry.entry),
        due=now,
        practitioner=visit.delegate.name if visit.delegate else caller.practitioner_name,
        organization=caller.organization_name,
        purpose=caller.purpose,
    )
    return Access(visit.access_key, now + ACCESS_S), notice


def access_key(caller: Caller, patient: str) -> str:
    """One practitioner, organisation, patient and purpose; empty for the patient's own.

    A delegate is one person, patient and purpose.
    """
    who = (caller.practitioner or "", caller.organization or "")
    if caller.kind == "patient":
        if caller.patient == patient:
            return ""
        who = ("person", caller.patient or "")
    text = "|".join((patient, *who, caller.purpose))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def asking_of(caller: Caller, direction: Direction, now: str) -> Asking:
    """The caller as `decide` sees them: INPE and FHIR ids name the same practitioner."""
    return Asking(
        direction=direction,
        purpose=caller.purpose,
        now=now,
        patient=caller.patient if caller.kind == "patient" else None,
        practitioner=frozenset(x for x in (caller.practitioner, caller.practitioner_id) if x),
        organization=frozenset(x for x in (caller.organization, caller.organization_id) if x),
        role=caller.role or "",
    )
