"""Who asks, as the token and the registry say; nothing the content claims is believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dmp.domain.refusals import ScopeMissing, Unauthenticated

Kind = Literal["patient", "practitioner"]
_LETTERS = {
    "create": "c", "read": "r", "vread": "r", "history": "r", "update": "u", "patch": "u",
    "delete": "d", "search": "s",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Caller:
    """A patient in a session, or a practitioner acting for an organisation through an app.

    `purpose` is a v3-ActReason code (TREAT, ETREAT, BTG, HOPERAT; PATRQT for a patient's session).
    `expires` is in epoch seconds. Practitioner and organisation are INPE numbers.
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

    def registry_keys(self) -> list[str]:
        """Keys of the registry rows that every request reads."""
        proofs = [f"credential#{self.patient}"] if self.kind == "patient" else []
        return [*self._live_keys(), *proofs]

    def _live_keys(self) -> list[str]:
        """Of those, the rows that must be active."""
        if self.kind == "patient":
            return [f"session#{self.session}"]
        return [f"client#{self.client_id}", f"role#{self.practitioner}#{self.organization}"]

    def require_live(self, rows: Mapping[str, Mapping[str, object]], now: int, day: str) -> None:
        """Refuse when the token is past its end or a row is absent, inactive or out of period.

        `rows` by registry key; `now` in epoch seconds, `day` as YYYY-MM-DD.
        """
        if now >= self.expires:
            raise Unauthenticated("the access token has expired")
        for key in self._live_keys():
            row = rows.get(key)
            if row is None or row.get("active") is not True:
                raise Unauthenticated("the token's client, role or session is not active")
            ends, starts, until = row.get("ends"), row.get("starts"), row.get("expires")
            if (isinstance(starts, str) and day < starts) or (isinstance(ends, str) and day > ends):
                raise Unauthenticated("the practitioner's role is not active today")
            if (self.session or until is not None) and not (isinstance(until, int) and now < until):
                raise Unauthenticated("the session has ended")

    def is_strong(self, rows: Mapping[str, Mapping[str, object]], now: int) -> bool:
        """Whether the session has proved itself enough for what a stolen phone must not do.

        Always so for who has no PIN or passkey to prove themselves with (and for practitioners):
        then the one-time code is all there is.
        """
        if self.kind != "patient":
            return True
        if rows.get(f"credential#{self.patient}", {}).get("known") is not True:
            return True
        until = rows.get(f"session#{self.session}", {}).get("strong_until")
        return isinstance(until, int) and now < until

    def require_scope(self, resource_type: str, interaction: str) -> None:
        """Refuse unless a SMART v2 scope of the token covers the interaction on the type."""
        if not covered(self.scopes, self.kind, resource_type, _LETTERS[interaction]):
            raise ScopeMissing(f"no scope of the token covers {interaction} on {resource_type}")


def covered(scopes: Sequence[str], kind: Kind, resource_type: str, letter: str) -> bool:
    """SMART v2 grammar `(patient|user|system)/(Type|*).c?r?u?d?s?`; other scopes cover nothing."""
    contexts = ("patient",) if kind == "patient" else ("user", "system")
    for scope in scopes:
        context, _, rest = scope.partition("/")
        wanted, _, letters = rest.partition(".")
        about = context in contexts and wanted in ("*", resource_type)
        if about and in_order(letters) and letter in letters:
            return True
    return False


def in_order(letters: str) -> bool:
    """Whether the letters are a non-empty subsequence of `cruds`, as SMART v2 orders them."""
    return bool(letters) and "".join(x for x in "cruds" if x in letters) == letters
