"""Passkeys: a patient adds, names and removes them, proves themselves, and anyone signs in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from dmp.domain import credential as rules
from dmp.domain.caller import Caller
from dmp.domain.credential import is_patient_holder
from dmp.domain.marks import Mark, device_mark
from dmp.domain.refusals import Gone, Invalid, NotFound, OAuthError, Unavailable
from dmp.domain.sign_in import HOUR_S, IDLE_S, source_of
from dmp.use_cases.acts import act
from dmp.use_cases.ceremonies import Body, Ceremonies, Copied, after_use, answer_of
from dmp.use_cases.credential_ports import Ceremony, CredentialDoor
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.proving import Own
from dmp.use_cases.sessions import device_given, new_device, new_session, secret_of
from dmp.use_cases.token_ports import Rates

PER_ADDRESS_HOUR = 600  # sign-ins begun: a hospital is one address
_TRIES_MAX = 3
_NOT_KNOWN = "not a passkey that is known here"
_COPIED = "this passkey was copied, or is an old copy: it is not taken, and its owner is told"


@dataclass(frozen=True, slots=True)
class Passkeys:
    """The routes under /oauth2/passkeys."""

    own: Own
    ceremonies: Ceremonies
    practitioners: PractitionerSessions
    rates: Rates

    def begin_registration(self, caller: Caller) -> dict[str, object]:
        """A challenge for a new passkey."""
        door = self.own.enter(caller, strong=True)
        name = f"DMP {door.credential.holder[-4:]}"
        return self.ceremonies.begin_creation("register", door.credential, name, _session(caller))

    def register(self, caller: Caller, body: Body) -> dict[str, object]:
        """Keep the new passkey; the session that added it is strong."""
        door = self.own.enter(caller, strong=True)
        holder = door.credential.holder
        ceremony = self.ceremonies.taken(body, "register", holder, _session(caller))
        passkey = self.ceremonies.created(body, ceremony)
        if door.credential.passkey(passkey.handle) or self._taken(passkey.handle):
            raise Invalid("this passkey is registered already", "credential")
        if len(door.credential.passkeys) >= rules.PASSKEYS_MAX:
            raise Invalid(f"at most {rules.PASSKEYS_MAX} passkeys: remove one first")
        after = door.credential.with_passkey(passkey)
        self.own.keep(door, after, "passkey-added", session=caller.session)
        return passkey.shown()

    def rename(self, caller: Caller, handle: str, name: object) -> dict[str, object]:
        """Another name for it."""
        chosen = rules.name_of(name)
        door = self.own.enter(caller)
        passkey = door.credential.passkey(handle)
        if passkey is None:
            raise NotFound("there is no such passkey", "id")
        renamed = replace(passkey, name=chosen)
        self.own.keep(door, door.credential.with_passkey(renamed))
        return renamed.shown()

    def remove(self, caller: Caller, handle: str) -> None:
        """It signs in nobody any more."""
        door = self.own.enter(caller, strong=True)
        if door.credential.passkey(handle) is None:
            raise NotFound("there is no such passkey", "id")
        self.own.keep(door, door.credential.without(handle), "passkey-removed")

    def begin_proof(self, caller: Caller) -> dict[str, object]:
        """A challenge for the passkeys that the patient has."""
        door = self.own.enter(caller)
        if not door.credential.passkeys:
            raise Invalid("there is no passkey to prove")
        return self.ceremonies.begin_request("prove", door.credential, _session(caller))

    def prove(self, caller: Caller, body: Body) -> dict[str, object]:
        """The session is strong."""
        door = self.own.enter(caller)
        holder = door.credential.holder
        ceremony = self.ceremonies.taken(body, "prove", holder, _session(caller))
        credential = door.credential
        passkey, asserted = self.ceremonies.used(body, ceremony, credential, discovered=False)
        try:
            used = after_use(passkey, asserted, self.own.now())
        except Copied:
            self.own.keep(door, credential, "passkey-refused")
            raise Invalid(_COPIED, "credential") from None
        self.own.keep(door, credential.with_passkey(used), session=caller.session)
        return {"strong_for": rules.STRONG_S}

    def begin_sign_in(self, address: str) -> dict[str, object]:
        """A challenge for whatever passkey of ours the authenticator finds."""
        source = hashlib.sha256(source_of(address).encode()).hexdigest()[:32]
        self.rates.spend(f"passkey-{source}", PER_ADDRESS_HOUR, HOUR_S, self.own.now())
        return self.ceremonies.begin_request("sign-in")

    def sign_in(self, body: Body, kept: str = "") -> dict[str, object]:
        """A session, by which the token endpoint gives a patient tokens; one no to all else.

        `kept` is the handle of a browser; others bring theirs in `device`, or are given one.
        """
        device = device_given(body.get("device") or kept)
        try:
            ceremony = self.ceremonies.taken(body, "sign-in")
            holder = self._holder(body)
        except (Gone, Invalid) as refusal:
            raise OAuthError("invalid_grant", str(refusal)) from None
        for _ in range(_TRIES_MAX):
            handle = device or secret_of(self.own.clock)
            mark = device_mark(handle, holder, self.own.now())
            door = self.own.credentials.enter(holder, [mark.key])
            if not door.open:
                raise OAuthError("invalid_grant", _NOT_KNOWN)
            if answer := self._signed_in(door, body, ceremony, mark):
                patients = not device and is_patient_holder(holder)
                return {**answer, "device": handle} if patients else answer
        raise Unavailable("credential")

    def _signed_in(
        self, door: CredentialDoor, body: Body, ceremony: Ceremony, mark: Mark
    ) -> dict[str, object] | None:
        """The answer; None when another use of the credential was faster."""
        now, credential = self.own.now(), door.credential
        try:
            passkey, asserted = self.ceremonies.used(body, ceremony, credential, discovered=True)
            credential = credential.with_passkey(after_use(passkey, asserted, now))
        except Invalid:
            raise OAuthError("invalid_grant", _NOT_KNOWN) from None
        except Copied:
            patient = is_patient_holder(credential.holder)
            told = self.own.change(credential, "passkey-refused" if patient else None)
            self.own.credentials.keep(door, told, now)
            raise OAuthError("invalid_grant", _COPIED) from None
        change = self.own.change(credential, None)
        if not is_patient_holder(credential.holder):
            opened, answer = self.practitioners.opened(credential.holder)
            kept = self.own.credentials.keep(door, replace(change, session=opened), now)
            return answer if kept else None
        session, refresh = new_session(credential.holder, self.own.clock, now, now + rules.STRONG_S)
        holder, client = session.patient, session.client_id
        entry = act(self.own.clock, holder, "sign-in", "passkey", client=client)
        change = replace(change, session=session, act=entry)
        if not mark.stands(door.rows.get(mark.key), now):
            change = replace(change, notice=new_device(entry, now, other=False), mark=mark)
        if not self.own.credentials.keep(door, change, now):
            return None
        return {"refresh_token": refresh, "expires_in": IDLE_S, "patient": session.patient}

    def _holder(self, body: Body) -> str:
        holder = self.own.credentials.holder_of(rules.handle_of(answer_of(body)["id"]))
        if holder is None:
            raise Invalid(_NOT_KNOWN)
        return holder

    def _taken(self, handle: str) -> bool:
        return self.own.credentials.holder_of(handle) is not None


def _session(caller: Caller) -> str:
    return caller.session or ""
