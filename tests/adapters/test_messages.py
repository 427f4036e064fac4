"""SMS and mail: which channel, which sender, which failure may be tried again."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from dmp.adapters.messages import Messages
from dmp.adapters.phones import mobile
from dmp.domain.contact import Channel, Contact
from dmp.domain.notices import Message, Undeliverable
from dmp.domain.refusals import Unavailable
from tests.register import mails, sms
from tests.stack import Stack

PHONE, EMAIL = "+212612345678", "n@example.org"
MESSAGE = Message("SMS ملفكم", "Objet", "Courriel ⴰⵙⴷⴰⵡ", "<p>Courriel</p>")


class Provider:
    """Answers each call with the same error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[dict[str, Any]] = []

    def _call(self, **named: Any) -> dict[str, str]:
        self.calls.append(named)
        if self.error:
            raise self.error
        return {"MessageId": "id"}

    publish = send_email = _call


def refused(code: str, text: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "Any")


@pytest.mark.parametrize(
    ("channel", "phone", "email", "sent"),
    [
        ("sms", PHONE, EMAIL, "sms"),
        ("sms", PHONE, None, "sms"),
        ("sms", None, EMAIL, "mail"),
        ("email", PHONE, EMAIL, "mail"),
        ("email", PHONE, None, "sms"),
    ],
)
def test_the_chosen_channel_and_else_the_other(
    stack: Stack, channel: Channel, phone: str | None, email: str | None, sent: str
) -> None:
    messages = Messages(stack.client("sns"), stack.client("ses"), "DMP", "dmp@example.org")
    provider_id = messages.send(Contact(phone, email, "ar", channel), MESSAGE)

    assert provider_id
    if sent == "sms":
        assert (sms(), mails()) == ([(PHONE, MESSAGE.text)], [])
    else:
        [mail] = mails()
        assert (sms(), mail.destinations["ToAddresses"], mail.source) == (
            [], [EMAIL], "dmp@example.org",
        )  # fmt: skip
        assert mail.subject == MESSAGE.subject


def test_an_sms_names_its_sender_and_a_mail_has_both_forms() -> None:
    sns, ses = Provider(), Provider()
    messages = Messages(sns, ses, "DMP", "dmp@example.org")
    messages.sms(PHONE, "480591")
    messages.mail(EMAIL, MESSAGE)

    attributes = sns.calls[0]["MessageAttributes"]
    assert attributes["AWS.SNS.SMS.SenderID"]["StringValue"] == "DMP"
    assert attributes["AWS.SNS.SMS.SMSType"]["StringValue"] == "Transactional"
    body = ses.calls[0]["Message"]["Body"]
    assert (body["Text"]["Data"], body["Html"]["Data"]) == (MESSAGE.mail, MESSAGE.html)


def test_without_an_address_it_is_undeliverable() -> None:
    with pytest.raises(Undeliverable):
        Messages(Provider(), Provider(), "DMP", "d@x").send(
            Contact(None, None, "fr", "sms"), MESSAGE
        )


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (refused("OptedOut"), Undeliverable),
        (refused("InvalidParameter", "Invalid parameter: PhoneNumber Reason: x"), Undeliverable),
        (refused("InvalidParameter", "Invalid parameter: SenderID"), Unavailable),
        (refused("Throttled"), Unavailable),
        (refused("InternalError"), Unavailable),
        (refused("AuthorizationError"), Unavailable),
        (ReadTimeoutError(endpoint_url="x"), Unavailable),
    ],
)
def test_only_a_fault_of_the_number_is_final(error: Exception, raised: type[Exception]) -> None:
    with pytest.raises(raised) as told:
        Messages(Provider(error), Provider(), "DMP", "d@x").sms(PHONE, "480591")
    assert PHONE not in str(told.value)


def test_a_number_that_takes_nothing_is_given_up_for_the_mail_but_an_outage_is_not() -> None:
    contact = Contact(PHONE, EMAIL, "fr", "sms")
    ses = Provider()
    Messages(Provider(refused("OptedOut")), ses, "DMP", "d@x").send(contact, MESSAGE)
    assert len(ses.calls) == 1

    with pytest.raises(Unavailable):
        Messages(Provider(refused("Throttled")), ses, "DMP", "d@x").send(contact, MESSAGE)
    assert len(ses.calls) == 1


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0612345678", PHONE), ("+212 6 12 34 56 78", PHONE), ("00212612345678", PHONE),
        ("٠٦١٢٣٤٥٦٧٨", PHONE), ("0712345678", "+212712345678"), ("0522345678", None),
        ("+33612345678", None), ("061234567", None), ("", None), ("nadia", None),
    ],
)  # fmt: skip
def test_a_moroccan_mobile_however_it_is_typed(typed: str, number: str | None) -> None:
    assert mobile(typed) == number


def test_a_notices_mail_bears_its_name_and_is_heard_of(stack: Stack) -> None:
    tags = {"patient": "0123456789abcdefghij", "entry": "digest-20261122"}
    mailed = Contact(PHONE, EMAIL, "fr", "email")
    heard, unheard, none = Provider(), Provider(), Provider()
    Messages(Provider(), heard, "DMP", "dmp@example.org", "receipts").send(mailed, MESSAGE, tags)
    Messages(Provider(), unheard, "DMP", "dmp@example.org").send(mailed, MESSAGE, tags)
    Messages(Provider(), none, "DMP", "dmp@example.org", "receipts").send(mailed, MESSAGE)

    [sent] = heard.calls
    assert sent["ConfigurationSetName"] == "receipts"
    assert sent["Tags"] == [
        {"Name": "patient", "Value": "0123456789abcdefghij"},
        {"Name": "entry", "Value": "digest-20261122"},
    ]
    for [plain] in (unheard.calls, none.calls):
        assert not {"ConfigurationSetName", "Tags"} & set(plain)
    assert stack.environment("NotificationsSender")["MAIL_RECEIPTS"] == "MailReceipts"
