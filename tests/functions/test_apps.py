"""Apps that people let in, through the real handlers: launches, lists, ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest

from dmp.domain.authorization import Pending, Redirect
from dmp.domain.caller import Caller
from tests import oauth
from tests.apps import Door, letting_in
from tests.patients import PATIENT
from tests.stack import Context, Stack, stack


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens"), made.app("apps", "Apps")


@pytest.fixture
def door(deployed: tuple[Stack, Any, Any]) -> Iterator[Door]:
    with letting_in(*deployed) as made:
        yield made


EHR = Caller(
    "practitioner", "clinic", ("user/*.cruds",), "TREAT", 4_000_000_000, "t",
    practitioner=oauth.PHYSICIAN, organization=oauth.CLINIC, role="physician",
)  # fmt: skip


def launching(door: Door, **body: str) -> tuple[int, Any]:
    return door.call("launch", EHR, body=json.dumps({"patient": PATIENT, **body}))


def launched(door: Door, **body: str) -> str:
    status, answer = launching(door, **body)
    assert status == 201, answer
    return str(answer["launch"])


def test_an_ehr_launches_an_app_for_its_practitioner(door: Door) -> None:
    encounter = f"{PATIENT}.{'0' * 16}.0000"
    launch = launched(door, encounter=encounter)
    scope = "launch patient/*.rs openid fhirUser"

    answer = door.tokens(door.nurse, scope=scope, launch=launch)

    caller = door.caller(answer)
    assert (answer["patient"], answer["encounter"]) == (PATIENT, encounter)
    assert (caller.kind, caller.purpose, caller.role) == ("practitioner", "TREAT", "physician")
    assert (caller.practitioner, caller.organization) == (oauth.PHYSICIAN, oauth.CLINIC)
    assert caller.confined == PATIENT
    assert caller.covers("Observation", "r")
    again = door.asked(scope=scope, launch=launch)
    assert isinstance(again, Redirect)
    assert "error=invalid_request" in again.location


def test_a_launch_serves_nobody_but_its_practitioner_and_not_for_long(door: Door) -> None:
    scope = "launch patient/*.rs"
    pending = door.asked(scope=scope, launch=launched(door))
    assert isinstance(pending, Pending)
    assert pending.people == ("practitioner",)
    other = replace(door.nurse, practitioner=oauth.SURGEON)
    for who in (door.me, other):
        with pytest.raises(Exception, match=r"not for who|another practitioner"):
            door.authorization.approve(pending.id, who, pending.scopes)
    launch = launched(door)
    door.app.traveller.shift(300)
    late = door.asked(scope=scope, launch=launch)
    assert isinstance(late, Redirect)


def test_a_practitioner_chooses_the_patient_of_a_standalone_app(door: Door) -> None:
    answer = door.tokens(door.nurse, PATIENT, scope="launch/patient patient/*.rs")
    everyones = door.tokens(door.nurse, scope="user/*.rs openid fhirUser")

    assert answer["patient"] == PATIENT
    assert "patient" not in everyones
    assert door.caller(everyones).confined is None


@pytest.mark.parametrize("kind", ["client", "role", "practitioner", "organization"])
def test_whoever_an_apps_token_hangs_on_ends_it(door: Door, deployed: Any, kind: str) -> None:
    answer = door.tokens(door.nurse, scope="user/*.rs offline_access")
    assert door.live(answer)
    names = {
        "client": "client#smart-app", "role": f"role#{oauth.PHYSICIAN}#{oauth.CLINIC}",
        "practitioner": f"practitioner#{oauth.PHYSICIAN}",
        "organization": f"organization#{oauth.CLINIC}",
    }  # fmt: skip
    made = deployed[0]
    made.client("dynamodb").update_item(
        TableName=made.output("RegistryTable"), Key={"pk": {"S": names[kind]}},
        UpdateExpression="SET active = :f", ExpressionAttributeValues={":f": {"BOOL": False}},
    )  # fmt: skip

    assert not door.live(answer)
    assert door.refresh(answer["refresh_token"])[0] in (400, 401)


def test_a_patient_sees_their_apps_and_ends_them(door: Door) -> None:
    one, two = door.tokens(), door.tokens(scope="patient/Observation.rs offline_access")
    session = door.app.key.caller(door.session["access_token"], door.app.clock.now_ms() // 1000)

    status, listed = door.call("listed", session)
    assert status == 200
    assert {a["scope"] for a in listed["apps"]} == {one["scope"], two["scope"]}
    assert {(a["name"], a["client_id"]) for a in listed["apps"]} == {
        ("Clinic software", "smart-app")
    }
    ended = next(a["id"] for a in listed["apps"] if a["scope"] == one["scope"])
    assert door.call("end", session, pathParameters={"id": ended})[0] == 204

    assert not door.live(one)
    assert door.live(two)
    assert door.refresh(one["refresh_token"])[0] == 400
    assert [a["scope"] for a in door.call("listed", session)[1]["apps"]] == [two["scope"]]
    assert door.call("end", session, pathParameters={"id": ended})[0] == 404


def test_an_app_neither_sees_nor_ends_apps_nor_launches_any(door: Door) -> None:
    caller = door.caller(door.tokens())

    for name in ("listed", "end", "launch"):
        assert door.call(name, caller)[0] == 403


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"patient": "x"}, "patient"), ({"encounter": "x"}, "encounter"),
        ({"encounter": f"{'1' * 20}.{'0' * 16}.0000"}, "encounter"), ({"extra": "x"}, "extra"),
    ],
)  # fmt: skip
def test_a_launch_of_another_form_is_refused_by_name(door: Door, body: Any, where: str) -> None:
    status, answer = launching(door, **body)

    assert (status, answer["expression"]) == (422, where)


def test_the_event_files_are_answered(door: Door) -> None:
    """Each as it stands: a launch, a patient's list, an app that is not on it."""
    told = {
        name: door.apps.handler(oauth.event(f"apps/{name}"), Context())["statusCode"]
        for name in ("launch", "listed", "end")
    }

    assert told == {"launch": 201, "listed": 401, "end": 401}  # nobody has the file's session
    exchanged = oauth.answered(door.app.handler, oauth.event("tokens/authorization_code"))
    assert exchanged[1]["error"] == "invalid_grant"
    assert dict(parse_qsl(oauth.event("tokens/authorization_code")["body"]))["code_verifier"]
