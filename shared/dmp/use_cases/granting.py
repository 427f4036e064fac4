"""A grant made by the server: Consent, standing, journal entry and notice in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmp.domain.caller import Caller
from dmp.domain.grants import Grant, Kind
from dmp.domain.identifiers import base32hex, commit_id, commit_millis, resource_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.notices import Kind as NoticeKind
from dmp.domain.notices import Notice, reference_of
from dmp.domain.record import PATIENT, Version
from dmp.domain.refusals import Forbidden, Refusal, Unavailable
from dmp.fhir import compartment, json_reader
from dmp.fhir.consent import compile_consent
from dmp.fhir.grants import grant_consent
from dmp.use_cases.changes import Change, Made, stamped
from dmp.use_cases.gate import TRIES_MAX, Ask, Gate, Visit
from dmp.use_cases.ports import Access, Clock, Raced, Records, Review, Write
from dmp.use_cases.written import Request, Written, first_answer, once_key, once_of, one_answer

CONSENT = "Consent"
_SUFFIX_BITS = 20


@dataclass(frozen=True, slots=True)
class Terms:
    """What is granted, by which rule, and what else stands or falls with it.

    `code` is used up by it; `reason` goes to the sealed journal; `reviewed` puts it on the
    officer's list; `access` opens with it.
    """

    kind: Kind
    rule: str
    notice: NoticeKind
    ends: str
    purposes: tuple[str, ...]
    code: tuple[str, bytes] | None = None
    reason: dict[str, str] | None = None
    reviewed: bool = False
    access: Access | None = None


class Granting:
    """Turns terms into a Consent that is in force when the answer is given."""

    def __init__(self, records: Records, clock: Clock, base: str) -> None:
        self._records = records
        self._clock = clock
        self._base = base
        self.gate = Gate(records, clock)

    def ask(self, request: Request, patient: str) -> Ask:
        """What the journal will tell of the request."""
        return Ask(request.caller, patient, "write", "consent", request.query, request.request)

    def settle(
        self, request: Request, ask: Ask, visit: Visit, terms: Callable[[Visit], Terms]
    ) -> Written:
        """Commit what `terms` say on the policy as it stands; decided again when it moved.

        A request repeated with its Idempotency-Key is given its first answer.
        """
        for _ in range(TRIES_MAX):
            try:
                return self._commit(request, visit, terms(visit))
            except (Refusal, Raced) as stopped:
                if first := self.first(request, visit):
                    return first
                if isinstance(stopped, Refusal):
                    raise
                if not stopped.races <= {"policy", "access", "id"}:
                    raise
            again = self.gate.knock(ask)
            if again is None:
                break
            visit = again
        raise Unavailable("other writers kept winning")

    def first(self, request: Request, visit: Visit) -> Written | None:
        """The answer that the request's key was given before."""
        if not request.idempotency_key:
            return None
        used = self._records.used(visit.door, once_key(request), visit.now_ms // 1000)
        return first_answer(request, used)

    def _commit(self, request: Request, visit: Visit, terms: Terms) -> Written:
        at_ms, caller = self._clock.now_ms(), request.caller
        resource = grant_consent(_grant(caller, visit.ask.patient, terms, instant(at_ms)))
        version = self._version(visit.ask.patient, resource, caller.organization or "", at_ms)
        name = version.id
        change = Change("create", CONSENT, CONSENT, resource, resource_id(name))
        answer = one_answer(self._base, request)([Made(change, version)], at_ms)
        entry = replace(
            self.gate.entry(visit, "permit", terms.rule),
            what=(version.name,),
            reason=terms.reason or {},
        )
        provisions = compile_consent(resource, name, version.at)
        self._records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=version.commit,
                versions=[version],
                entry=entry,
                policy=visit.standing.version,
                access=terms.access,
                notice=notice_of(terms.notice, entry, caller, terms.ends),
                once=once_of(request, answer, at_ms),
                standing=visit.standing.with_consent(name, provisions),
                code=terms.code,
                contact_at=at_ms // 1000 if terms.code else 0,
                review=Review(name, entry.entry, at_ms // 1000) if terms.reviewed else None,
            ),
        )
        return answer

    def _version(
        self, patient: str, resource: Mapping[str, Any], author: str, at_ms: int
    ) -> Version:
        commit = commit_id(at_ms, self._clock.random_bits(35))
        suffix = base32hex(self._clock.random_bits(_SUFFIX_BITS), 4)
        name, at = f"{patient}.{commit}.{suffix}", instant(at_ms)
        return Version(
            type=CONSENT,
            id=name,
            version=1,
            at=at,
            commit=commit,
            author=author,
            origin=PATIENT,  # theirs to end, whoever made it
            body=json_reader.write(stamped(resource, name, 1, at)),
            date=compartment.clinical_date(resource),
            categories=compartment.categories(resource),
            references=tuple(sorted(set(compartment.references(resource)))),
        )


def notice_of(kind: NoticeKind, entry: Entry, caller: Caller, ends: str = "") -> Notice:
    """What the patient is told of an entry, at once."""
    return Notice(
        kind=kind,
        at=entry.at,
        reference=reference_of(entry.entry),
        due=commit_millis(entry.entry) // 1000,
        practitioner=caller.practitioner_name,
        organization=caller.organization_name,
        purpose=caller.purpose,
        end=ends,
    )


def practitioner_only(caller: Caller) -> tuple[str, str]:
    """The caller's INPE and the organisation's; anyone but a practitioner is refused."""
    if caller.kind != "practitioner" or not caller.practitioner or not caller.organization:
        raise Forbidden("only a practitioner at an organisation asks for a grant")
    caller.require_scope(CONSENT, "create")
    return caller.practitioner, caller.organization


def _grant(caller: Caller, patient: str, terms: Terms, starts: str) -> Grant:
    practitioner, organization = practitioner_only(caller)
    return Grant(
        kind=terms.kind,
        patient=patient,
        practitioner=practitioner,
        practitioner_name=caller.practitioner_name,
        organization=organization,
        organization_name=caller.organization_name,
        starts=starts,
        ends=terms.ends,
        purposes=terms.purposes,
    )
