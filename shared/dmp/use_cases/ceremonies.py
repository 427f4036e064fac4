"""The two halves of a WebAuthn ceremony: a challenge of one use, and what answers it.

A challenge is used up before its answer is looked at, right or wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dmp.domain import credential as rules
from dmp.domain.credential import Credential, Passkey, name_of
from dmp.domain.refusals import Gone, Invalid
from dmp.domain.sign_in import SECRET_BITS, is_secret
from dmp.use_cases.credential_ports import (
    Asserted,
    Authenticators,
    Ceremony,
    Credentials,
    Purpose,
)
from dmp.use_cases.ports import Clock
from dmp.use_cases.sessions import secret_of

_ID_CHARACTERS_MAX = 4 * rules.CREDENTIAL_ID_BYTES_MAX // 3 + 2
Body = Mapping[str, Any]


class Copied(Exception):
    """The key signed with a counter that was seen before: there are two of it."""


@dataclass(frozen=True, slots=True)
class Ceremonies:
    """Begun here, answered here."""

    credentials: Credentials
    authenticators: Authenticators
    clock: Clock

    def begin_creation(
        self, purpose: Purpose, credential: Credential, name: str, session: str = ""
    ) -> dict[str, object]:
        """For navigator.credentials.create(); what the holder has already is left out."""
        if len(credential.passkeys) >= rules.PASSKEYS_MAX:
            raise Invalid(f"at most {rules.PASSKEYS_MAX} passkeys: remove one first")
        ceremony = self._begun(purpose, credential.holder, session)
        user = (credential.user_handle, name, name)
        known = [p.id for p in credential.passkeys]
        options = self.authenticators.creation_options(ceremony.challenge, user, known)
        return _told(ceremony, options)

    def begin_request(
        self, purpose: Purpose, credential: Credential | None = None, session: str = ""
    ) -> dict[str, object]:
        """For navigator.credentials.get(); of any holder when none is given."""
        ceremony = self._begun(purpose, credential.holder if credential else "", session)
        known = [p.id for p in credential.passkeys] if credential else []
        return _told(ceremony, self.authenticators.request_options(ceremony.challenge, known))

    def taken(self, body: Body, purpose: Purpose, holder: str = "", session: str = "") -> Ceremony:
        """The challenge that the body answers, used up; Gone unless it is this one's."""
        name = body.get("ceremony")
        known = isinstance(name, str) and is_secret(name)
        ceremony = self.credentials.take(str(name), self._now()) if known else None
        if ceremony is None or (ceremony.purpose, ceremony.holder, ceremony.session) != (
            purpose, holder, session,
        ):  # fmt: skip
            raise Gone("the challenge was used, is over, or is another's: begin again")
        return ceremony

    def created(self, body: Body, ceremony: Ceremony) -> Passkey:
        """The new passkey under the name that the body gives it."""
        name = name_of(body.get("name"))
        made = self.authenticators.registered(answer_of(body), ceremony.challenge)
        return Passkey(made.id, made.key, made.count, made.backed_up, name, self._now())

    def used(
        self, body: Body, ceremony: Ceremony, credential: Credential, *, discovered: bool
    ) -> tuple[Passkey, Asserted]:
        """The passkey of the holder's that signed the challenge.

        A passkey that the authenticator found by itself must also say whose it is.
        """
        answer = answer_of(body)
        passkey = credential.passkey(rules.handle_of(answer["id"]))
        if passkey is None or passkey.id != answer["id"]:
            raise Invalid("not a passkey that is known here", "credential")
        asserted = self.authenticators.asserted(answer, ceremony.challenge, passkey.key)
        if asserted.user_handle is None:
            whose = not discovered
        else:
            whose = asserted.user_handle == credential.user_handle
        if not whose:
            raise Invalid("not a passkey that is known here", "credential")
        return passkey, asserted

    def _begun(self, purpose: Purpose, holder: str, session: str) -> Ceremony:
        ceremony = Ceremony(
            id=secret_of(self.clock),
            purpose=purpose,
            challenge=self.clock.random_bits(SECRET_BITS).to_bytes(SECRET_BITS // 8, "big"),
            expires=self._now() + rules.CEREMONY_S,
            holder=holder,
            session=session,
        )
        self.credentials.begin(ceremony)
        return ceremony

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def after_use(passkey: Passkey, asserted: Asserted, now: int) -> Passkey:
    """The passkey once it has signed; Copied when its counter did not grow."""
    if (asserted.count or passkey.count) and asserted.count <= passkey.count:
        raise Copied
    return Passkey(
        passkey.id, passkey.key, asserted.count, asserted.backed_up, passkey.name,
        passkey.created, now,
    )  # fmt: skip


def answer_of(body: Body) -> Mapping[str, Any]:
    """What `PublicKeyCredential.toJSON()` gave."""
    answer = body.get("credential")
    if not isinstance(answer, Mapping):
        raise Invalid("the authenticator's answer is needed, as toJSON() gives it", "credential")
    name = answer.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= _ID_CHARACTERS_MAX:
        raise Invalid("an id of at most 1023 bytes in base64url is needed", "credential.id")
    return answer


def _told(ceremony: Ceremony, options: Mapping[str, Any]) -> dict[str, object]:
    return {"ceremony": ceremony.id, "expires_in": rules.CEREMONY_S, "publicKey": options}
