"""PIN and recovery codes: what they are, how often they may be wrong, and who is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import time_machine

from dmp.domain.credential import PIN_TRIES, RECOVERY_CODES
from tests.authenticator import Authenticator
from tests.post import Post
from tests.proving import PIN, Prover
from tests.register import sms
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import World

WRONG = "999123"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def prover(system: Stack) -> Iterator[Prover]:
    with time_machine.travel(1_795_000_000, tick=False) as travel:
        yield Prover(World(system), travel)


@pytest.fixture
def with_pin(prover: Prover) -> Prover:
    prover.ok("PUT /oauth2/pin", {"pin": PIN})
    prover.later()
    return prover


def told(prover: Prover) -> str:
    """The last SMS, once everything owed was sent."""
    post = Post(prover.world, prover.travel)
    post.announce(post.stream())
    while post.waiting():
        post.deliver()
    return str(sms()[-1][1])


def row(prover: Prover) -> dict[str, Any]:
    """The credential's row, as the table has it."""
    key = {"pk": {"S": f"credential#{prover.patient.patient}"}}
    table = prover.world.tables["REGISTRY_TABLE"]
    found = prover.world.stack.client("dynamodb").get_item(TableName=table, Key=key)
    item: dict[str, Any] = found["Item"]
    return item


def test_a_pin_makes_the_session_strong_for_five_minutes(with_pin: Prover) -> None:
    assert not with_pin.strong()

    assert with_pin.ok("POST /oauth2/pin", {"pin": " 8604 13"}) == {"strong_for": 300}

    assert with_pin.strong()
    with_pin.later(300)
    assert not with_pin.strong()


def test_digits_of_any_script_are_the_same_pin(with_pin: Prover) -> None:
    assert with_pin.call("POST /oauth2/pin", {"pin": "٨٦٠٤١٣"}).status == 200


def test_what_is_stored_tells_nothing_of_the_pin(with_pin: Prover) -> None:
    kept = json.dumps(row(with_pin))

    assert PIN not in kept
    content = json.loads(row(with_pin)["content"]["S"])
    assert len(content["pin"]["mac"]) == 64
    assert len(content["pin"]["salt"]) == 32


@pytest.mark.parametrize("tries", range(1, PIN_TRIES))
def test_a_wrong_pin_counts(with_pin: Prover, tries: int) -> None:
    for left in range(PIN_TRIES - 1, PIN_TRIES - 1 - tries, -1):
        refused = with_pin.call("POST /oauth2/pin", {"pin": WRONG})
        assert (refused.status, refused.json["tries_left"]) == (422, left)

    assert with_pin.ok("POST /oauth2/pin", {"pin": PIN})
    again = with_pin.call("POST /oauth2/pin", {"pin": WRONG})
    assert again.json["tries_left"] == PIN_TRIES - 1


def test_five_wrong_pins_lock_it_for_an_hour_and_the_patient_is_told(with_pin: Prover) -> None:
    for _ in range(PIN_TRIES):
        with_pin.call("POST /oauth2/pin", {"pin": WRONG})
    locked = with_pin.call("POST /oauth2/pin", {"pin": PIN})

    assert (locked.status, locked.headers["Retry-After"]) == (429, "3600")
    assert "bloqué" in told(with_pin)
    assert not with_pin.strong()
    with_pin.later(3599)
    assert with_pin.call("POST /oauth2/pin", {"pin": PIN}).status == 429
    with_pin.later(1)
    refused = with_pin.call("POST /oauth2/pin", {"pin": WRONG})
    assert refused.json["tries_left"] == PIN_TRIES - 1
    assert with_pin.call("POST /oauth2/pin", {"pin": PIN}).status == 200


@pytest.mark.parametrize("pin", [None, 860413, "", "86041", "8604131234567", "86o413", "x" * 5000])
def test_what_is_no_pin_costs_no_try(with_pin: Prover, pin: object) -> None:
    assert with_pin.call("POST /oauth2/pin", {"pin": pin}).status == 422
    refused = with_pin.call("POST /oauth2/pin", {"pin": WRONG})

    assert refused.json["tries_left"] == PIN_TRIES - 1


@pytest.mark.parametrize("pin", ["000000", "121212", "112211", "123456", "987654", "890123",
                                 "246802", "123123", "121212121", "86041", "abcdef"])  # fmt: skip
def test_a_pin_that_is_guessed_first_is_refused_with_the_reason(prover: Prover, pin: str) -> None:
    refused = prover.call("PUT /oauth2/pin", {"pin": pin})

    assert refused.status == 422
    assert len(refused.json["error_description"]) > 20
    assert pin not in refused.body
    assert prover.ok("GET /oauth2/passkeys")["pin"] is False


