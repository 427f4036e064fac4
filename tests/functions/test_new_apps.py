"""An app that a patient lets in is told once, and again for what it may do besides; whole way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.adapters.dynamodb.batch import Batch, deserialize
from dmp.adapters.dynamodb.journal_items import opened_leaf
from dmp.adapters.envelope import PatientKeys, Vault
from dmp.domain.caller import Caller
from dmp.domain.identifiers import commit_id
from dmp.domain.journal import Entry, entry_of
from dmp.domain.marks import KNOWN_S
from dmp.domain.refusals import Unavailable
from tests import oauth
from tests.apps import Door, letting_in
from tests.patients import PATIENT, PHONE, signed_in
from tests.post import Post
from tests.register import sms
from tests.stack import Stack, stack
from tests.world import World

READ, MORE = "patient/Observation.rs", "patient/Observation.rs patient/Condition.rs"
NAME = "Clinic software"  # of every client of the tests


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens"), made.app("apps", "Apps")


class Home:
    """A patient, the apps that they let in, and what they are told."""

    def __init__(self, made: Stack, door: Door) -> None:
        self.door = door
        self.post = Post(World(made), door.app.traveller)
        self.told()

    def let_in(self, scope: str) -> str:
        """What the patient is told when an app exchanges its code."""
        self.door.app.traveller.shift(1)
        self.door.tokens(scope=scope)
        told = self.told()
        assert all(to == PHONE for to, _ in told)
        return " ".join(text for _, text in told)

    def told(self) -> list[tuple[str, str]]:
        """The messages since the last look."""
        before = len(sms())
        self.post.announce(self.post.stream())
        while self.post.waiting():
            self.post.deliver()
        return sms()[before:]


@pytest.fixture
def home(deployed: tuple[Stack, Any, Any]) -> Iterator[Home]:
    with letting_in(*deployed) as door:
        made = Home(deployed[0], door)
        yield made


def test_the_first_token_of_an_app_is_told_by_its_name(home: Home) -> None:
    told = home.let_in(READ)

    assert told.startswith(f"DMP : l'application {NAME} a été admise dans votre dossier le ")
    assert PATIENT not in told


def test_what_was_told_is_not_told_again_and_what_is_new_is(home: Home) -> None:
    assert home.let_in(READ)
    assert not home.let_in(READ)
    assert home.let_in(MORE)
    assert not home.let_in(READ)
    assert home.let_in(f"{MORE} openid")


def test_a_year_later_it_is_told_again(home: Home) -> None:
    assert home.let_in(READ)
    home.door.app.traveller.shift(KNOWN_S)
    home.door.session = signed_in(home.door.app)
    home.told()
    assert home.let_in(READ)


def test_what_a_practitioner_lets_in_is_not_the_patients_to_be_told(home: Home) -> None:
    home.door.tokens(home.door.nurse, PATIENT, scope="launch/patient patient/*.rs")

    assert home.told() == []


def newest(made: Stack, home: Home) -> Entry:
    """The patient's newest entry as of now, opened with the notice key."""
    table, keys = made.output("RecordsTable"), made.output("KeysTable")
    vault = Vault(made.client("kms"), made.output("RecordKeyArn"))
    batch = Batch(made.client("dynamodb"))
    batch.want(keys, pk=PATIENT)
    (row,) = batch.fetch()[keys]
    ring = vault.notice_ring(PATIENT, PatientKeys(row["kv"], row["rec"], row["ntc"]))
    items = made.client("dynamodb").query(
        TableName=table, KeyConditionExpression="pk = :p AND sk BETWEEN :j AND :k",
        ExpressionAttributeValues={
            ":p": {"S": PATIENT}, ":j": {"S": "J#"},
            ":k": {"S": f"J#{commit_id(home.door.app.clock.now_ms() + 1, 0)}"},
        },
    )["Items"]  # fmt: skip
    return entry_of(opened_leaf(ring, deserialize(items[-1])))


def owner(home: Home) -> Caller:
    """The patient, in the session of the pages."""
    clock, key = home.door.app.clock, home.door.app.key
    caller: Caller = key.caller(home.door.session["access_token"], clock.now_ms() // 1000)
    return caller


def listed(home: Home) -> list[str]:
    """The ids of the patient's apps."""
    return [app["id"] for app in home.door.call("listed", owner(home))[1]["apps"]]


def test_who_takes_an_app_out_finds_it_in_the_journal_and_is_told_of_it_anew(
    home: Home, deployed: Any
) -> None:
    assert home.let_in(READ)
    (name,) = listed(home)
    home.door.app.traveller.shift(1)

    assert home.door.call("end", owner(home), pathParameters={"id": name})[0] == 204

    last = newest(deployed[0], home)
    assert (last.action, last.outcome, last.rule) == ("authorization", "permit", "app-ended")
    assert (last.who, last.client) == ({"kind": "patient", "patient": PATIENT}, "smart-app")
    assert listed(home) == []
    assert home.let_in(READ)


def test_an_app_stays_when_its_end_cannot_be_journalled(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.let_in(READ)
    (name,) = listed(home)
    monkeypatch.setattr("dmp.adapters.dynamodb.contacts.notice_side_item", _broken)

    assert home.door.call("end", owner(home), pathParameters={"id": name})[0] == 503
    assert listed(home) == [name]


def _broken(*_: object) -> None:
    raise Unavailable("dynamodb")


EHR = Caller(
    "practitioner", "clinic", ("user/*.cruds",), "TREAT", 4_000_000_000, "t",
    practitioner=oauth.PHYSICIAN, organization=oauth.CLINIC, role="physician",
    practitioner_name="Dr Salma Bennani", organization_name="Clinique Al Amal",
)  # fmt: skip


def launch(home: Home, patient: str) -> int:
    """The status of an EHR's launch."""
    return home.door.call("launch", EHR, body=json.dumps({"patient": patient}))[0]


def test_a_launch_stands_in_the_journal_by_who_launched(home: Home, deployed: Any) -> None:
    home.door.app.traveller.shift(1)
    assert launch(home, PATIENT) == 201

    last = newest(deployed[0], home)
    assert (last.action, last.rule, last.purpose) == ("authorization", "launch", "TREAT")
    assert (last.who["inpe"], last.who["name"]) == (oauth.PHYSICIAN, "Dr Salma Bennani")
    assert last.client == "clinic"
    assert last.request
    assert home.told() == []  # it has seen nothing


def test_a_launch_for_nobody_is_answered_alike_and_without_a_journal_there_is_none(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert launch(home, "9" * 20) == 201

    monkeypatch.setattr("dmp.adapters.dynamodb.contacts.notice_side_item", _broken)
    assert launch(home, PATIENT) == 503
