"""Who asks, as the token and the registry say; nothing the content claims is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from dmp.domain.refusals import ScopeMissing, Unauthenticated
from dmp.domain.scopes import Restriction, parsed

Kind = Literal["patient", "practitioner"]
_LETTERS = {
    "create": "c", "read": "r", "vread": "r", "history": "r", "update": "u", "patch": "u",
    "delete": "d", "search": "s",
}  # fmt: skip
_NOT_ACTIVE = "the token's client, person, place, session or authorization is not active"


@dataclass(frozen=True, slots=True)
class Caller:
    """A patient in a session, or a practitioner acting for an organisation through an app.

    `purpose` is a v3-ActReason code (TREAT, ETREAT, BTG, HOPERAT; PATRQT for a patient's session).
    `expires` is in epoch seconds. Practitioner and organisation are INPE numbers. `app` is the
    authorization by which a person let an app in; `patient` of a practitioner is the one that the
    app was launched with.
    """

    kind: Kind
    client_id: str
    scopes: tuple[str, ...]
    purpose: str
    expires: int
    token_id: str
    patient: str | None = None
    session: str | None = None
    practitioner: str | None = None
    organization: str | None = None
    role: str | None = None
    practitioner_name: str = ""
    organization_name: str = ""
    practitioner_id: str | None = None
    organization_id: str | None = None
    prefix: str = ""
    app: str | None = None

    @property
    def subject(self) -> str:
        """Whom the token speaks for: a person, or an app by itself."""
        if self.kind == "patient":
            return self.patient or ""
        return (self.app and self.practitioner_id) or self.client_id

    @property
    def fhir_user(self) -> str:
        """The FHIR resource of the person, as `Type/id`; empty when the directory has no id."""
        if self.kind == "patient":
            return f"Patient/{self.patient}"
        return f"Practitioner/{self.practitioner_id}" if self.practitioner_id else ""

    @property
    def confined(self) -> str | None:
        """The one record that an app's token is for; None when its scopes name none."""
        if not self.app:
            return None
        named = self.kind == "patient" or any(s.startswith("patient/") for s in self.scopes)
        return (self.patient or "") if named else None

    @property
    def contexts(self) -> tuple[str, ...]:
        """The contexts whose scopes are the caller's: `patient/` only where one is known."""
        if self.kind == "patient":
            return ("patient",)
        return ("user", "system", "patient") if self.confined else ("user", "system")

    def registry_keys(self) -> list[str]:
        """Keys of the registry rows that every request reads."""
        proofs = [f"credential#{self.patient}"] if self.kind == "patient" else []
        ended = [] if self.session or self.app else [self.ended_key]
        return [*self._live_keys(), *proofs, *ended]

    def _live_keys(self) -> list[str]:
        """Of those, the rows that must be active."""
        alone = self.kind == "patient" and not self.app
        keys = [f"session#{self.session}"] if self.session or alone else []
        if self.app:
            keys.append(f"app#{self.app}")
        if not alone:
            keys.append(f"client#{self.client_id}")
        if self.kind == "practitioner":
            keys.append(f"role#{self.practitioner}#{self.organization}")
            keys += [f"practitioner#{self.practitioner}", f"organization#{self.organization}"]
        return keys

    @property
    def ended_key(self) -> str:
        """The row that is there once the token itself was revoked."""
        return f"ended#{self.token_id}"

    def require_live(self, rows: Mapping[str, Mapping[str, object]], now: int, day: str) -> None:
        """Refuse when the token is past its end or a row is absent, inactive or out of period.

        `rows` by registry key; `now` in epoch seconds, `day` as YYYY-MM-DD.
        """
        if now >= self.expires:
            raise Unauthenticated("the access token has expired")
        if self.ended_key in rows:
            raise Unauthenticated("the access token was revoked")
        for key in self._live_keys():
            row = rows.get(key)
            if row is None or row.get("active") is not True:
                raise Unauthenticated(_NOT_ACTIVE)
            ends, starts, until = row.get("ends"), row.get("starts"), row.get("expires")
            if (isinstance(starts, str) and day < starts) or (isinstance(ends, str) and day > ends):
                raise Unauthenticated("the practitioner's role is not active today")
            timed = key.startswith(("session#", "app#")) or until is not None
            if timed and not (isinstance(until, int) and now < until):
                raise Unauthenticated("the session has ended")

    def is_strong(self, rows: Mapping[str, Mapping[str, object]], now: int) -> bool:
        """Whether the session has proved itself enough for what a stolen phone must not do.

        Always so for who has no PIN or passkey to prove themselves with (and for practitioners):
        then the one-time code is all there is. Never for an app that goes on without the session
        in which it was let in: nobody is there to prove anything.
        """
        if self.kind != "patient":
            return True
        if self.app and not self.session:
            return False
        return proved(rows, self.patient or "", self.session or "", now)

    def require_scope(
        self, resource_type: str, interaction: str, *, by_content: bool = False
    ) -> None:
        """Refuse unless a SMART v2 scope of the token covers the interaction on the type.

        A scope with search criteria counts only where the door judges it `by_content`.
        """
        covers = self.reaches if by_content else self.covers
        if not covers(resource_type, _LETTERS[interaction]):
            raise ScopeMissing(f"no scope of the token covers {interaction} on {resource_type}")

    def covers(self, resource_type: str, letter: str) -> bool:
        """Whether a scope covers the letter of `cruds` on every resource of the type."""
        return () in self.restrictions(resource_type, letter)

    def reaches(self, resource_type: str, letter: str) -> bool:
        """Whether a scope covers the letter on some resources of the type, or on every one."""
        return bool(self.restrictions(resource_type, letter))

    def restrictions(self, resource_type: str, letter: str) -> tuple[Restriction, ...]:
        """The search criteria of each scope that is about the letter on the type."""
        return _restrictions(self.scopes, self.contexts, resource_type, letter)


def proved(rows: Mapping[str, Mapping[str, object]], patient: str, session: str, now: int) -> bool:
    """Whether a patient has nothing to prove themselves with, or did so lately in the session."""
    if rows.get(f"credential#{patient}", {}).get("known") is not True:
        return True
    until = rows.get(f"session#{session}", {}).get("strong_until")
    return isinstance(until, int) and now < until


def letter_of(interaction: str) -> str:
    """The letter of `cruds` that an interaction needs."""
    return _LETTERS[interaction]


@lru_cache(maxsize=4096)
def _restrictions(
    scopes: tuple[str, ...], contexts: tuple[str, ...], resource_type: str, letter: str
) -> tuple[Restriction, ...]:
    covering = (s for s in parsed(scopes) if s.covers(contexts, resource_type, letter))
    return tuple(scope.restriction for scope in covering)
