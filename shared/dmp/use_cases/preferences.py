"""A patient changes how, and where, they are told; a new address must first repeat a code."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast

from dmp.domain import preferences as rules
from dmp.domain import sign_in
from dmp.domain.caller import Caller
from dmp.domain.contact import Contact
from dmp.domain.instants import instant
from dmp.domain.journal import Action, Entry, Outcome
from dmp.domain.notices import Notice, Undeliverable, reference_of
from dmp.domain.refusals import (
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    StrongerSignInNeeded,
    TooMany,
    Unavailable,
)
from dmp.use_cases.activation_ports import Macs
from dmp.use_cases.acts import act
from dmp.use_cases.notice_ports import (
    Address,
    ContactDoor,
    Contacts,
    MessageSender,
    NewAddress,
    Wording,
)
from dmp.use_cases.ports import Clock

_CHANGES_MAX = 3


@dataclass(frozen=True, slots=True)
class Preferences:
    """The routes under /preferences."""

    contacts: Contacts
    messages: MessageSender
    texts: Wording
    macs: Macs
    clock: Clock
    phone: Callable[[str], str | None]

    def shown(self, caller: Caller) -> dict[str, object]:
        """The caller's own preferences."""
        door, contact = self._enter(caller, "read")
        self.contacts.journal(door, self._act(caller, "preferences", "patient-own"))
        return rules.shown(contact)

    def prefer(self, caller: Caller, body: Mapping[str, Any]) -> dict[str, object]:
        """Language, channel and rhythm; the addresses stay."""
        for _ in range(_CHANGES_MAX):
            door, contact = self._enter(caller, "update")
            wanted = rules.preferred(contact, body)
            told = self._act(caller, "preferences", "patient-own")
            if wanted == contact:
                self.contacts.journal(door, told)
                return rules.shown(wanted)
            if self.contacts.change(door, wanted, told):
                return rules.shown(wanted)
        raise Unavailable("contact")

    def ask_address(self, caller: Caller, body: Mapping[str, Any]) -> dict[str, object]:
        """Send a code to a new address; it replaces the one before it when the code comes back."""
        kind, value = rules.new_address(body, self.phone)
        door, contact = self._enter(caller, "update")
        now = self._now()
        self._require_strong(caller, door)
        before = self.contacts.pending(door)
        if wait := sign_in.wait_s(before.sent, now):
            raise TooMany("codes were asked for too often", wait)
        code = sign_in.code(self.clock.random_bits(64))
        pending = NewAddress(
            address=cast("Address", kind),
            value=value,
            mac=self.macs.code(_place(door), code),
            tries=sign_in.TRIES,
            expires=now + sign_in.CODE_SECONDS,
            sent=sign_in.with_one_more(before.sent, now),
        )
        if not self.contacts.await_code(door, before, pending):
            raise TooMany("another code was asked for at this moment", sign_in.SPACING_S)
        self.contacts.journal(door, self._act(caller, "contact", "code-sent"))
        self._send(contact, pending, code)
        return {"expires_in": sign_in.CODE_SECONDS, "tries_left": sign_in.TRIES}

    def confirm_address(self, caller: Caller, code: object) -> dict[str, object]:
        """With the right code the address changes and the former one is told."""
        digits = sign_in.typed(code) if isinstance(code, str) else None
        if digits is None:
            raise Invalid("six digits are needed", "code")
        door, contact = self._enter(caller, "update")
        self._require_strong(caller, door)
        given = self.macs.code(_place(door), digits)
        tried = self.contacts.spend_try(door, self._now())
        if tried is None:
            raise Gone("no code is awaited; ask for one")
        if not hmac.compare_digest(given, tried.mac):
            self.contacts.journal(door, self._act(caller, "contact", "wrong-code", "refuse"))
            raise Invalid("not the code", "code", tries_left=tried.tries)
        changed = rules.moved(contact, tried.address, tried.value)
        now_ms = self.clock.now_ms()
        entry = self._act(caller, "contact", "patient-own")
        phone, email = rules.former(contact, tried.address)
        notice = Notice(
            kind="contact-changed",
            at=instant(now_ms),
            reference=reference_of(entry.entry),
            due=now_ms // 1000,
            phone=phone,
            email=email,
        )
        if not self.contacts.move(door, changed, entry, notice, now_ms // 1000):
            raise Unavailable("contact")
        return rules.shown(changed)

    def _require_strong(self, caller: Caller, door: ContactDoor) -> None:
        if not caller.is_strong(door.rows, self._now()):
            told = self._act(caller, "contact", StrongerSignInNeeded.code, "refuse")
            self.contacts.journal(door, told)
            raise StrongerSignInNeeded

    def _act(self, caller: Caller, action: Action, rule: str, outcome: Outcome = "permit") -> Entry:
        patient = caller.patient or ""
        return act(self.clock, patient, action, rule, outcome=outcome, client=caller.client_id)

    def _send(self, contact: Contact, pending: NewAddress, code: str) -> None:
        minutes = str(sign_in.CODE_SECONDS // 60)
        words = {"code": code, "minutes": minutes}
        message = self.texts.render("contact-code", contact.language, words)
        alone = replace(contact, phone=None, email=None)
        try:
            self.messages.send(rules.moved(alone, pending.address, pending.value), message)
        except Undeliverable:
            raise Invalid("no message can be sent to it", pending.address) from None

    def _enter(self, caller: Caller, interaction: str) -> tuple[ContactDoor, Contact]:
        if caller.kind != "patient" or caller.patient is None:
            raise Forbidden("preferences are the patient's own")
        caller.require_scope("Patient", interaction)
        now = self._now()
        door = self.contacts.enter(caller.patient, caller.registry_keys())
        caller.require_live(door.rows, now, datetime.fromtimestamp(now, UTC).date().isoformat())
        if door.contact is None:
            raise NotFound("no such record")
        return door, door.contact

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def _place(door: ContactDoor) -> str:
    return f"address#{door.patient}"
