"""A sign-in from an unknown device is told, whole way: sign-in, stream, queue, message."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import time_machine

from dmp.domain.contact import Contact
from dmp.domain.marks import FRESH_S, KNOWN_S
from dmp.domain.refusals import Unavailable
from dmp.domain.sign_in import CLIENT_ID
from dmp.edge.browser import DEVICE
from tests import oauth, patients
from tests.authenticator import Authenticator
from tests.guests import Guest
from tests.post import Post
from tests.proving import Prover
from tests.register import mails, sms
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import World, event_of

CIN = ("urn:ma:cin", "BE742318")
PHONE, MAIL = "+212612345678", "nadia@example.org"
DAYS = 2 * FRESH_S


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


class Owner:
    """A patient with a record, what their devices do, and what they are told."""

    def __init__(self, system: Stack, travel: Any, contact: Contact) -> None:
        patients.empty(system)
        self.world = World(system)
        self.travel = travel
        self.patient = self.world.open_record(cin=CIN[1], contact=contact)
        self.app = self.world.app("tokens", "Tokens")
        self.post = Post(self.world, travel)
        self.told()

    def code(self) -> tuple[str, str]:
        """A challenge and its code, which goes to the chosen channel."""
        self.travel.shift(61)
        before = len(sms()), len(mails())
        _, body = patients.start(self.app, CIN)
        new = [text for _, text in sms()[before[0] :]] + [m.body for m in mails()[before[1] :]]
        return body["challenge"], patients.code_of(new[0])

    def sign_in(self, **form: str) -> dict[str, Any]:
        """The answer of the token endpoint."""
        status, tokens = patients.exchange(self.app, *self.code(), **form)
        assert status == 200, tokens
        return tokens

    def told(self) -> list[str]:
        """Where messages of a new device went since the last look."""
        before = len(sms()), len(mails())
        owed = [r for r in self.post.stream() if self.owns(r)]
        self.post.announce(owed)
        while self.post.waiting():
            self.post.deliver()
        new = [(to, text) for to, text in sms()[before[0] :]]
        new += [(m.destinations["ToAddresses"][0], m.body) for m in mails()[before[1] :]]
        return [to for to, text in new if "new device" in text]

    def owns(self, record: dict[str, Any]) -> bool:
        """Whether a stream's record is of this patient."""
        return bool(record["dynamodb"]["Keys"]["pk"]["S"] == self.patient.patient)


@pytest.fixture
def travel() -> Iterator[Any]:
    with time_machine.travel(1_795_000_000, tick=False) as travel:
        yield travel


@pytest.fixture
def owner(system: Stack, travel: Any) -> Owner:
    made = Owner(system, travel, Contact(PHONE, MAIL, "en", "sms"))
    travel.shift(DAYS)
    return made


@pytest.mark.parametrize(
    ("contact", "to"),
    [
        (Contact(PHONE, MAIL, "en", "sms"), MAIL),
        (Contact(PHONE, MAIL, "en", "email"), PHONE),
        (Contact(PHONE, MAIL, "en", "sms", rhythm="none", quiet=("00:00", "23:59")), MAIL),
        (Contact(PHONE, None, "en", "sms"), PHONE),
        (Contact(None, MAIL, "en", "email"), MAIL),
    ],
)
def test_it_is_told_where_the_code_did_not_go_or_where_alone_it_can(
    system: Stack, travel: Any, contact: Contact, to: str
) -> None:
    owner = Owner(system, travel, contact)
    travel.shift(DAYS)

    owner.sign_in()

    assert owner.told() == [to]


def test_a_device_that_keeps_its_handle_is_told_once(owner: Owner) -> None:
    first = owner.sign_in()
    assert owner.told() == [MAIL]

    again = owner.sign_in(device=first["device"])
    assert "device" not in again
    assert owner.told() == []

    owner.sign_in()
    assert owner.told() == [MAIL]
    owner.travel.shift(KNOWN_S)
    owner.sign_in(device=first["device"])
    assert owner.told() == [MAIL]


def test_the_first_sign_in_on_the_day_a_record_opens_is_its_owners(
    system: Stack, travel: Any
) -> None:
    owner = Owner(system, travel, Contact(PHONE, None, "en", "sms"))
    first = owner.sign_in()
    assert owner.told() == []

    owner.sign_in(device=first["device"])
    assert owner.told() == []
    owner.sign_in()
    assert owner.told() == [PHONE]


