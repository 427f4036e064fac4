"""SMS by SNS and mail by SES."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dmp.domain.contact import Contact
from dmp.domain.notices import Message, Undeliverable
from dmp.domain.refusals import Unavailable

# Answers about this very address; whatever may be our own configuration is tried again instead.
_FINAL = {"OptedOut": "", "InvalidParameter": "PhoneNumber", "InvalidParameterValue": ""}


class Messages:
    """Sends one message to one contact; returns the provider's id of it."""

    def __init__(
        self, sns: Any, ses: Any, sms_sender: str, mail_sender: str, receipts: str = ""
    ) -> None:
        """`receipts`: the configuration set through which mails with tags are sent."""
        self._sns = sns
        self._ses = ses
        self._sms_sender = sms_sender
        self._mail_sender = mail_sender
        self._receipts = receipts

    def send(
        self, contact: Contact, message: Message, tags: Mapping[str, str] | None = None
    ) -> str:
        """By the contact's channel, else by the other one.

        Undeliverable when neither has an address that the provider takes; Unavailable when a
        provider failed, and then the message may or may not have gone out.
        """
        phones = contact.channel != "email"
        for by_phone in (phones, not phones):
            try:
                if by_phone:
                    return self._by_phone(contact, message)
                return self._by_mail(contact, message, tags)
            except Undeliverable:
                continue
        raise Undeliverable

    def sms(self, phone: str, text: str) -> str:
        """One SMS; `phone` in E.164."""
        try:
            answered = self._sns.publish(
                PhoneNumber=phone,
                Message=text,
                MessageAttributes={
                    "AWS.SNS.SMS.SenderID": _text(self._sms_sender),
                    "AWS.SNS.SMS.SMSType": _text("Transactional"),
                },
            )
        except (ClientError, BotoCoreError) as error:
            raise _sorted(error) from None
        return _id_of(answered)

    def mail(self, address: str, message: Message, tags: Mapping[str, str] | None = None) -> str:
        """One mail, as text and HTML."""
        bodies = {"Text": {"Data": message.mail or message.text, "Charset": "UTF-8"}}
        if message.html:
            bodies["Html"] = {"Data": message.html, "Charset": "UTF-8"}
        try:
            answered = self._ses.send_email(
                Source=self._mail_sender,
                Destination={"ToAddresses": [address]},
                Message={"Subject": {"Data": message.subject, "Charset": "UTF-8"}, "Body": bodies},
                **self._tracked(tags),
            )
        except (ClientError, BotoCoreError) as error:
            raise _sorted(error) from None
        return _id_of(answered)

    def _by_phone(self, contact: Contact, message: Message) -> str:
        if not contact.phone:
            raise Undeliverable
        return self.sms(contact.phone, message.text)

    def _by_mail(self, contact: Contact, message: Message, tags: Mapping[str, str] | None) -> str:
        if not contact.email:
            raise Undeliverable
        return self.mail(contact.email, message, tags)

    def _tracked(self, tags: Mapping[str, str] | None) -> dict[str, Any]:
        if not tags or not self._receipts:
            return {}
        named = [{"Name": name, "Value": value} for name, value in tags.items()]
        return {"ConfigurationSetName": self._receipts, "Tags": named}


def _id_of(answered: Mapping[str, Any]) -> str:
    """A provider that took the message and gave it no id took it all the same."""
    return str(answered.get("MessageId") or "")


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def _sorted(error: ClientError | BotoCoreError) -> Exception:
    """The provider's answer without its text, which may quote address or message."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        named = _FINAL.get(told.get("Code", ""))
        if named is not None and named in told.get("Message", ""):
            return Undeliverable()
    return Unavailable("message provider")
