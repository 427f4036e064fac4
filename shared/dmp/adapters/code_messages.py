"""Sends the codes of activation, sign-in and first meetings, worded in the person's language."""

from __future__ import annotations

from dataclasses import replace

from dmp.adapters.messages import Messages
from dmp.adapters.texts import Texts
from dmp.domain.contact import Contact
from dmp.domain.notices import Undeliverable


class ActivationCodes:
    """Implements the port `CodeSender`: by SMS alone, to the phone that the register holds."""

    def __init__(self, messages: Messages, texts: Texts, code_seconds: int) -> None:
        self._messages = messages
        self._texts = texts
        self._minutes = str(max(1, code_seconds // 60))

    def send_code(self, contact: Contact, code: str) -> None:
        """Undeliverable when the provider does not take the number."""
        if contact.phone is None:
            raise Undeliverable
        words = {"code": code, "minutes": self._minutes}
        message = self._texts.render("activation-code", contact.language, words)
        self._messages.sms(contact.phone, message.text)


class SignInCodes:
    """Implements the port `CodeMessages`: to the patient's own contact, by their channel."""

    def __init__(self, messages: Messages, texts: Texts) -> None:
        self._messages = messages
        self._texts = texts

    def send_code(self, contact: Contact, code: str, minutes: int) -> None:
        """Undeliverable when no address of the contact is taken."""
        words = {"code": code, "minutes": str(minutes)}
        self._messages.send(contact, self._texts.render("sign-in-code", contact.language, words))


class MeetingCodes:
    """Implements the port `CodeSender` of grants: by SMS where there is a phone."""

    def __init__(self, messages: Messages, texts: Texts) -> None:
        self._messages = messages
        self._texts = texts

    def send_code(self, contact: Contact, words: dict[str, str]) -> None:
        """Undeliverable when no address of the contact is taken."""
        message = self._texts.render("request-code", contact.language, words)
        self._messages.send(replace(contact, channel="sms"), message)
