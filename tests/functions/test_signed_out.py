"""A registrar's change of contact puts out whoever is signed in; nobody slips in beside it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from dmp.adapters.dynamodb.signed_in import AT_ONCE, SignedInRows
from dmp.domain.contact import Contact
from dmp.domain.instants import instant
from dmp.use_cases.ports import Ended
from tests import patients
from tests.register import sms
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import World

CIN = ("urn:ma:cin", "BE742318")
OLD, NEW = "+212612345678", "+212661234567"
NOON = 1_795_345_200


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


class Counter:
    """The registrar's, a patient's record, and what its patient does meanwhile."""

    def __init__(self, system: Stack, travel: Any) -> None:
        patients.empty(system)
        self.world, self.travel = World(system), travel
        self.patient = self.world.open_record(cin=CIN[1], contact=Contact(OLD, None, "fr", "sms"))
        self.id = self.patient.patient or ""
        self.app = self.world.app("tokens", "Tokens")
        self.registrar = self.world.doctor(
            role="registrar", purpose="HOPERAT", scopes=("system/Patient.u",)
        )

    def asked(self) -> tuple[str, str, str]:
        """A challenge, its code, and where that went."""
        self.travel.shift(61)
        before = len(sms())
        _, body = patients.start(self.app, CIN)
        to, text = sms()[before]
        return body["challenge"], patients.code_of(text), to

    def sign_in(self) -> dict[str, Any]:
        """Tokens."""
        status, tokens = patients.exchange(self.app, *self.asked()[:2])
        assert status == 200, tokens
        return tokens

    def moves(self) -> int:
        """The status of the registrar's change."""
        body = {"phone": NEW, "reason": "stolen", "document": "CIN BE742318"}
        path = f"POST /contacts/{self.id}"
        reply = self.world.call(path, self.registrar, body, Content_Type="application/json")
        return reply.status

    def lets_in(self, name: str) -> None:
        """An app, a while ago."""
        later = {"N": str(NOON + 86_400)}
        self.world.put_row(
            f"app#{name}", active={"BOOL": True}, given={"S": json.dumps({"scopes": []})},
            family={"S": "f"}, refresh={"S": "r"}, created={"N": "1"}, expires=later,
            until=later, ttl=later,
        )  # fmt: skip
        self.world.put_row(f"apps#{self.id}", apps={"L": [{"S": name}]}, version={"N": "1"})

    def active(self, key: str) -> bool:
        """Whether a row of the registry lets its holder in."""
        got = self.world.stack.client("dynamodb").get_item(
            TableName=self.world.tables["REGISTRY_TABLE"], Key={"pk": {"S": key}}
        )
        return bool(got["Item"]["active"]["BOOL"])

    def refreshes(self, tokens: dict[str, Any]) -> bool:
        """Whether its refresh token is still good."""
        return patients.refresh(self.app, tokens["refresh_token"])[0] == 200


@pytest.fixture
def counter(system: Stack) -> Iterator[Counter]:
    with time_machine.travel(NOON, tick=False) as travel:
        yield Counter(system, travel)


def test_sessions_apps_and_the_code_on_its_way_end_with_the_change(counter: Counter) -> None:
    first, second = counter.sign_in(), counter.sign_in()
    counter.lets_in("diary")
    challenge, code, to = counter.asked()
    assert to == OLD
    assert patients.live(counter.app, second["access_token"])

    assert counter.moves() == 200

    assert not counter.refreshes(first)
    assert not patients.live(counter.app, second["access_token"])
    assert not counter.active("app#diary")
    status, answer = patients.exchange(counter.app, challenge, code)
    assert (status, answer["error"]) == (400, "invalid_grant")
    challenge, code, to = counter.asked()
    assert to == NEW
    assert patients.exchange(counter.app, challenge, code)[0] == 200


def test_who_signs_in_in_the_middle_of_it_is_out_too(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = counter.asked()
    real, came_in = SignedInRows.of, []

    def late(rows: SignedInRows, patient: str, now: int) -> Ended:
        found = real(rows, patient, now)
        if not came_in:
            came_in.append(patients.exchange(counter.app, *held[:2])[1])
        return found

    monkeypatch.setattr(SignedInRows, "of", late)
    assert counter.moves() == 200

    assert came_in[0]["refresh_token"]
    assert not counter.refreshes(came_in[0])


def test_a_code_that_was_typed_just_before_opens_nothing_after(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    challenge, code, _ = counter.asked()
    rows = counter.app.sign_in.sign_ins
    real = type(rows).open

    def late(self: Any, *what: Any) -> bool:
        assert counter.moves() == 200  # between the try that was taken and the session
        return bool(real(self, *what))

    monkeypatch.setattr(type(rows), "open", late)
    assert patients.exchange(counter.app, challenge, code)[0] == 400


def test_a_code_that_is_sent_in_the_middle_of_it_opens_nothing(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = SignedInRows.of, []

    def late(rows: SignedInRows, patient: str, now: int) -> Ended:
        found = real(rows, patient, now)
        if not asked:
            asked.append(counter.asked())
        return found

    monkeypatch.setattr(SignedInRows, "of", late)
    assert counter.moves() == 200

    assert asked[0][2] == OLD
    assert patients.exchange(counter.app, *asked[0][:2])[0] == 400


def test_more_than_a_transaction_holds_end_all_the_same(counter: Counter) -> None:
    names = [f"n{i}" for i in range(AT_ONCE + 5)]
    for name in names:
        counter.world.put_row(
            f"session#{name}", active={"BOOL": True}, expires={"N": str(NOON + 9)},
            patient={"S": counter.id},
        )  # fmt: skip
    listed = f"sessions#{counter.id}#{instant(NOON * 1000)[:10]}"
    counter.world.put_row(listed, ids={"SS": names})

    assert counter.moves() == 200

    assert not [name for name in names if counter.active(f"session#{name}")]


def test_nobody_else_is_put_out(counter: Counter) -> None:
    counter.lets_in("diary")
    other = counter.world.open_record()

    assert counter.moves() == 200

    assert counter.active(f"session#s-{other.patient}")
    reply = counter.world.call(f"GET /fhir/Patient/{other.patient}", other)
    assert reply.status == 200
