"""A browser at the sign-in pages: which apps sent it, which code it waits for, who signed in."""

from __future__ import annotations

from dataclasses import dataclass, replace

IDLE_S = 30 * 60  # also how long a sign-in lasts in the browser; an app's session is another
FLOWS_MAX = 8


@dataclass(frozen=True, slots=True)
class Browser:
    """One browser, known by the hash of the secret in its cookie.

    `flows` are the requests of apps that began in it, newest last: no other browser may answer
    them. `challenge` is the code it waits for, `asked` when that was sent. `session` is
    of who signed in. `version` is for the swap.
    """

    id: str
    expires: int
    flows: tuple[str, ...] = ()
    challenge: str = ""
    asked: int = 0
    tries: int = 0
    session: str = ""
    version: int = 0

    def with_flow(self, flow: str) -> Browser:
        """The browser, with one more app's request."""
        return replace(self, flows=(*self.flows, flow)[-FLOWS_MAX:])

    def waiting(self, challenge: str, tries: int, now: int) -> Browser:
        """The browser, waiting for a code and signed in as nobody."""
        until = now + IDLE_S
        return replace(self, challenge=challenge, asked=now, tries=tries, session="", expires=until)

    def signed_in(self, browser_id: str, session: str, now: int) -> Browser:
        """The same browser under another secret, signed in."""
        return Browser(browser_id, now + IDLE_S, self.flows, session=session)

    def forgotten(self) -> Browser:
        """The browser, signed in as nobody and waiting for nothing."""
        return replace(self, challenge="", asked=0, tries=0, session="")
