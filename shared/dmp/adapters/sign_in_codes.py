"""Sign-in codes by SMS or mail, in the patient's language."""

from __future__ import annotations

from dmp.adapters.messages import Messages
from dmp.adapters.texts import Texts
from dmp.domain.contact import Contact


class SignInCodes:
    """Renders and sends a sign-in code to the patient's own contact."""

    def __init__(self, texts: Texts, messages: Messages) -> None:
        self._texts = texts
        self._messages = messages

    def send_code(self, contact: Contact, code: str, minutes: int) -> None:
        """Accepted by the provider on return; else Unavailable or Undeliverable."""
        words = {"code": code, "minutes": str(minutes)}
        message = self._texts.render("sign-in-code", contact.language, words)
        self._messages.send(contact, message)
