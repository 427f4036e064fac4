"""A patient's PIN and recovery codes; and how anything of theirs is entered, changed and told.

Whatever is changed asks for what is there already: who has a PIN or passkey proves it first. A
change is one transaction with its notice, on the very version that was read: of two at once one
wins, and the other learns nothing of whether it would have been right.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dmp.domain import credential as rules
from dmp.domain.caller import Caller
from dmp.domain.credential import Credential, Pin, is_patient_holder
from dmp.domain.notices import Kind, Notice, reference_of
from dmp.domain.refusals import (
    Forbidden,
    Invalid,
    NotFound,
    StrongerSignInNeeded,
    TooMany,
    Unavailable,
)
from dmp.domain.sign_in import CLIENT_ID
from dmp.use_cases.activation_ports import Macs
from dmp.use_cases.acts import act
from dmp.use_cases.credential_ports import Change, CredentialDoor, Credentials
from dmp.use_cases.ports import Clock


@dataclass(frozen=True, slots=True)
class Own:
    """The patient's own credential, in a session of their own: no app changes what proves them."""

    credentials: Credentials
    clock: Clock

    def enter(self, caller: Caller, *, strong: bool = False) -> CredentialDoor:
        """Refuses whoever is not live; with `strong`, also who has proofs and gave none lately."""
        if caller.kind != "patient" or caller.patient is None or caller.client_id != CLIENT_ID:
            raise Forbidden("only patients themselves, signed in without an app, may do this")
        now = self.now()
        door = self.credentials.enter(caller.patient, caller.registry_keys())
        caller.require_live(door.rows, now, datetime.fromtimestamp(now, UTC).date().isoformat())
        if not door.open:
            raise NotFound("there is no such record")
        if strong and not caller.is_strong(door.rows, now):
            raise StrongerSignInNeeded
        return door

    def keep(
        self,
        door: CredentialDoor,
        credential: Credential,
        told: Kind | None = None,
        *,
        session: str | None = None,
    ) -> None:
        """Make it so and tell it; `session` is strong from now. Unavailable when another won."""
        now = self.now()
        strong = (session, now + rules.STRONG_S) if session else None
        if not self.credentials.keep(door, self.change(credential, told, strong), now):
            raise Unavailable("credential")

    def change(
        self, credential: Credential, told: Kind | None, strong: tuple[str, int] | None = None
    ) -> Change:
        """A change and the notice that tells of it."""
        if not is_patient_holder(credential.holder):
            return Change(credential, strong=strong)
        rule = told or ("proved" if strong else "patient-own")
        entry = act(self.clock, credential.holder, "credentials", rule, client=CLIENT_ID)
        if told is None:
            return Change(credential, act=entry, strong=strong)
        notice = Notice(told, entry.at, reference_of(entry.entry), self.now())
        return Change(credential, notice, entry, strong)

    def now(self) -> int:
        """In epoch seconds."""
        return self.clock.now_ms() // 1000


def pin_made(digits: str, macs: Macs, clock: Clock) -> Pin:
    """A PIN as it is kept: a MAC, over a slow hash, under a salt of its own."""
    salt = f"{clock.random_bits(rules.SALT_BITS):032x}"
    return rules.new_pin(salt, macs.code(f"pin#{salt}", rules.stretched(digits, salt)))


@dataclass(frozen=True, slots=True)
class Proofs:
    """What /oauth2/pin and /oauth2/recovery-codes do."""

    own: Own
    macs: Macs

    def shown(self, caller: Caller) -> dict[str, object]:
        """What the patient has, and whether this session has proved it."""
        door = self.own.enter(caller)
        proved = door.credential.known and caller.is_strong(door.rows, self.own.now())
        return {**door.credential.shown(), "strong": proved}

    def set_pin(self, caller: Caller, value: object) -> dict[str, object]:
        """A first PIN, or another one; it ends a lock."""
        digits = rules.pin_of(value)
        door = self.own.enter(caller, strong=True)
        made = pin_made(digits, self.macs, self.own.clock)
        after = replace(door.credential, pin=made)
        self.own.keep(door, after, "pin-changed", session=caller.session)
        return {"strong_for": rules.STRONG_S}

    def remove_pin(self, caller: Caller) -> None:
        """No PIN any more; told when there was one."""
        door = self.own.enter(caller, strong=True)
        if door.credential.pin:
            self.own.keep(door, door.credential.without_pin(), "pin-changed")

    def prove_pin(self, caller: Caller, value: object) -> dict[str, object]:
        """With the right PIN the session is strong; a wrong one counts, five lock it.

        Right or wrong is told only to whose try was counted.
        """
        digits = rules.typed_pin(value)
        if digits is None:
            raise Invalid("a PIN has 6 to 12 digits", "pin")
        door = self.own.enter(caller)
        pin = door.credential.pin
        if pin is None:
            raise Invalid("no PIN is set", "pin")
        now = self.own.now()
        if wait := pin.locked_s(now):
            raise TooMany("the PIN is locked after five wrong tries", wait)
        given = self.macs.code(f"pin#{pin.salt}", rules.stretched(digits, pin.salt, pin.cost))
        if hmac.compare_digest(given, bytes.fromhex(pin.mac)):
            right = replace(door.credential, pin=replace(pin, wrong=0))
            self.own.keep(door, right, session=caller.session)
            return {"strong_for": rules.STRONG_S}
        wrong = pin.tried_wrong(now)
        locks = wrong.locked_s(now) > 0
        self.own.keep(door, replace(door.credential, pin=wrong), "pin-locked" if locks else None)
        raise Invalid("not the PIN", "pin", tries_left=rules.PIN_TRIES - wrong.wrong)

    def renew_recovery_codes(self, caller: Caller) -> dict[str, object]:
        """Ten new codes, shown this once and told; the ones before end."""
        door = self.own.enter(caller, strong=True)
        if not door.credential.known:
            raise Invalid("set a PIN or add a passkey first: codes stand in for them")
        draw: Callable[[], int] = lambda: self.own.clock.random_bits(rules.RECOVERY_BITS)  # noqa: E731
        codes = [rules.recovery_code(draw()) for _ in range(rules.RECOVERY_CODES)]
        macs = tuple(self._mac(door, code.replace("-", "")) for code in codes)
        self.own.keep(door, replace(door.credential, recovery=macs), "recovery-renewed")
        return {"recovery_codes": codes}

    def prove_recovery_code(self, caller: Caller, value: object) -> dict[str, object]:
        """With a code that was not used yet the session is strong, and the patient is told."""
        code = rules.typed_recovery_code(value)
        if code is None:
            raise Invalid("a recovery code has sixteen letters and digits", "recovery_code")
        door = self.own.enter(caller)
        given = self._mac(door, code)
        left = tuple(m for m in door.credential.recovery if not hmac.compare_digest(m, given))
        if len(left) == len(door.credential.recovery):
            raise Invalid("not a code that can still be used", "recovery_code")
        after = replace(door.credential, recovery=left)
        self.own.keep(door, after, "recovery-used", session=caller.session)
        return {"strong_for": rules.STRONG_S, "recovery_codes": len(left)}

    def _mac(self, door: CredentialDoor, code: str) -> str:
        return self.macs.code(f"recovery#{door.credential.holder}", code).hex()
