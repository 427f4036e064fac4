"""What SES tells of a notice's mail, through the real handlers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import time_machine

from dmp.adapters.dynamodb.ledger import ScannedLedger
from dmp.domain.contact import Contact
from dmp.edge.batch import Redeliver
from dmp.use_cases.reconciliation import reconciled
from infra.template import ROOT
from tests.post import Post
from tests.register import mails, sms
from tests.stack import Context, Stack
from tests.world import World

NOW = 1_795_000_000
BOTH = Contact("+212612345678", "nadia@example.org", "fr", "email")
ALONE = Contact(None, "nadia@example.org", "fr", "email")
Notification = dict[str, Any]


@pytest.fixture
def post(stack: Stack) -> Iterator[Post]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield Post(World(stack), traveller)


def mailed(post: Post, contact: Contact = BOTH) -> str:
    """A record whose welcome went out by mail."""
    patient = post.world.open_record(contact=contact).patient
    assert patient is not None
    post.announce(post.stream())
    post.deliver()
    assert len(mails()) == 1
    return patient


def event(name: str, **mail: Any) -> Notification:
    """events/receipts/<name>.json, about another mail."""
    notification: Notification = json.loads((ROOT / f"events/receipts/{name}.json").read_bytes())
    told = notification["Records"][0]["Sns"]
    message = json.loads(told["Message"])
    message["mail"] |= mail
    told["Message"] = json.dumps(message)
    return notification


def about(row: Mapping[str, Any], **changed: str) -> dict[str, Any]:
    """How SES names the mail of a notice."""
    named = {
        "patient": row["pk"],
        "entry": row["sk"].removeprefix("N#"),
        "id": row["provider_id"],
        **changed,
    }
    tags = {
        "ses:operation": ["SendEmail"],
        "patient": [named["patient"]],
        "entry": [named["entry"]],
    }
    return {"messageId": named["id"], "tags": tags}


def ledger(post: Post) -> dict[str, int]:
    """What became of all that was ever owed."""
    source = ScannedLedger(post.stack.client("dynamodb"), post.stack.output("RecordsTable"))
    found = reconciled(source, 0, 1 << 45, NOW)
    assert found.balanced
    return {name: n for name, n in found.outcomes.items() if n}


def tell(post: Post, notification: Notification) -> None:
    handler = post.stack.app("receipts", "Receipts").handler
    assert handler(notification, Context("Receipts")) == {}


@pytest.mark.parametrize("name", ["bounce", "reject"])
def test_a_mail_that_comes_back_is_told_by_phone_once(post: Post, name: str) -> None:
    patient = mailed(post)
    [before] = post.notices(patient)
    for _ in range(2):
        tell(post, event(name, **about(before)))

    [row] = post.notices(patient)
    assert (row["state"], row["bounced"], row["due"]) == ("owed", "email", str(NOW))
    assert ledger(post) == {"waiting": 1}
    assert post.deliver() == []
    assert ledger(post) == {"sent": 1}
    [row] = post.notices(patient)
    assert row["state"] == "sent"
    assert row["provider_id"] != before["provider_id"]
    [(number, text)] = sms()
    assert (number, row["ref"] in text) == (BOTH.phone, True)
    for late in (name, "delivery"):
        tell(post, event(late, **about(before)))
    assert post.notices(patient) == [row]
    assert (len(mails()), post.waiting()) == (1, [])


def test_what_came_back_and_was_not_queued_is_swept_up(post: Post) -> None:
    patient = mailed(post)
    tell(post, event("bounce", **about(*post.notices(patient))))
    post.sqs.purge_queue(QueueUrl=post.stack.output("NoticesQueueUrl"))
    post.travel.shift(301)
    post.sweep()

    assert post.deliver() == []
    assert len(sms()) == 1


def test_without_another_channel_it_is_undeliverable(post: Post) -> None:
    patient = mailed(post, ALONE)
    tell(post, event("bounce", **about(*post.notices(patient))))
    post.deliver()

    [row] = post.notices(patient)
    assert (row["state"], sms(), len(mails())) == ("undeliverable", [], 1)
    assert "due" not in row


def test_a_mail_that_arrived_is_known_to_have_arrived(post: Post) -> None:
    patient = mailed(post)
    [before] = post.notices(patient)
    tell(post, event("delivery", **about(before)))

    [row] = post.notices(patient)
    assert row == {**before, "delivered": "1795000001"}


FORGED = {
    "another mail's id": {"id": "0102019a-1"},
    "an unknown notice": {"entry": "0123456789abcdef"},
    "an unknown patient": {"patient": "0123456789abcdefghij"},
    "no name": {"patient": ""},
    "no id": {"id": ""},
}


@pytest.mark.parametrize("changed", FORGED.values(), ids=FORGED)
@pytest.mark.parametrize("name", ["bounce", "delivery", "complaint"])
def test_what_is_not_about_this_mail_changes_nothing(
    post: Post, name: str, changed: dict[str, str]
) -> None:
    patient = mailed(post)
    before = post.notices(patient)
    tell(post, event(name, **about(*before, **changed)))
    tell(post, event("complaint", **about(*before)))
    tell(post, event(name, tags={"ses:operation": ["SendEmail"]}))

    assert post.notices(patient) == before
    assert post.waiting() == []


def test_a_bounce_that_may_pass_is_left_to_the_provider(post: Post) -> None:
    patient = mailed(post)
    before = post.notices(patient)
    notification = event("bounce", **about(*before))
    told = notification["Records"][0]["Sns"]
    told["Message"] = told["Message"].replace("Permanent", "Transient")
    tell(post, notification)
    assert post.notices(patient) == before


def test_a_bounce_faster_than_the_senders_last_word_comes_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = post.world.open_record(contact=BOTH).patient
    assert patient is not None
    post.announce(post.stream())
    sender = post.sender.sender()
    close = type(sender.notices).close
    early: list[str] = []

    def meanwhile(self: Any, claim: Any, state: str, provider_id: str, now: int) -> bool:
        row = {"pk": patient, "sk": f"N#{claim.entry}", "provider_id": provider_id}
        with pytest.raises(Redeliver):
            tell(post, event("bounce", **about(row)))
        early.append(provider_id)
        return bool(close(self, claim, state, provider_id, now))

    monkeypatch.setattr(type(sender.notices), "close", meanwhile)
    assert post.deliver() == []
    [row] = post.notices(patient)
    assert (row["state"], [row["provider_id"]]) == ("sent", early)
    tell(post, event("bounce", **about(row)))
    [row] = post.notices(patient)
    assert row["state"] == "owed"


def test_what_is_no_event_of_the_provider_fails_and_says_nothing_of_it(
    post: Post, capsys: pytest.CaptureFixture[str]
) -> None:
    notification = event("bounce")
    notification["Records"][0]["Sns"]["Message"] = '{"secret@example.org": 1}'
    with pytest.raises(Redeliver):
        tell(post, notification)
    assert "secret" not in capsys.readouterr().out
