"""A person asks for a record, proves the phone that the register holds, and has it.

`Desk` is what the API does, `Steps` what the state machine calls; each step may run twice. From
outside, whoever does not match waits, mistypes and runs out of time like whoever does.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dmp.domain import activation as rules
from dmp.domain import sign_in
from dmp.domain.activation import Activation, Asked
from dmp.domain.consent import Standing
from dmp.domain.credential import pin_of
from dmp.domain.identifiers import base32hex, commit_id, patient_id
from dmp.domain.instants import instant
from dmp.domain.journal import Entry
from dmp.domain.notices import Notice, Undeliverable, reference_of
from dmp.domain.person import Person
from dmp.domain.record import PATIENT, Version
from dmp.domain.refusals import Gone, Invalid, NotFound
from dmp.fhir.json_reader import write
from dmp.use_cases.activation_ports import (
    Activations,
    CodeSender,
    Macs,
    NewRecord,
    Population,
    Rates,
    Records,
    Workflow,
)
from dmp.use_cases.ports import Clock
from dmp.use_cases.proving import pin_made

_ID_CHARACTERS = 32  # 160 random bits: whoever has the id may try codes
_CODE_BITS = 64
NEXT_OPEN, NEXT_CODE, NEXT_OVER = "open", "code", "over"


@dataclass(frozen=True, slots=True)
class Desk:
    """The three routes of /activations."""

    activations: Activations
    workflow: Workflow
    macs: Macs
    rates: Rates
    clock: Clock
    phone: Callable[[str], str | None]
    code_seconds: int
    per_address_hour: int = rules.PER_ADDRESS_HOUR

    def ask(self, body: Mapping[str, Any], address: str) -> dict[str, str]:
        """Take a request in; nothing of the answer depends on who is asked for."""
        now = self._now()
        today = datetime.fromtimestamp(now, UTC).date()
        asked = rules.asked_of(body, self.phone, today)
        source = sign_in.source_of(address)
        self.rates.spend(f"activation-source-{source}", self.per_address_hour, rules.HOUR_S, now)
        mac = self.macs.identifier(asked.system, asked.value)
        self.rates.spend(f"activation-{mac}", rules.PER_IDENTIFIER_HOUR, rules.HOUR_S, now)
        until = now + self.code_seconds + rules.GRACE_S
        made = Activation(
            id=base32hex(self.clock.random_bits(5 * _ID_CHARACTERS), _ID_CHARACTERS),
            status="verifying",
            since=now,
            until=until,
            ttl=until + rules.KEPT_S,
            asked=asked,
        )
        self.activations.create(made)
        self.workflow.start(made.id, made.run)
        return made.view_at(now)

    def progress(self, activation: str) -> dict[str, str]:
        """How far it is."""
        now = self._now()
        return self._found(activation, now).view_at(now)

    def confirm(self, activation: str, code: object, pin: object = None) -> dict[str, str]:
        """Take a code, and a PIN for later; Invalid with `tries_left`, Gone when it is over."""
        now = self._now()
        chosen = None if pin is None else pin_of(pin)
        held = self._found(activation, now)
        status, _ = held.status_at(now)
        if status == "opening":
            self._resume(held, now)
        elif status == "verifying":
            raise Invalid("no code has been sent yet", "code", tries_left=held.tries)
        elif status == "awaiting-code":
            self._try(held, code, chosen, now)
        else:
            raise Gone("this activation is over; ask again")
        return {"id": activation, "status": "opening"}

    def _try(self, held: Activation, code: object, pin: str | None, now: int) -> None:
        digits = sign_in.typed(code) if isinstance(code, str) else None
        if digits is None:
            raise Invalid("six digits are needed", "code", tries_left=held.tries)
        given = self.macs.code(held.id, digits)
        tried = self.activations.spend_try(held.id, now)
        if tried is None:
            raise Gone("this activation is over; ask again")
        # without a code, as nobody matched, the row's MAC is empty and nothing equals it
        if hmac.compare_digest(given, tried.code_mac):
            self._confirmed(tried, pin, now)
        else:
            self._wrong(tried, now)

    def _confirmed(self, tried: Activation, pin: str | None, now: int) -> None:
        made = None if pin is None else pin_made(pin, self.macs, self.clock)
        if not self.activations.confirm(tried.id, made, now):
            raise Gone("this activation is over; ask again")
        if not self.workflow.confirmed(tried.token):
            self._run_again(tried, now)

    def _wrong(self, tried: Activation, now: int) -> None:
        if tried.tries == 0:
            finding = rules.ended(tried.finding, "not-confirmed")
            self.activations.end(
                tried.id, ("awaiting-code",), "refused", "not-confirmed", finding, now
            )
            self.workflow.not_confirmed(tried.token)
        raise Invalid("not the code", "code", tries_left=tried.tries)

    def _resume(self, held: Activation, now: int) -> None:
        """The right code was given and its execution may be lost: run once more, in due time."""
        if now - held.since >= rules.STALLED_S:
            self._run_again(held, now)

    def _run_again(self, held: Activation, now: int) -> None:
        run = held.run + 1
        if self.activations.restart(held.id, run, now):
            self.workflow.start(held.id, run)

    def _found(self, activation: str, now: int) -> Activation:
        held = self.activations.find(activation)
        if held is None or now >= held.ttl:
            raise NotFound("no such activation")
        return held

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of the state machine, each by the activation's id."""

    activations: Activations
    population: Population
    records: Records
    macs: Macs
    codes: CodeSender
    clock: Clock
    code_seconds: int

    def verify(self, activation: str) -> str:
        """Look the person up, and under every identifier for a record; say what comes next."""
        held = self.activations.find(activation)
        if held is None or held.asked is None or held.status not in (*rules.PENDING, "opening"):
            return NEXT_OVER
        if held.status == "opening":
            return NEXT_OPEN
        person = self.population.find(held.asked.system, held.asked.value)
        macs = self._identifier_macs(held.asked, person)
        finding = rules.finding_of(held.asked, person, self.records.has_record(macs))
        self.activations.found(activation, finding)
        return NEXT_CODE

    def send_code(self, activation: str, token: str) -> None:
        """Begin the wait, then send a code if everything matched.

        A repetition begins it anew with its own token and code: the last one sent is the one.
        """
        held = self.activations.find(activation)
        if held is None or held.asked is None or held.status not in rules.PENDING:
            return
        now = self._now()
        code, mac = "", b""
        if held.finding == "matched":
            code = sign_in.code(self.clock.random_bits(_CODE_BITS))
            mac = self.macs.code(activation, code)
        until = now + self.code_seconds
        if not self.activations.await_code(activation, token, mac, now, until) or not code:
            return
        try:
            self.codes.send_code(held.asked.contact, code)
        except Undeliverable:
            # it runs out of time like any other; the operator sees why
            self.activations.found(activation, "undeliverable")

    def expire(self, activation: str) -> str:
        """The wait is over; unless the right code came in the last moment, so is the activation."""
        held, now = self.activations.find(activation), self._now()
        if held is not None and held.status in rules.PENDING:
            if held.tries <= 0:
                self.refuse(activation)
            else:
                finding = rules.ended(held.finding, "expired")
                self.activations.end(activation, rules.PENDING, "expired", "", finding, now)
            held = self.activations.find(activation)
        return NEXT_OPEN if held is not None and held.status == "opening" else NEXT_OVER

    def refuse(self, activation: str) -> None:
        """Three codes were wrong."""
        held = self.activations.find(activation)
        if held is not None:
            self._refuse(activation, rules.PENDING, rules.ended(held.finding, "not-confirmed"))

    def fail(self, activation: str) -> None:
        """A step failed for good."""
        before = (*rules.PENDING, "opening")
        self.activations.end(activation, before, "failed", "", "error", self._now())

    def open(self, activation: str) -> None:
        """Keys and record, under names that a repetition finds again."""
        held = self.activations.find(activation)
        if held is None or held.asked is None or held.status != "opening":
            return
        person = self.population.find(held.asked.system, held.asked.value)
        finding = rules.finding_of(held.asked, person, has_record=False)
        if person is None or finding != "matched":  # the register changed since
            self._refuse(activation, ("opening",), finding)
            return
        now_ms = self.clock.now_ms()
        named = self.activations.name_record(
            activation,
            patient_id(self.clock.random_bits(100)),
            commit_id(now_ms, self.clock.random_bits(35)),
        )
        if named is None:
            return
        if self.records.open_record(self._new_record(named, held.asked, person, now_ms)):
            self.activations.end(activation, ("opening",), "active", "", "matched", now_ms // 1000)
        else:
            self._refuse(activation, ("opening",), "duplicate")

    def _refuse(
        self, activation: str, before: tuple[rules.Status, ...], finding: rules.Finding
    ) -> None:
        now = self._now()
        self.activations.end(activation, before, "refused", "not-confirmed", finding, now)

    def _new_record(
        self, named: Activation, asked: Asked, person: Person, now_ms: int
    ) -> NewRecord:
        at = instant(now_ms)
        commit = commit_id(now_ms, self.clock.random_bits(35))
        patient = named.patient
        return NewRecord(
            standing=Standing(1, asked.policy, owner=patient),
            contact=asked.contact,
            person=Version(
                type="Patient", id=patient, version=1, at=at, commit=commit, author=PATIENT,
                origin=PATIENT, body=patient_resource(patient, person, at),
            ),
            entry=Entry(
                id=f"{patient}.{named.entry}", at=at, action="activation", outcome="permit",
                rule="activation", who={"kind": "patient", "patient": patient},
                purpose="PATRQT", salt=f"{self.clock.random_bits(128):032x}", request=named.id,
                what=(f"Patient/{patient}/_history/1",),
            ),
            notice=Notice("welcome", at, reference_of(named.entry), now_ms // 1000),
            identifier_macs=self._identifier_macs(asked, person), pin=named.pin,
        )  # fmt: skip

    def _identifier_macs(self, asked: Asked, person: Person | None) -> tuple[str, ...]:
        """Of the identifier asked with and every other that the register gives."""
        every = {(asked.system, asked.value), *(person.identifiers if person else ())}
        return tuple(self.macs.identifier(system, value) for system, value in sorted(every))

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def patient_resource(patient: str, person: Person, at: str) -> bytes:
    """The register's person as the record's Patient, version 1; no telecom: that is CONTACT's."""
    return write(
        {
            "resourceType": "Patient",
            "id": patient,
            "meta": {"versionId": "1", "lastUpdated": at},
            "identifier": [{"system": s, "value": v} for s, v in person.identifiers],
            "active": True,
            "name": [{"use": "official", "family": person.family, "given": list(person.given)}],
            "birthDate": person.birth_date,
            "communication": [
                {"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": person.language}]}}
            ],
        }
    )
