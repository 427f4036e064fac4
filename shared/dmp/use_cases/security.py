"""Where a patient is signed in, for the patient, who can sign out of each place from another.

An end is journalled first, so that nothing is ended that the journal does not tell.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dmp.domain.caller import Caller
from dmp.domain.journal import Entry
from dmp.domain.refusals import NotFound, Unauthenticated
from dmp.domain.sign_in import SESSION_S_MAX, Session
from dmp.use_cases.acts import act
from dmp.use_cases.ports import Clock

SIGNED_OUT = "signed-out"


class Sessions(Protocol):
    """Patients' sessions."""

    def sessions(self, patient: str, now: int) -> Sequence[Session]:
        """All of a patient's that are live, in any order; consistently read."""

    def end(self, session_id: str) -> None:
        """Make the session inactive from now on; no error when there is none."""


class ActJournal(Protocol):
    """Where a patient's acts are told, without their record's key."""

    def journal(self, entry: Entry) -> None:
        """Durable when it returns."""


@dataclass(frozen=True, slots=True)
class Place:
    """One place where the patient is signed in; times in epoch seconds.

    `handle` names it, `agent` is the browser as it said of itself (empty: a program), `strong`
    whether it has proved more than a code lately, `here` whether this is asked from it.
    """

    handle: str
    agent: str
    since: int
    expires: int
    strong: bool
    here: bool


@dataclass(frozen=True, slots=True)
class Security:
    """The sessions that the security page shows, and their ends."""

    sessions: Sessions
    journal: ActJournal
    clock: Clock

    def places(self, caller: Caller) -> list[Place]:
        """Where the patient is signed in, newest first."""
        now = self._now()
        found = sorted(self._live(caller), key=lambda s: s.until, reverse=True)
        return [
            Place(
                handle=handle_of(session.id),
                agent=session.agent,
                since=session.until - SESSION_S_MAX,
                expires=session.expires,
                strong=now < session.strong_until,
                here=session.id == caller.session,
            )
            for session in found
        ]

    def end_place(self, caller: Caller, handle: str) -> None:
        """Signed out there; NotFound unless it is another one of the patient's own."""
        others = self._others(caller)
        named = [session for session in others if handle_of(session.id) == handle]
        if not named:
            raise NotFound("there is no such session", "session")
        self._end(named)

    def end_others(self, caller: Caller) -> int:
        """Signed out everywhere but here; from how many places."""
        others = self._others(caller)
        self._end(others)
        return len(others)

    def _others(self, caller: Caller) -> list[Session]:
        return [session for session in self._live(caller) if session.id != caller.session]

    def _live(self, caller: Caller) -> Sequence[Session]:
        """Unauthenticated when the one that asks is no longer among them."""
        found = self.sessions.sessions(caller.patient or "", self._now())
        if not any(session.id == caller.session for session in found):
            raise Unauthenticated("the session has ended")
        return found

    def _end(self, ended: Sequence[Session]) -> None:
        for session in ended:
            told = act(self.clock, session.patient, "sign-in", SIGNED_OUT, client=session.client_id)
            self.journal.journal(told)
            self.sessions.end(session.id)

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def handle_of(session: str) -> str:
    """What a session is called in pages: its id stays in the registry and in tokens."""
    return hashlib.sha256(f"place {session}".encode()).hexdigest()[:32]