def test_of_two_first_sign_ins_at_once_one_is_told(
    system: Stack, travel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = Owner(system, travel, Contact(PHONE, None, "en", "sms"))
    contacts = owner.app.sign_in.contacts
    real = contacts._quietly

    def late(ring: Any, entry: Any, kept: Any, first: str) -> None:
        owner.world.stack.client("dynamodb").delete_item(
            TableName=owner.world.tables["REGISTRY_TABLE"], Key={"pk": {"S": first}}
        )
        real(ring, entry, kept, first)

    monkeypatch.setattr(type(contacts), "_quietly", lambda _, *what: late(*what))
    owner.sign_in()

    assert owner.told() == [PHONE]


@pytest.mark.parametrize("device", ["short", "x" * 44, "é" * 43])
def test_a_handle_that_no_sign_in_gave_is_refused_before_the_code_is_tried(
    owner: Owner, device: str
) -> None:
    challenge, code = owner.code()

    status, answer = patients.exchange(owner.app, challenge, code, device=device)

    assert (status, answer["error"]) == (400, "invalid_request")
    assert "device" in answer["error_description"]
    assert patients.exchange(owner.app, challenge, code)[0] == 200


def test_a_browser_is_known_by_its_cookie(owner: Owner) -> None:
    handler = owner.world.app("account", "Account").handler
    guest = Guest(handler)
    guest.open("/account/sign-in")
    kept = guest.cookies[f"__Host-{DEVICE}"]
    guest.sign_in(CIN[1])
    assert owner.told() == [MAIL]

    owner.travel.shift(61)
    guest.give(guest.named("/account/sign-out"))
    assert guest.cookies[f"__Host-{DEVICE}"] == kept
    guest.sign_in(CIN[1])
    assert owner.told() == []

    owner.travel.shift(61)
    other = Guest(handler)
    other.open("/account/sign-in")
    other.sign_in(CIN[1])
    assert owner.told() == [MAIL]


def test_a_passkey_on_a_device_that_is_not_known_is_told_where_the_patient_chose(
    owner: Owner,
) -> None:
    prover = Prover(owner.world, owner.travel)
    prover.patient = replace(owner.patient, client_id=CLIENT_ID)
    key = Authenticator()
    prover.add(key)
    owner.told()

    answer = prover.sign_in(key).json
    assert owner.told() == [PHONE]

    begun = prover.ok("POST /oauth2/passkeys/assertion", {}, anyone=True)
    body = {"ceremony": begun["ceremony"], "credential": key.get(begun["publicKey"])}
    told = prover.ok("POST /oauth2/passkeys/sign-in", {**body, "device": answer["device"]},
                     anyone=True)  # fmt: skip
    assert "device" not in told
    assert owner.told() == []

    begun = prover.ok("POST /oauth2/passkeys/assertion", {}, anyone=True)
    body = {"ceremony": begun["ceremony"], "credential": key.get(begun["publicKey"])}
    event = event_of(
        "POST", "/oauth2/passkeys/sign-in", {}, "",
        {"Content-Type": "application/json", "Cookie": f"__Host-{DEVICE}={answer['device']}"},
        json.dumps(body),
    )  # fmt: skip
    assert oauth.answered(prover.api.handler, event)[0] == 200
    assert owner.told() == []


def test_rows_of_devices_name_nobody(owner: Owner) -> None:
    answer = owner.sign_in()
    rows = owner.world.stack.client("dynamodb").scan(
        TableName=owner.world.tables["REGISTRY_TABLE"]
    )["Items"]

    found = [row for row in rows if row["pk"]["S"].startswith("device#")]
    assert [sorted(row) for row in found] == [["pk", "ttl", "until"]]
    assert owner.patient.patient not in json.dumps(found)
    assert answer["device"] not in json.dumps(found)


def test_no_token_is_given_out_when_the_journal_cannot_be_written(
    owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise Unavailable("dynamodb")

    monkeypatch.setattr(type(owner.app.sign_in.contacts), "_told", broken)
    status, answer = patients.exchange(owner.app, *owner.code())

    assert status == 503
    assert "access_token" not in answer
