"""A registrar changes a patient's contact in person: no code, but a reason and a document seen.

Others than registrars, and a record that does not exist, get one answer. Old and new address are
told at once, and no new grant or delegate is made for a day. Whoever is signed in to the record is
out with the same transaction, apps included: the phone may be in other hands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from dmp.domain import preferences as rules
from dmp.domain.contact import Channel, Contact
from dmp.domain.directory import REGISTRAR
from dmp.domain.identifiers import commit_id, is_patient_id
from dmp.domain.notices import Notice, reference_of
from dmp.domain.refusals import NoPermit, Unavailable
from dmp.use_cases.gate import NO_PERMIT, TRIES_MAX, Ask, Gate, Visit
from dmp.use_cases.notice_ports import Address
from dmp.use_cases.ports import (
    Clock,
    Move,
    Raced,
    RecordContacts,
    Records,
    SignedIn,
    Write,
)
from dmp.use_cases.written import Request

RULE = "registrar-contact"
_NOBODY = "0" * 20  # the caller must be live all the same


@dataclass(frozen=True, slots=True)
class ContactChanges:
    """`POST /contacts/{id}`."""

    records: Records
    contacts: RecordContacts
    clock: Clock
    phone: Callable[[str], str | None]
    signed_in: SignedIn

    def change(self, request: Request, patient: str, body: Mapping[str, Any]) -> dict[str, object]:
        """The preferences as they then are, addresses masked."""
        caller = request.caller
        caller.require_scope("Patient", "update")
        address, value, reason = rules.given_in_person(body, self.phone)
        named = patient if is_patient_id(patient) else _NOBODY
        ask = Ask(caller, named, "write", "contact", request.query, request.request)
        gate = Gate(self.records, self.clock)
        for _ in range(TRIES_MAX):
            visit = gate.knock(ask)
            if visit is None:
                raise NoPermit(NO_PERMIT)
            if caller.kind != "practitioner" or caller.role != REGISTRAR:
                gate.refused(visit, RULE)
                raise NoPermit(NO_PERMIT)
            visit = replace(visit, rule=RULE)
            try:
                changed = self._commit(visit, cast("Address", address), value, reason)
            except Raced:
                continue
            return rules.shown(changed)
        raise Unavailable("other writers kept winning")

    def _commit(
        self, visit: Visit, address: Address, value: str, reason: dict[str, str]
    ) -> Contact:
        now_ms = self.clock.now_ms()
        ended = self.signed_in.of(visit.ask.patient, now_ms // 1000)
        before, seen = self.contacts.contact(visit.door)
        # what was lost must not stay where codes and notices go
        channel: Channel = "sms" if address == "phone" else "email"
        changed = replace(rules.moved(before, address, value), channel=channel)
        entry = replace(Gate(self.records, self.clock).entry(visit, "permit", RULE), reason=reason)
        commit = commit_id(now_ms, self.clock.random_bits(35))
        phone, email = rules.former(before, address)
        old = Notice(
            kind="contact-changed",
            at=entry.at,
            reference=reference_of(entry.entry),
            due=now_ms // 1000,
            phone=phone,
            email=email,
        )
        new = Contact(None, None, before.language, channel)
        new = rules.moved(new, address, value)
        self.records.commit(
            visit.door,
            Write(
                patient=visit.ask.patient,
                commit=commit,
                versions=[],
                entry=entry,
                policy=visit.standing.version,
                notice=old,
                move=Move(
                    changed,
                    seen,
                    now_ms // 1000,
                    replace(old, phone=new.phone or "", email=new.email or ""),
                    ended,
                ),
            ),
        )
        return changed
