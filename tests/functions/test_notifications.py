"""A notice's way from the stream to the phone, through the real handlers; nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from botocore.exceptions import ClientError

from dmp.adapters.dynamodb.tables import CONTACT, KeysItem, RecordItem
from dmp.adapters.envelope import PatientKeys
from dmp.domain.contact import Contact
from dmp.domain.identifiers import commit_id
from dmp.domain.notices import Notice
from infra.template import ROOT
from tests.post import Post
from tests.register import mails, sms
from tests.stack import Context, Stack
from tests.world import BENNIS, World

NOW = 1_795_000_000


@pytest.fixture
def travel() -> Iterator[Any]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def post(stack: Stack, travel: Any) -> Post:
    return Post(World(stack), travel)


def opened(post: Post, **named: Any) -> str:
    """A record with its welcome owed."""
    patient = post.world.open_record(**named).patient
    assert patient is not None
    return patient


def failing(post: Post, monkeypatch: pytest.MonkeyPatch, code: str = "InternalError") -> list[str]:
    """From now on the SMS provider fails; what it was asked to send."""
    asked: list[str] = []

    def publish(**named: Any) -> None:
        asked.append(named["Message"])
        raise ClientError({"Error": {"Code": code, "Message": named["PhoneNumber"]}}, "Publish")

    monkeypatch.setattr(post.sender.sender().messages._sns, "publish", publish)
    return asked


def test_a_notice_goes_from_the_stream_to_the_phone_and_is_owed_no_more(post: Post) -> None:
    patient = opened(post)
    [record] = post.stream()
    assert post.announce([record]) == []
    [body] = post.waiting()
    assert set(json.loads(body)) == {"patient", "entry"}

    assert post.deliver() == []
    [(number, text)] = sms()
    [row] = post.notices(patient)
    assert number == "+212612345678"
    assert row["ref"] in text
    assert row["state"] == "sent"
    assert row["provider_id"]
    assert not {"due", "due_shard", "claimed_until"} & set(row)
    post.travel.shift(3600)
    post.sweep()
    assert post.waiting() == []


def test_duplicates_and_reordered_messages_send_each_notice_once(post: Post) -> None:
    patients = [opened(post) for _ in range(3)]
    records = post.stream()

    assert post.announce([*reversed(records), *records]) == []
    while post.waiting():
        assert post.deliver() == []
    assert len(sms()) == len(patients)
    assert {row["attempts"] for p in patients for row in post.notices(p)} == {"1"}


def test_a_change_that_is_no_notice_owed_is_left(post: Post) -> None:
    opened(post)
    [record] = post.stream()
    other = {**record, "dynamodb": {**record["dynamodb"], "Keys": _keys("p", "K#1")}}
    modified = {**record, "eventName": "MODIFY"}

    assert post.announce([other, modified]) == []
    assert post.waiting() == []


def test_what_the_queue_refuses_goes_to_the_dead_letters_and_the_rest_goes_on(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        opened(post)
    records = post.stream()
    poison = records[1]["dynamodb"]["Keys"]["pk"]["S"]
    sqs = post.announcer.announcer().queue._sqs
    send = sqs.send_message

    def refuse(**named: Any) -> Any:
        if poison in named["MessageBody"] and named["QueueUrl"].endswith("NoticesQueue"):
            raise ClientError({"Error": {"Code": "InvalidMessageContents"}}, "SendMessage")
        return send(**named)

    monkeypatch.setattr(sqs, "send_message", refuse)
    assert post.announce(records) == []
    assert len(post.waiting()) == 2
    [dead] = post.waiting("NoticesDeadLetters")
    assert json.loads(dead)["patient"] == poison


def test_when_no_queue_answers_the_stream_brings_it_again(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(post)
    [record] = post.stream()

    def down(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessage")

    monkeypatch.setattr(post.announcer.announcer().queue._sqs, "send_message", down)
    assert post.announce([record]) == [record["dynamodb"]["SequenceNumber"]]


def test_a_notifier_that_fails_five_times_loses_nothing(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = opened(post)
    post.announce(post.stream())
    asked = failing(post, monkeypatch)

    for _ in range(5):
        assert len(post.deliver()) == 1
        post.travel.shift(180)
    assert post.deliver() == []
    [dead] = post.waiting("NoticesDeadLetters")
    [row] = post.notices(patient)
    assert json.loads(dead)["patient"] == patient
    assert int(row["due"]) > NOW
    assert row["state"] == "claimed"
    assert len(asked) == 5
    assert len(set(asked)) == 1

    monkeypatch.undo()
    post.travel.shift(3600)
    post.sweep()
    assert post.deliver() == []
    [row] = post.notices(patient)
    assert row["state"] == "sent"
    assert sms() == [("+212612345678", asked[0])]


def test_a_crash_after_the_provider_took_it_sends_it_again_with_the_same_reference(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = opened(post)
    post.announce(post.stream())
    notices = post.sender.sender().notices

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(notices), "close", crash)
    with pytest.raises(KeyboardInterrupt):
        post.deliver()
    monkeypatch.undo()
    [row] = post.notices(patient)
    assert (row["state"], len(sms())) == ("claimed", 1)

    assert post.deliver() == []  # the lease holds: nobody sends a second one yet
    assert len(sms()) == 1
    post.travel.shift(601)
    post.sweep()
    assert post.deliver() == []
    [row] = post.notices(patient)
    assert (row["state"], row["attempts"]) == ("sent", "2")
    first, second = (text for _, text in sms())
    assert first == second


def test_what_never_reached_the_queue_is_swept_up_after_five_minutes(post: Post) -> None:
    patients = [opened(post) for _ in range(4)]
    post.travel.shift(299)
    post.sweep()
    assert post.waiting() == []
    post.travel.shift(2)
    post.sweep()

    while post.waiting():
        post.deliver()
    assert [row["state"] for p in patients for row in post.notices(p)] == ["sent"] * 4


def test_one_bad_message_does_not_hold_up_the_others(post: Post) -> None:
    opened(post)
    queue = post.stack.output("NoticesQueueUrl")
    post.sqs.send_message(QueueUrl=queue, MessageBody="{}")
    post.sqs.send_message(QueueUrl=queue, MessageBody="not JSON")
    post.announce(post.stream())

    assert len(post.deliver()) == 2
    assert len(sms()) == 1


@pytest.mark.parametrize(
    ("code", "state"), [("OptedOut", "undeliverable"), ("Throttled", "claimed")]
)
def test_a_number_that_takes_nothing_is_undeliverable_and_a_busy_provider_is_not(
    post: Post, monkeypatch: pytest.MonkeyPatch, code: str, state: str
) -> None:
    patient = opened(post)
    post.announce(post.stream())
    failing(post, monkeypatch, code)
    post.deliver()

    [row] = post.notices(patient)
    assert row["state"] == state
    assert ("due" in row) is (state == "claimed")


def test_after_erasure_nothing_can_be_told(post: Post) -> None:
    patient = opened(post)
    post.announce(post.stream())
    post.stack.client("dynamodb").delete_item(
        TableName=post.stack.output("KeysTable"), Key={"pk": {"S": patient}}
    )

    assert post.deliver() == []
    [row] = post.notices(patient)
    assert row["state"] == "undeliverable"
    assert sms() == mails() == []


def test_a_key_denied_leaves_the_notice_owed(post: Post) -> None:
    patient = opened(post)
    post.announce(post.stream())
    kms = post.stack.client("kms")
    kms.disable_key(KeyId=post.stack.output("RecordKeyArn"))
    assert len(post.deliver()) == 1
    [row] = post.notices(patient)
    assert row["state"] == "owed"
    assert "due" in row

    kms.enable_key(KeyId=post.stack.output("RecordKeyArn"))
    assert post.deliver() == []
    assert len(sms()) == 1


@pytest.mark.parametrize(("language", "script"), [("ar", "ملفكم"), ("zgh", "ⴰⵙⴷⴰⵡ")])
def test_it_is_said_in_the_patients_language(post: Post, language: str, script: str) -> None:
    opened(post, language=language)
    post.announce(post.stream())
    post.deliver()

    assert script[1:-1] in sms()[0][1]


def test_the_way_takes_the_calls_that_are_budgeted(post: Post) -> None:
    """Claim, contact with keys, close; one Decrypt cold, none warm; one Publish."""
    counted: list[str] = []
    for _ in range(2):
        opened(post)
    post.announce(post.stream())
    sender = post.sender.sender()
    for client in (sender.notices._client, sender.notices._vault._kms, sender.messages._sns):
        client.meta.events.register(
            "before-call.*.*", lambda model, **_: counted.append(model.name)
        )
    assert post.deliver() == []

    each = ["UpdateItem", "BatchGetItem", "Decrypt", "Publish", "UpdateItem"]
    assert counted == each * 2


def _keys(pk: str, sk: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def test_the_events_kept_for_developers_are_answered(post: Post) -> None:
    """They speak of a record that is not here: nothing to do is no failure."""
    api = post.stack.app("notifications", "NotificationsApi")
    handlers = {
        "announce": post.announcer.announce, "deliver": post.sender.deliver,
        "sweep": post.sweeper.sweep,
    }  # fmt: skip
    for path in sorted((ROOT / "events" / "notifications").glob("*.json")):
        event = json.loads(path.read_text("utf-8"))
        handler = handlers.get(path.stem, api.handler)
        answered = handler(event, Context("Notifications"))
        if path.stem in handlers:
            assert not answered.get("batchItemFailures")
        else:
            assert answered["statusCode"] == 401, path.stem


def test_a_day_of_accesses_is_one_digest_at_the_patients_hour(post: Post) -> None:
    """The real rows: three accesses wait for the digest that the first one made."""
    world = post.world
    patient = world.open_record()
    post.announce(post.stream())
    post.deliver()
    keys = KeysItem.get(patient.patient)
    ring = world.vault.notice_ring(str(patient.patient), PatientKeys(keys.kv, keys.rec, keys.ntc))
    contact = Contact("+212612345678", None, "fr", "sms", "daily")
    RecordItem(patient.patient, CONTACT, b=ring.seal("notice", CONTACT, contact.to_bytes())).save()
    for number in range(3):
        name = commit_id(NOW * 1000, number)
        notice = Notice("access", "2026-11-22T08:00:00.000Z", f"REF{number}", NOW)
        RecordItem(
            patient.patient, f"N#{name}", b=ring.seal("notice", name, notice.to_bytes()),
            state="owed", ref=notice.reference, due=NOW, due_shard=notice.shard,
        ).save()  # fmt: skip
        post.stack.client("sqs").send_message(
            QueueUrl=post.stack.output("NoticesQueueUrl"),
            MessageBody=json.dumps({"patient": patient.patient, "entry": name}),
        )
    assert post.deliver() == []
    assert len(sms()) == 1  # the welcome
    assert post.announce(post.stream(lambda r: "digest-" in r["dynamodb"]["Keys"]["sk"]["S"])) == []
    assert post.waiting() == []
    rows = {row["sk"]: row for row in post.notices(str(patient.patient))}
    (digest,) = [row for name, row in rows.items() if name.startswith("N#digest-")]
    assert [row["state"] for row in rows.values()].count("digest") == 3

    post.travel.move_to(int(digest["due"]) + 301)
    post.sweep()
    assert post.deliver() == []
    assert "3." in sms()[-1][1]
    (told,) = [r for r in post.notices(str(patient.patient)) if r["sk"] == digest["sk"]]
    assert told["state"] == "sent"


def test_the_third_refusal_of_a_day_is_told_and_no_other(post: Post) -> None:
    world = post.world
    home = world.open_record()
    patient = str(home.patient)
    post.announce(post.stream())
    post.deliver()
    seen = {row["sk"] for row in post.notices(patient)}
    for _ in range(5):
        reply = world.call(f"GET /fhir/Patient/{patient}", world.doctor())
        assert reply.status == 403
    owed = [row for row in post.notices(patient) if row["sk"] not in seen]
    assert len(owed) == 1
    post.announce([r for r in post.stream() if r["dynamodb"]["Keys"]["sk"]["S"] not in seen])
    assert post.deliver() == []
    number, text = sms()[-1]
    assert number == "+212612345678"
    assert "trois fois" in text
    assert "Amrani" in text

    world.call(f"GET /fhir/Patient/{patient}", world.doctor(BENNIS))
    assert len(post.notices(patient)) == len(seen) + 1
    post.travel.shift(86_400)
    for _ in range(3):
        world.call(f"GET /fhir/Patient/{patient}", world.doctor())
    assert len(post.notices(patient)) == len(seen) + 2
