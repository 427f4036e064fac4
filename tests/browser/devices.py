"""A device with passkeys in Chromium's hands: its virtual authenticator, over CDP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from playwright.sync_api import CDPSession, Page


@dataclass
class Device:
    """A platform authenticator whose user is there and verified, unless told otherwise."""

    cdp: CDPSession
    id: str

    def passkeys(self) -> list[dict[str, Any]]:
        """What it holds, private keys included."""
        held = self._send("getCredentials")
        found: list[dict[str, Any]] = held["credentials"]
        return found

    def put(self, passkeys: list[dict[str, Any]]) -> None:
        """Hold these and no others: a copy taken earlier, or of another device."""
        self._send("clearCredentials")
        for passkey in passkeys:
            self._send("addCredential", credential=passkey)

    def verifies(self, *, user: bool) -> None:
        """Whether its user is recognised from now on."""
        self._send("setUserVerified", isUserVerified=user)

    def _send(self, command: str, **given: Any) -> dict[str, Any]:
        asked = {"authenticatorId": self.id, **given}
        answered: dict[str, Any] = self.cdp.send(f"WebAuthn.{command}", asked)
        return answered


def device(page: Page) -> Device:
    """A new device for the page."""
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    made = cdp.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return Device(cdp, str(made["authenticatorId"]))
