"""A person signs in with a browser: the cookie's secret, the code, who answers the app.

The secret changes when somebody signs in, so that one planted before is worth nothing after.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from dmp.domain.authorization import SignedIn
from dmp.domain.browser import IDLE_S, Browser
from dmp.domain.caller import Kind
from dmp.domain.refusals import OAuthError, Unavailable
from dmp.domain.sign_in import (
    SECRET_BITS,
    TRIES,
    PractitionerSession,
    Session,
    is_secret,
    secret,
)
from dmp.use_cases.one_time_codes import OneTimeCodes
from dmp.use_cases.passkey_sign_in import PasskeySignIns
from dmp.use_cases.ports import Clock
from dmp.use_cases.token_ports import SignIns

_TRIES = 3
UNKNOWN = "?"  # a browser that says nothing of itself


class BrowserRows(Protocol):
    """Browsers, in the registry; every write is conditional on the version that was read."""

    def browser(self, browser_id: str, now: int) -> Browser | None:
        """The browser, unless it is over."""

    def keep(self, browser: Browser) -> bool:
        """Keep it as the next version; False when it is not the version that is kept."""

    def move(self, old: Browser, new: Browser, agent: str) -> bool:
        """Take the old one away, keep the new one, and let its session tell the agent, together.

        False as with `keep`, and when the session has ended.
        """


@dataclass(frozen=True, slots=True)
class Held:
    """A browser, the secret that its cookie holds, and the handle of its device or empty.

    `agent` is what it says of itself.
    """

    secret: str
    browser: Browser
    device: str = ""
    agent: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class Browsers:
    """The browser's side of sign-in; `codes` and `passkeys` where one can sign in with them."""

    rows: BrowserRows
    codes: OneTimeCodes | None
    sign_ins: SignIns
    clock: Clock
    passkeys: PasskeySignIns | None = None

    def of(self, cookie: str | None) -> Held | None:
        """The browser that holds the secret; None when it is not known or over."""
        if cookie is None or not is_secret(cookie):
            return None
        found = self.rows.browser(_hash(cookie), self._now())
        return None if found is None else Held(cookie, found)

    def begin(self, held: Held | None, flow: str) -> Held:
        """The browser with an app's request begun in it; a new one when it was not known."""
        return self._changed(held or self._new(), lambda b: b.with_flow(flow))

    def met(self) -> Held:
        """A browser that was not known, and that no app sent."""
        return self._changed(self._new(), lambda b: b)

    def new_device(self) -> str:
        """A handle for a browser that has none."""
        return self._secret()

    def start(self, held: Held, system: str, value: str, address: str) -> tuple[Held, bool]:
        """Send a code to whoever has the identifier; whether it went out is for operators alone."""
        started = self._by_code().start(system, value, address)
        return self._waiting(held, started.challenge), started.sent

    def again(self, held: Held, address: str) -> tuple[Held, bool]:
        """Send another code to the same person; OAuthError when nobody was named lately."""
        started = self._by_code().again(held.browser.challenge, address)
        return self._waiting(held, started.challenge), started.sent

    def enter(self, held: Held, code: str) -> Held:
        """The browser, signed in under a new secret; else OAuthError with the tries left."""
        challenge = held.browser.challenge
        try:
            session = self._by_code().enter(challenge, code, held.device).session
        except OAuthError as refusal:
            left = refusal.details.get("tries_left")
            tries = left if isinstance(left, int) else 0
            self._changed(held, lambda b: _tried(b, challenge, tries))
            raise
        return self.signed_in(held, session)

    def who(self, held: Held) -> SignedIn | None:
        """Who signed in with the browser, while the session is live."""
        browser = held.browser
        match self._live(browser.session) if browser.session else None:
            case Session() as session:
                return SignedIn("patient", session.id, session.patient)
            case PractitionerSession() as session:
                own = session.practitioner, session.organization
                return SignedIn("practitioner", session.id, "", *own)
            case _:
                return None

    def by_passkey(self, held: Held, proof: str, only: Kind | None = None) -> Held:
        """The browser, signed in by what a sign-in by passkey gave; OAuthError for aught else.

        With `only`, also for a passkey of another kind of person: that session ends.
        """
        if self.passkeys is None:
            raise OAuthError("invalid_grant", "nobody signs in by passkey here")
        session = self.passkeys.session(proof)
        kind = "patient" if isinstance(session, Session) else "practitioner"
        if only not in (None, kind):
            self.sign_ins.end(session.id)
            raise OAuthError("invalid_grant", "the passkey is not of such a person")
        return self.signed_in(held, session)

    def leave(self, held: Held) -> Held:
        """The session ends; the browser is signed in as nobody."""
        if held.browser.session:
            self.sign_ins.end(held.browser.session)
        return self._changed(held, Browser.forgotten)

    def signed_in(self, held: Held, session: Session | PractitionerSession) -> Held:
        """The browser, under a new secret, for a session that somebody just proved."""
        made = self._secret()
        browser = held.browser.signed_in(_hash(made), session.id, self._now())
        if not self.rows.move(held.browser, browser, held.agent):
            self.sign_ins.end(session.id)
            raise OAuthError("invalid_grant", "another page of this browser was faster",
                             tries_left=0)  # fmt: skip
        return Held(made, replace(browser, version=1))

    def _by_code(self) -> OneTimeCodes:
        if self.codes is None:
            raise OAuthError("invalid_grant", "nobody signs in by code here")
        return self.codes

    def _live(self, session: str) -> Session | PractitionerSession | None:
        if self.passkeys is not None:
            return self.passkeys.live(session)
        found = self.sign_ins.session(session)
        return found if found is not None and self._now() < found.expires else None

    def _waiting(self, held: Held, challenge: str) -> Held:
        now = self._now()
        return self._changed(held, lambda b: b.waiting(challenge, TRIES, now))

    def _changed(self, held: Held, change: Callable[[Browser], Browser]) -> Held:
        """The browser after the change, made anew when another tab changed it meanwhile."""
        browser = held.browser
        for _ in range(_TRIES):
            changed = change(browser)
            if self.rows.keep(changed):
                return Held(held.secret, replace(changed, version=changed.version + 1))
            found = self.rows.browser(browser.id, self._now())
            if found is None:
                break
            browser = found
        raise Unavailable("browser")

    def _new(self) -> Held:
        made = self._secret()
        return Held(made, Browser(_hash(made), self._now() + IDLE_S))

    def _secret(self) -> str:
        return secret(self.clock.random_bits(SECRET_BITS))

    def _now(self) -> int:
        return self.clock.now_ms() // 1000


def _tried(browser: Browser, challenge: str, tries: int) -> Browser:
    """The tries that are left, unless the browser waits for another code by now."""
    return replace(browser, tries=tries) if browser.challenge == challenge else browser


def _hash(made: str) -> str:
    """Of 256 random bits: no salt or stretching is needed."""
    return hashlib.sha256(made.encode()).hexdigest()
