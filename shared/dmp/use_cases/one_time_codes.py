"""One-time codes: a person proves that they have the phone or mailbox of a record.

Whoever asks for a code learns nothing: a person without a record, a person who asked too often
under another identifier and a message that could not be sent all look like a code on its way.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from dmp.domain import sign_in as rules
from dmp.domain.marks import device_mark
from dmp.domain.notices import Undeliverable
from dmp.domain.refusals import OAuthError, Refusal, TooMany, Unavailable
from dmp.domain.sign_in import Challenge, Session
from dmp.use_cases.acts import act
from dmp.use_cases.ports import Clock
from dmp.use_cases.sessions import Opened, new_device, new_session, secret_of
from dmp.use_cases.token_ports import CodeMacs, CodeMessages, Contacts, Rates, SignIns


@dataclass(frozen=True, slots=True)
class Started:
    """A challenge, and whether its message was handed to the provider (for the operator only)."""

    challenge: str
    sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeCodes:
    """Sends codes and takes them; the right one opens a session."""

    sign_ins: SignIns
    rates: Rates
    macs: CodeMacs
    contacts: Contacts
    messages: CodeMessages
    clock: Clock
    per_address_hour: int = rules.PER_ADDRESS_HOUR

    def start(self, system: str, value: str, address: str) -> Started:
        """Send a code to whoever has the identifier; the same answer when nobody has it.

        TooMany depends on the address and the identifier as written alone, never on the person.
        """
        now = self._now()
        self._count_address(address, now)
        return self._started(self.macs.identifier(system, value), now)

    def again(self, challenge_id: str, address: str) -> Started:
        """Send another code for what an earlier one was asked for, by the rules of `start`."""
        now = self._now()
        self._count_address(address, now)
        known = rules.is_secret(challenge_id)
        earlier = self.sign_ins.challenge(challenge_id) if known else None
        if earlier is None or not earlier.identifier:
            raise OAuthError("invalid_grant", "the code is over: say again who you are")
        return self._started(earlier.identifier, now)

    def _started(self, identifier: str, now: int) -> Started:
        as_written = self.sign_ins.codes_sent(f"identifier-{identifier}")
        if wait := rules.wait_s(as_written.sent, now):
            raise TooMany("codes were asked for too often", wait)
        patient = self.sign_ins.patient_of(identifier)
        person = self.sign_ins.codes_sent(f"person-{patient or identifier}")
        reached = patient if rules.wait_s(person.sent, now) == 0 else None
        challenge_id = secret_of(self.clock)
        code = rules.code(self.clock.random_bits(rules.CODE_BITS))
        challenge = Challenge(
            id=challenge_id,
            patient=reached,
            mac=self.macs.code(challenge_id, code),
            expires=now + rules.CODE_SECONDS,
            identifier=identifier,
        )
        # what is not sent to a person neither counts for them nor ends the code they have
        silent = patient is not None and reached is None
        counted = (as_written,) if silent else (as_written, person)
        ended = None if silent else person.challenge
        if not self.sign_ins.start(challenge, counted, ended, now):
            raise TooMany("another code was asked for at this moment", rules.SPACING_S)
        return Started(challenge_id, self._sent(reached, code))

    def enter(self, challenge_id: str, code: str, device: str = "") -> Opened:
        """A session for the right code; else invalid_grant with the tries left.

        A device that this patient has not signed in with before is told where the code did not go.
        """
        now = self._now()
        known = rules.is_secret(challenge_id)
        challenge = self.sign_ins.attempt(challenge_id, now) if known else None
        if challenge is None:
            raise OAuthError("invalid_grant", "no code can be given here any more", tries_left=0)
        right = hmac.compare_digest(
            self.macs.code(challenge_id, rules.typed(code) or ""), challenge.mac
        )
        if not right or challenge.patient is None:
            raise OAuthError("invalid_grant", "not the code", tries_left=challenge.tries)
        session, refresh = new_session(challenge.patient, self.clock, now)
        made = secret_of(self.clock)
        if not self.sign_ins.open(challenge, session):
            raise OAuthError("invalid_grant", "the code was used already", tries_left=0)
        self._journal(session, device or made)
        return Opened(session, refresh, "" if device else made)

    def _journal(self, session: Session, device: str) -> None:
        """After the session is made, before anybody holds its token."""
        patient, now = session.patient, self._now()
        entry = act(self.clock, patient, "sign-in", "one-time-code", client=session.client_id)
        notice = new_device(entry, now, other=True)
        self.contacts.journal_once(entry, notice, device_mark(device, patient, now), now)

    def _count_address(self, address: str, now: int) -> None:
        source = hashlib.sha256(rules.source_of(address).encode()).hexdigest()[:32]
        key = f"{rules.PURPOSE}-address-{source}"
        self.rates.spend(key, self.per_address_hour, rules.HOUR_S, now)

    def _now(self) -> int:
        return self.clock.now_ms() // 1000

    def _sent(self, patient: str | None, code: str) -> bool:
        """Whether the code went out; a failure must not show that the person has a record."""
        try:
            contact = self.contacts.contact(patient) if patient else None
            if contact is None:
                return False
            self.messages.send_code(contact, code, rules.CODE_SECONDS // 60)
        except (Refusal, Unavailable, Undeliverable):
            return False
        return True
