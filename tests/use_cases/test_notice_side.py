"""What is journalled by functions that cannot open the record: sign-ins, preferences, addresses."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.journal_items import notice_side_item, opened_leaf
from dmp.adapters.envelope import PatientKeys, Unopenable
from dmp.domain.journal import NOTICE_SIDE, Action, Entry
from dmp.domain.refusals import Gone
from dmp.edge.caller import context_of
from dmp.use_cases.acts import act
from dmp.use_cases.ports import Door, Span
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.stack import Context
from tests.use_cases.test_doors import no_journal
from tests.world import Reply, World, event_of


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world, granted=False)
    yield made
    forget(made.id)


def prefer(clinic: Clinic, method: str, path: str = "/preferences", body: object = None) -> Reply:
    headers = {"Content-Type": "application/json"} if body else {}
    text = json.dumps(body) if body else None
    event = event_of(method, path, {}, "", headers, text)
    event["requestContext"]["authorizer"] = context_of(clinic.patient)
    app = clinic.world.app("notifications", "NotificationsApi")
    answered = app.handler(event, Context("NotificationsApi"))
    return Reply(answered["statusCode"], answered["headers"], answered["body"])


def door_of(clinic: Clinic) -> Door:
    door = clinic.store.enter(clinic.id, clinic.patient)
    assert isinstance(door, Door)
    return door


def newest(clinic: Clinic) -> Entry:
    return next(iter(clinic.store.written(door_of(clinic), Span())))


def keys_of(clinic: Clinic) -> PatientKeys:
    table = clinic.world.tables["KEYS_TABLE"]
    got = clinic.world.stack.client("dynamodb").get_item(
        TableName=table, Key={"pk": {"S": clinic.id}}
    )["Item"]
    return PatientKeys(int(got["kv"]["N"]), bytes(got["rec"]["B"]), bytes(got["ntc"]["B"]))


def test_preferences_are_journalled_before_they_are_told_or_changed(clinic: Clinic) -> None:
    shown = prefer(clinic, "GET")
    assert shown.status == 200, shown.body
    assert (newest(clinic).action, newest(clinic).outcome) == ("preferences", "permit")

    changed = {**json.loads(shown.body), "language": "ar"}
    wanted = {k: v for k, v in changed.items() if k not in ("phone", "email")}
    with counted() as calls:
        assert prefer(clinic, "PUT", body=wanted).status == 200
    assert [c for c in calls if c != "Decrypt"] == ["BatchGetItem", "TransactWriteItems"]
    assert len(clinic.rows("J#")) == 3

    with no_journal():
        assert prefer(clinic, "GET").status == 503
        assert prefer(clinic, "PUT", body={**wanted, "language": "en"}).status == 503
    assert json.loads(prefer(clinic, "GET").body)["language"] == "ar"


def test_a_wrong_code_for_an_address_is_journalled_as_refused(clinic: Clinic) -> None:
    asked = prefer(clinic, "POST", "/preferences/contact", {"email": "nadia@example.org"})
    assert asked.status == 202, asked.body
    assert (newest(clinic).action, newest(clinic).rule) == ("contact", "code-sent")

    path = "/preferences/contact/confirmation"
    wrong = [prefer(clinic, "POST", path, {"code": code}) for code in ("000000", "000001")]
    assert 422 in {reply.status for reply in wrong}
    assert (newest(clinic).outcome, newest(clinic).rule) == ("refuse", "wrong-code")


@pytest.mark.parametrize("action", sorted(NOTICE_SIDE))
def test_an_act_of_the_notice_side_is_in_the_journal_as_any_other(
    clinic: Clinic, action: Action
) -> None:
    contacts = SealedContacts(clinic.world.vault, *clinic.world.tables.values())
    entry = act(clinic.world.clock, clinic.id, action, "test", client="dmp")

    with counted() as calls:
        contacts.journal(entry)

    assert [c for c in calls if c != "Decrypt"] == ["BatchGetItem", "PutItem"]
    assert newest(clinic) == entry
    url = f"GET /journal/entry/{entry.id}"
    assert clinic.world.call(url, clinic.patient).body.encode() == entry.canonical()


def test_what_the_notice_side_cannot_have_seen_is_not_believed(clinic: Clinic) -> None:
    keys, vault = keys_of(clinic), clinic.world.vault
    entry = act(clinic.world.clock, clinic.id, "read", "consent-permit")
    item = notice_side_item(vault.notice_ring(clinic.id, keys), entry)
    row = {"sk": item.sk, "b": item.b}

    with pytest.raises(Unopenable):
        opened_leaf(vault.record_ring(clinic.id, keys), {**row, "by": "notice"})
    with pytest.raises(Unopenable):
        opened_leaf(vault.record_ring(clinic.id, keys), row)


def test_nothing_is_journalled_once_the_keys_are_destroyed(clinic: Clinic) -> None:
    tables = clinic.world.tables
    clinic.world.stack.client("dynamodb").delete_item(
        TableName=tables["KEYS_TABLE"], Key={"pk": {"S": clinic.id}}
    )
    contacts = SealedContacts(clinic.world.vault, *clinic.world.tables.values())

    with pytest.raises(Gone):
        contacts.journal(act(clinic.world.clock, clinic.id, "sign-in", "passkey"))
