"""A practitioner gets a passkey by their organisation's administrator, who got one by the operator.

An enrolment is a code of one use, handed over in person: there is no SMS in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmp.domain import credential as rules
from dmp.domain.credential import practitioner_holder
from dmp.domain.directory import ADMINISTRATOR
from dmp.domain.identifiers import is_inpe
from dmp.domain.refusals import Forbidden, Gone, Invalid, Unavailable
from dmp.domain.sign_in import is_secret
from dmp.use_cases.ceremonies import Ceremonies
from dmp.use_cases.credential_ports import Change, Credentials, Enrolment
from dmp.use_cases.ports import Clock
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.sessions import hashed, secret_of

OPERATOR = "operator"
_MEMBERS = {"practitioner", "replaces"}


@dataclass(frozen=True, slots=True)
class Enrolments:
    """The routes under /oauth2/enrolments."""

    credentials: Credentials
    ceremonies: Ceremonies
    practitioners: PractitionerSessions
    clock: Clock

    def enrol(self, token: str, body: Mapping[str, Any]) -> dict[str, object]:
        """A code for a practitioner of the administrator's own organisation."""
        session = self.practitioners.signed_in(token)
        if session.role != ADMINISTRATOR:
            raise Forbidden("only an administrator of the organisation enrols its practitioners")
        practitioner, replaces = body.get("practitioner"), body.get("replaces", False)
        if not set(body) <= _MEMBERS:
            raise Invalid(f"only {', '.join(sorted(_MEMBERS))} are known", "body")
        if not isinstance(practitioner, str) or not is_inpe(practitioner):
            raise Invalid("the INPE number of nine digits is needed", "practitioner")
        if not isinstance(replaces, bool):
            raise Invalid("true or false is needed", "replaces")
        made_for = (practitioner, session.organization)
        return self.made(*made_for, session.practitioner, replaces=replaces)

    def made(
        self, practitioner: str, organization: str, by: str, *, replaces: bool = False
    ) -> dict[str, object]:
        """A code, by an administrator or the operator; with `replaces` earlier passkeys end."""
        if self.practitioners.held(practitioner, organization) is None:
            raise Invalid("no such practitioner has an active role there", "practitioner")
        now, code = self.clock.now_ms() // 1000, secret_of(self.clock)
        expires = now + rules.ENROLMENT_S
        made = Enrolment(hashed(code), practitioner, organization, by, expires, replaces)
        self.credentials.enrol(made, now)
        return {"enrolment": code, "expires_in": rules.ENROLMENT_S}

    def begin(self, body: Mapping[str, Any]) -> dict[str, object]:
        """A challenge for the practitioner's new passkey."""
        enrolment = self._found(body)
        holder = practitioner_holder(enrolment.practitioner, enrolment.organization)
        role = self.practitioners.held(enrolment.practitioner, enrolment.organization)
        if role is None:
            raise Forbidden("the practitioner has no active role there")
        credential = self.credentials.enter(holder).credential
        if enrolment.replaces:
            credential = replace(credential, passkeys=())
        name = f"{role.practitioner_name}, {role.organization_name}"
        return self.ceremonies.begin_creation("enrol", credential, name, enrolment.hash)

    def register(self, body: Mapping[str, Any]) -> dict[str, object]:
        """Keep the passkey; the enrolment is used up with it."""
        enrolment = self._found(body)
        holder = practitioner_holder(enrolment.practitioner, enrolment.organization)
        if self.practitioners.held(enrolment.practitioner, enrolment.organization) is None:
            raise Forbidden("the practitioner has no active role there")
        ceremony = self.ceremonies.taken(body, "enrol", holder, enrolment.hash)
        passkey = self.ceremonies.created(body, ceremony)
        if self.credentials.holder_of(passkey.handle) is not None:
            raise Invalid("this passkey is registered already", "credential")
        door = self.credentials.enter(holder)
        credential = door.credential
        if enrolment.replaces:
            credential = replace(credential, passkeys=())
        if len(credential.passkeys) >= rules.PASSKEYS_MAX:
            raise Invalid(f"at most {rules.PASSKEYS_MAX} passkeys: let one replace them")
        change = Change(credential.with_passkey(passkey), spent=enrolment)
        if not self.credentials.keep(door, change, self.clock.now_ms() // 1000):
            raise Unavailable("credential")
        return passkey.shown()

    def _found(self, body: Mapping[str, Any]) -> Enrolment:
        code = body.get("enrolment")
        known = isinstance(code, str) and is_secret(code)
        now = self.clock.now_ms() // 1000
        found = self.credentials.enrolment(hashed(str(code)), now) if known else None
        if found is None:
            raise Gone("the enrolment was used, is over, or never was: ask for another")
        return found
