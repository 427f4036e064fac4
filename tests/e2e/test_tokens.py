"""Tokens at the deployed API: what is expired, forged, of elsewhere or no longer active is out."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from dmp.adapters.signing import TokenKey
from dmp.domain.caller import Caller
from infra.local.visitors import ASSERTION, PartnerApp
from tests.e2e.place import Home, Place
from tests.e2e.refused import refused

ADDRESS = "203.0.113.51"


@dataclass
class Door:
    """One record, the app of a nurse whom it lets in, and the operator's hands."""

    place: Place
    home: Home
    app: PartnerApp

    @property
    def nurse(self) -> Any:
        """Who is let in."""
        return self.place.practitioner("nurse")

    def knock(self, token: str | None) -> httpx.Response:
        """Read the record."""
        url = f"{self.place.base}/Patient/{self.home.id}"
        return self.app.sandbox.send("GET", url, token)

    def ask(self, assertion: str, **form: str) -> httpx.Response:
        """Ask for a token."""
        sent = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION,
            "client_assertion": assertion,
            "scope": self.app.registered["scopes"],
            **form,
        }
        url = str(self.place.described["token_url"])
        return self.app.sandbox.send("POST", url, data=sent)

    def forged(self, region: str = "", base_url: str = "", **changes: Any) -> str:
        """A token signed with the region's own key, for claims that it never issues."""
        now = int(time.time())
        members: dict[str, Any] = {
            "kind": "practitioner", "client_id": self.app.registered["client_id"],
            "scopes": ("system/*.cruds",), "purpose": "TREAT", "expires": now + 240,
            "token_id": "forged", "practitioner": self.nurse["inpe"],
            "organization": self.nurse["organization"], "role": "nurse", "prefix": "cln",
        }  # fmt: skip
        arn = self.place.outputs["TokenKeyArn"]
        base = base_url or str(self.place.described["base_url"])
        ours = str(self.place.described["region"])
        key = TokenKey(self.place.client("kms"), arn, base, region or ours)
        issued = key.issue(Caller(**{**members, **changes}), now - 10)
        assert isinstance(issued, str)
        return issued

    @contextmanager
    def inactive(self, row: str) -> Iterator[None]:
        """While an operator has switched a row of the directory off."""
        self._switch(row, active=False)
        yield
        self._switch(row, active=True)

    def _switch(self, row: str, *, active: bool) -> None:
        self.place.client("dynamodb").update_item(
            TableName=self.place.outputs["RegistryTable"],
            Key={"pk": {"S": row}},
            UpdateExpression="SET active = :a",
            ConditionExpression="attribute_exists(pk)",
            ExpressionAttributeValues={":a": {"BOOL": active}},
        )


@pytest.fixture(scope="module")
def door(place: Place) -> Door:
    made = Door(place, place.home("fr"), place.app("clinic", ADDRESS))
    made.home.grant(made.nurse)
    return made


def unauthenticated(answer: httpx.Response) -> None:
    refused(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_no_token_or_none_of_ours_is_a_401_that_says_how(door: Door) -> None:
    for token in (None, "x", "a.b.c", "é"):
        sent = {"Authorization": f"Bearer {token}".encode()} if token else {}
        url = f"{door.place.base}/Patient/{door.home.id}"
        unauthenticated(door.app.sandbox.http.get(url, headers=sent))


def test_a_token_that_was_touched_is_out(door: Door) -> None:
    good = door.app.token(door.nurse)
    header, claims, signature = good.split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = {**content, "practitioner": "200000011"}
    swapped = base64.urlsafe_b64encode(json.dumps(other).encode()).rstrip(b"=").decode()
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').rstrip(b"=").decode()

    assert door.knock(good).status_code == 200
    for token in (
        f"{header}.{swapped}.{signature}",
        f"{header}.{claims}.{signature[:-6]}AAAAAA",
        f"{unsigned}.{claims}.",
        f"{header}.{claims}",
    ):
        unauthenticated(door.knock(token))


def test_the_right_key_is_not_enough(door: Door) -> None:
    now = int(time.time())
    assert door.knock(door.forged()).status_code == 200
    for token in (
        door.forged(expires=now - 1),
        door.forged(expires=now + 3600),
        door.forged(region="MA-01" if door.place.described["region"] != "MA-01" else "MA-02"),
        door.forged(base_url="https://elsewhere.example"),
        door.forged(purpose=""),
    ):
        unauthenticated(door.knock(token))


def test_who_is_switched_off_is_out_at_once(door: Door) -> None:
    token = door.app.token(door.nurse)
    client = f"client#{door.app.registered['client_id']}"
    role = f"role#{door.nurse['inpe']}#{door.nurse['organization']}"
    for row in (client, role):
        assert door.knock(token).status_code == 200
        with door.inactive(row):
            unauthenticated(door.knock(token))
            asked = door.ask(door.app.assertion(door.nurse, "TREAT"))
            assert asked.status_code in (400, 401)
            assert asked.json()["error"] in ("invalid_client", "invalid_grant")
        assert door.knock(token).status_code == 200


def test_an_assertion_is_good_once(door: Door) -> None:
    assertion = door.app.assertion(door.nurse, "TREAT")

    assert door.ask(assertion).status_code == 200
    again = door.ask(assertion)
    assert again.status_code in (400, 401)
    assert again.json()["error"] in ("invalid_client", "invalid_grant")


def test_assertions_that_say_too_little_or_too_much_get_no_token(door: Door) -> None:
    now = int(time.time())
    surgeon = door.place.practitioner("surgeon")
    for assertion in (
        door.app.assertion(door.nurse, ""),
        door.app.assertion(door.nurse, "PATRQT"),
        door.app.assertion(surgeon, "TREAT"),
        door.app.assertion(door.nurse, "TREAT", extensions={}),
        door.app.assertion(door.nurse, "TREAT", exp=now - 60),
        door.app.assertion(door.nurse, "TREAT", exp=now + 3600),
        door.app.assertion(door.nurse, "TREAT", aud="https://elsewhere.example/token"),
        door.app.assertion(door.nurse, "TREAT", sub="sandbox-hospital"),
        "a.b.c",
    ):
        answered = door.ask(assertion)
        assert answered.status_code in (400, 401), answered.text
        assert answered.headers["Content-Type"] == "application/json"
        assert answered.json()["error"] in ("invalid_client", "invalid_grant", "invalid_request")


def test_a_session_that_was_revoked_is_over(door: Door) -> None:
    person = door.place.newcomer("Q240597", ADDRESS).person
    tokens = person.sign_in()
    url = f"{door.place.base}/Patient/{tokens['patient']}"
    assert door.app.sandbox.send("GET", url, tokens["access_token"]).status_code == 200

    form = {"token": tokens["refresh_token"]}
    gone = door.app.sandbox.send("POST", door.app.sandbox.url("/oauth2/revoke"), data=form)
    assert gone.status_code == 200
    unauthenticated(door.app.sandbox.send("GET", url, tokens["access_token"]))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = door.app.sandbox.send("POST", str(door.place.described["token_url"]), data=form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