def test_a_pin_is_changed_and_removed_by_who_proves_it(with_pin: Prover) -> None:
    assert with_pin.call("PUT /oauth2/pin", {"pin": "591736"}).status == 403
    with_pin.ok("POST /oauth2/pin", {"pin": PIN})

    assert with_pin.call("PUT /oauth2/pin", {"pin": "591736"}).status == 200
    assert "PIN" in told(with_pin)
    assert with_pin.call("POST /oauth2/pin", {"pin": PIN}).status == 422
    assert with_pin.call("POST /oauth2/pin", {"pin": "591736"}).status == 200
    assert with_pin.call("DELETE /oauth2/pin").status == 204
    assert with_pin.call("POST /oauth2/pin", {"pin": "591736"}).status == 422
    assert row(with_pin)["known"] == {"BOOL": False}


def test_of_two_tries_at_once_one_counts_and_the_other_learns_nothing(
    with_pin: Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(PIN_TRIES - 1):
        with_pin.call("POST /oauth2/pin", {"pin": WRONG})
    rows = with_pin.api.credentials
    real = rows.keep

    def late(*arguments: Any) -> bool:
        monkeypatch.setattr(rows, "keep", real)
        other = with_pin.call("POST /oauth2/pin", {"pin": WRONG})
        assert other.json["tries_left"] == 0  # the other was faster, and was the last
        return bool(real(*arguments))

    monkeypatch.setattr(rows, "keep", late)

    assert with_pin.call("POST /oauth2/pin", {"pin": PIN}).status == 503
    assert with_pin.call("POST /oauth2/pin", {"pin": PIN}).status == 429
    assert not with_pin.strong()


def test_ten_recovery_codes_each_stand_in_once_and_use_is_told(with_pin: Prover) -> None:
    assert with_pin.call("POST /oauth2/recovery-codes", {}).status == 403
    with_pin.ok("POST /oauth2/pin", {"pin": PIN})
    codes = with_pin.ok("POST /oauth2/recovery-codes", {})["recovery_codes"]
    assert len(set(codes)) == RECOVERY_CODES
    assert not any(code in json.dumps(row(with_pin)) for code in codes)
    with_pin.later()

    url = "POST /oauth2/recovery-codes/proof"
    spoken = codes[3].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    used = with_pin.ok(url, {"recovery_code": spoken})

    assert used == {"strong_for": 300, "recovery_codes": 9}
    assert with_pin.strong()
    assert "secours" in told(with_pin)
    assert with_pin.call(url, {"recovery_code": codes[3]}).status == 422
    assert with_pin.ok(url, {"recovery_code": codes[4]})["recovery_codes"] == 8


def test_new_codes_end_the_old_ones(with_pin: Prover) -> None:
    with_pin.ok("POST /oauth2/pin", {"pin": PIN})
    old = with_pin.ok("POST /oauth2/recovery-codes", {})["recovery_codes"]
    new = with_pin.ok("POST /oauth2/recovery-codes", {})["recovery_codes"]
    url = "POST /oauth2/recovery-codes/proof"

    assert with_pin.call(url, {"recovery_code": old[0]}).status == 422
    assert with_pin.call(url, {"recovery_code": new[0]}).status == 200


def test_of_two_uses_of_a_recovery_code_at_once_one_counts(
    with_pin: Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_pin.ok("POST /oauth2/pin", {"pin": PIN})
    codes = with_pin.ok("POST /oauth2/recovery-codes", {})["recovery_codes"]
    body = {"recovery_code": codes[0]}
    rows, url = with_pin.api.credentials, "POST /oauth2/recovery-codes/proof"
    real = rows.keep

    def late(*arguments: Any) -> bool:
        monkeypatch.setattr(rows, "keep", real)
        assert with_pin.call(url, body).status == 200
        return bool(real(*arguments))

    monkeypatch.setattr(rows, "keep", late)

    assert with_pin.call(url, body).status == 503
    assert with_pin.call(url, body).status == 422


@pytest.mark.parametrize("code", [None, 7, "", "ABCD", "U" * 16, "0" * 16, "x" * 5000])
def test_what_is_no_recovery_code_is_refused(with_pin: Prover, code: object) -> None:
    refused = with_pin.call("POST /oauth2/recovery-codes/proof", {"recovery_code": code})

    assert refused.status == 422


def test_codes_stand_in_for_something(prover: Prover) -> None:
    assert prover.call("POST /oauth2/recovery-codes", {}).status == 422
    device = Authenticator()
    prover.add(device)
    prover.ok("POST /oauth2/recovery-codes", {})
    (shown,) = prover.ok("GET /oauth2/passkeys")["passkeys"]
    prover.call(f"DELETE /oauth2/passkeys/{shown['id']}")

    assert prover.ok("GET /oauth2/passkeys") == {
        "passkeys": [], "pin": False, "recovery_codes": 0, "strong": False
    }  # fmt: skip


def test_a_session_that_ended_proves_nothing(with_pin: Prover) -> None:
    with_pin.patient = replace(with_pin.patient, session="another")

    assert with_pin.call("POST /oauth2/pin", {"pin": PIN}).status == 401
    assert with_pin.call("GET /oauth2/passkeys").status == 401
