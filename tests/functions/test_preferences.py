"""How a patient is told, and where: their own choice, proved by a code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import time_machine

from dmp.domain.caller import Caller
from dmp.edge.caller import context_of
from tests.post import Post
from tests.register import code_of, mails, sms
from tests.stack import Context, stack
from tests.world import Reply, World, event_of

OLD, NEW = "+212612345678", "+212661234567"
EMAIL = "nadia@example.org"


KEPT = {"language": "fr", "channel": "sms", "rhythm": "daily"}


class Home:
    """A patient at home, and the preferences function."""

    def __init__(self, post: Post) -> None:
        self.post = post
        self.patient: Caller = post.world.open_record()
        self.api = post.stack.app("notifications", "NotificationsApi")

    def call(self, request: str, body: object = None, caller: Caller | None = None) -> Reply:
        """`PUT /preferences` sent to the real handler."""
        method, _, path = request.partition(" ")
        headers = {"Content-Type": "application/json"} if body is not None else {}
        text = None if body is None else json.dumps(body)
        event = event_of(method, path, {}, "", headers, text)
        event["requestContext"]["authorizer"] = context_of(caller or self.patient)
        answered = self.api.handler(event, Context("NotificationsApi"))
        return Reply(answered["statusCode"], answered["headers"], answered["body"])

    def tell(self) -> None:
        """Let everything owed be sent."""
        self.post.announce(self.post.stream())
        while self.post.waiting():
            self.post.deliver()


@pytest.fixture
def home() -> Iterator[Home]:
    with stack() as made, time_machine.travel(1_795_000_000, tick=False) as travel:
        yield Home(Post(World(made), travel))


def test_preferences_are_shown_without_the_whole_address(home: Home) -> None:
    assert home.call("GET /preferences").json == {
        "language": "fr", "channel": "sms", "rhythm": "each", "phone": "+2126••••••78",
    }  # fmt: skip


def test_the_language_chosen_is_the_next_notices(home: Home) -> None:
    body = {"language": "zgh", "channel": "sms", "rhythm": "each"}
    assert home.call("PUT /preferences", body).json["language"] == "zgh"

    home.tell()
    assert "ⴰⵙⴷⴰⵡ"[1:] in sms()[0][1]


@pytest.mark.parametrize(
    ("body", "field", "word"),
    [
        ({"language": "de", "channel": "sms", "rhythm": "each"}, "language", "zgh"),
        ({"language": "fr", "channel": "fax", "rhythm": "each"}, "channel", "email"),
        ({"language": "fr", "channel": "email", "rhythm": "each"}, "channel", "no address"),
        ({**KEPT, "digestHour": 24}, "digestHour", "0 to 23"),
        ({**KEPT, "digestHour": True}, "digestHour", "0 to 23"),
        ({**KEPT, "digestHour": "18"}, "digestHour", "0 to 23"),
        ({**KEPT, "quietHours": "21:00"}, "quietHours", "from and until"),
        ({**KEPT, "quietHours": {"from": "21:00"}}, "quietHours", "from and until"),
        ({**KEPT, "quietHours": {"from": "24:00", "until": "7:00"}}, "quietHours.from", "21:30"),
        ({**KEPT, "quietHours": {"from": "21:00", "until": 7}}, "quietHours.until", "21:30"),
        ({**KEPT, "quietHours": {"from": "07:00", "until": "07:00"}}, "quietHours", "different"),
        ({"language": "fr", "channel": "sms", "rhythm": "never"}, "rhythm", "each"),
        ({"language": "fr", "channel": "sms"}, "body", "exactly"),
        ({"language": "fr", "channel": "sms", "rhythm": "each", "x": 1}, "body", "exactly"),
    ],
)
def test_a_preference_that_cannot_be_kept_is_refused_by_name(
    home: Home, body: dict[str, Any], field: str, word: str
) -> None:
    answered = home.call("PUT /preferences", body)

    assert answered.status == 422
    told = {error["field"]: error["detail"] for error in answered.json["errors"]}
    assert word in told[field]


def test_an_address_changes_by_its_code_and_the_old_one_is_told(home: Home) -> None:
    home.tell()
    asked = home.call("POST /preferences/contact", {"phone": "0661234567"})
    assert (asked.status, asked.json) == (202, {"expires_in": 300, "tries_left": 3})
    number, text = sms()[-1]
    assert number == NEW

    home.post.travel.shift(1)
    changed = home.call("POST /preferences/contact/confirmation", {"code": code_of(text)})
    assert changed.status == 200
    assert changed.json["phone"] == "+2126••••••67"
    home.tell()
    number, text = sms()[-1]
    assert number == OLD
    assert "autre adresse" in text

    again = home.call("POST /preferences/contact/confirmation", {"code": "123456"})
    assert again.status == 410


def test_a_first_mail_address_is_told_to_the_phone_and_can_then_be_chosen(home: Home) -> None:
    home.tell()
    home.call("POST /preferences/contact", {"email": EMAIL})
    [mail] = mails()
    assert mail.destinations["ToAddresses"] == [EMAIL]

    home.post.travel.shift(1)
    code = code_of(mail.body)
    home.call("POST /preferences/contact/confirmation", {"code": code})
    home.tell()
    assert sms()[-1][0] == OLD
    body = {"language": "fr", "channel": "email", "rhythm": "each"}
    assert home.call("PUT /preferences", body).json["email"] == "n•••@example.org"


def test_three_wrong_codes_are_all_there_are(home: Home) -> None:
    home.call("POST /preferences/contact", {"phone": NEW})
    code = code_of(sms()[-1][1])
    wrong = f"{(int(code) + 1) % 10**6:06}"

    for left in (2, 1, 0):
        answered = home.call("POST /preferences/contact/confirmation", {"code": wrong})
        assert (answered.status, answered.json["tries_left"]) == (422, left)
    answered = home.call("POST /preferences/contact/confirmation", {"code": code})
    assert answered.status == 410
    assert home.call("GET /preferences").json["phone"] == "+2126••••••78"


def test_a_code_ends_after_five_minutes_and_another_waits_a_minute(home: Home) -> None:
    home.call("POST /preferences/contact", {"phone": NEW})
    code = code_of(sms()[-1][1])
    assert home.call("POST /preferences/contact", {"phone": NEW}).status == 429

    home.post.travel.shift(300)
    answered = home.call("POST /preferences/contact/confirmation", {"code": code})
    assert answered.status == 410
    assert home.call("POST /preferences/contact", {"phone": NEW}).status == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422), ({"phone": "0522345678"}, 422), ({"phone": "+33612345678"}, 422),
        ({"email": "nobody"}, 422), ({"phone": NEW, "email": EMAIL}, 422), ({"fax": "1"}, 422),
        ([], 400),
    ],
)  # fmt: skip
def test_an_address_that_no_message_can_reach_is_refused(
    home: Home, body: object, status: int
) -> None:
    assert home.call("POST /preferences/contact", body).status == status
    assert sms() == mails() == []


def test_they_are_the_patients_own_while_signed_in(home: Home) -> None:
    post, patient = home.post, home.patient
    assert home.call("GET /preferences", caller=post.world.doctor()).status == 403
    reader = replace(patient, scopes=("patient/*.rs",))
    body = {"language": "ar", "channel": "sms", "rhythm": "each"}
    assert home.call("PUT /preferences", body, reader).status == 403
    assert home.call("GET /preferences", caller=reader).status == 200
    assert home.call("GET /preferences", caller=replace(patient, expires=1)).status == 401
    post.world.put_row(f"session#{patient.session}", active={"BOOL": False})
    assert home.call("GET /preferences").status == 401


def test_nothing_of_an_address_is_in_clear_at_rest(home: Home) -> None:
    home.call("POST /preferences/contact", {"phone": NEW})
    dynamodb = home.post.stack.client("dynamodb")
    for table in ("RegistryTable", "RecordsTable"):
        items = dynamodb.scan(TableName=home.post.stack.output(table))["Items"]
        assert NEW not in str(items)
        assert "661234567" not in str(items)
