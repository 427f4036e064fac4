"""Patients sign in by one-time code, through the real handler."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dmp.adapters.dynamodb.tables import CONTACT, KeysItem, RecordItem
from dmp.domain.refusals import Unavailable
from tests import oauth
from tests.patients import (
    CIN,
    IDCS,
    PATIENT,
    PHONE,
    code_of,
    exchange,
    live,
    signing_in,
    start,
    texts,
    wrong,
)
from tests.stack import Stack, stack


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens")


@pytest.fixture
def app(deployed: tuple[Stack, Any]) -> Iterator[Any]:
    with signing_in(*deployed) as made:
        yield made


def test_the_right_code_signs_in(app: Any) -> None:
    status, body = start(app)
    (text,) = texts()
    answered, tokens = exchange(app, body["challenge"], code_of(text))

    assert status == 202
    assert answered == 200
    assert set(body) == {"challenge"}
    assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 300)
    assert (tokens["scope"], tokens["patient"]) == ("patient/*.cruds", PATIENT)
    caller = app.key.caller(tokens["access_token"], int(time.time()))
    assert (caller.kind, caller.patient, caller.purpose) == ("patient", PATIENT, "PATRQT")
    assert live(app, tokens["access_token"])


def test_nobody_looks_like_somebody(app: Any) -> None:
    somebody, nobody = start(app), start(app, ("urn:ma:cin", "ZZ999999"))

    assert somebody[0] == nobody[0] == 202
    assert len(somebody[1]["challenge"]) == len(nobody[1]["challenge"])
    assert len(texts()) == 1
    for left in (2, 1, 0):
        told = [exchange(app, s[1]["challenge"], "x") for s in (somebody, nobody)]
        assert told[0] == told[1]
        assert told[0][1]["tries_left"] == left
    assert start(app)[0] == start(app, ("urn:ma:cin", "ZZ999999"))[0] == 429


def test_a_provider_that_fails_looks_like_one_that_does_not(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise Unavailable("provider")

    monkeypatch.setattr(app.sign_in.messages._messages, "send", fails)

    assert start(app)[0] == 202


def test_an_answer_takes_its_time_whoever_is_asked_for(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(app, "settings", replace(app.settings, otp_answer_ms=700))
    monkeypatch.setattr("dmp.edge.oauth.time.sleep", slept.append)
    monkeypatch.setattr("dmp.edge.oauth.time.monotonic", lambda: 0.0)
    start(app)
    start(app, ("urn:ma:cin", "ZZ999999"))

    assert slept == [0.7, 0.7]


def test_nobodys_code_is_never_right(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp.domain.sign_in.code", lambda _: "424242")
    _, body = start(app, ("urn:ma:cin", "ZZ999999"))

    assert exchange(app, body["challenge"], "424242")[1]["error"] == "invalid_grant"


@pytest.mark.parametrize("spelling", ["{0} ", " {1} {2}", "{3}"])
def test_a_code_may_be_typed_as_people_type(app: Any, spelling: str) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])
    arabic = code.translate({ord(str(d)): chr(0x660 + d) for d in range(10)})

    assert (
        exchange(app, body["challenge"], spelling.format(code, code[:3], code[3:], arabic))[0]
        == 200
    )


def test_three_wrong_codes_end_the_challenge(app: Any) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])

    told = [exchange(app, body["challenge"], wrong(code)) for _ in range(3)]
    last = exchange(app, body["challenge"], code)

    assert [t[1]["tries_left"] for t in told] == [2, 1, 0]
    assert {(t[0], t[1]["error"]) for t in [*told, last]} == {(400, "invalid_grant")}
    assert last[1]["tries_left"] == 0


def test_the_third_try_may_be_the_right_one(app: Any) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])
    for _ in range(2):
        exchange(app, body["challenge"], wrong(code))

    assert exchange(app, body["challenge"], code)[0] == 200


def test_a_code_serves_once(app: Any) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])

    assert exchange(app, body["challenge"], code)[0] == 200
    assert exchange(app, body["challenge"], code)[1]["error"] == "invalid_grant"


def test_a_code_lives_five_minutes(app: Any) -> None:
    _, body = start(app)
    app.traveller.shift(300)

    assert exchange(app, body["challenge"], code_of(texts()[-1]))[1]["tries_left"] == 0


def test_a_new_code_ends_the_earlier_one_whatever_the_identifier(app: Any) -> None:
    _, first = start(app)
    app.traveller.shift(61)
    _, second = start(app, IDCS)
    one, two = (code_of(text) for text in texts())

    assert exchange(app, first["challenge"], one)[1]["error"] == "invalid_grant"
    assert exchange(app, first["challenge"], two)[1]["error"] == "invalid_grant"
    assert exchange(app, second["challenge"], two)[0] == 200


def test_a_code_belongs_to_its_challenge(app: Any) -> None:
    start(app)
    code = code_of(texts()[-1])
    _, other = start(app, ("urn:ma:cin", "ZZ999999"))

    assert exchange(app, other["challenge"], code)[1]["error"] == "invalid_grant"
    assert exchange(app, "no-such-challenge", code)[1]["tries_left"] == 0


@pytest.mark.parametrize("challenge", ["x" * 3000, "é" * 43, "A" * 42, "A" * 44])
def test_a_challenge_of_another_form_is_an_unknown_one(app: Any, challenge: str) -> None:
    unknown = exchange(app, "A" * 43, "000000")

    assert exchange(app, challenge, "000000") == unknown
    assert unknown[1]["error"] == "invalid_grant"


def test_guesses_at_the_same_time_share_the_three_tries(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])
    real = app.sign_in.macs.code
    inside: list[int] = []

    def while_comparing(place: str, typed: str) -> bytes:
        monkeypatch.setattr(app.sign_in.macs, "code", real)
        for _ in range(5):
            told = exchange(app, body["challenge"], wrong(code))
            inside.append(told[1]["tries_left"])
        return bytes(real(place, typed))

    monkeypatch.setattr(app.sign_in.macs, "code", while_comparing)
    exchange(app, body["challenge"], wrong(code))

    assert inside == [1, 0, 0, 0, 0]
    assert exchange(app, body["challenge"], code)[1]["error"] == "invalid_grant"


def test_codes_are_spaced_by_a_minute(app: Any) -> None:
    start(app)
    status, body = start(app)
    app.traveller.shift(60)

    assert (status, body["retry_after_s"]) == (429, 60)
    assert start(app)[0] == 202


def test_five_codes_an_hour_and_ten_a_day(app: Any) -> None:
    answers = []
    for hour in range(4):
        for _ in range(6):
            answers.append(start(app, ip=f"192.0.2.{hour}")[0])
            app.traveller.shift(61)
        app.traveller.shift(3600)

    assert answers.count(202) == 10 == len(texts())


def test_a_second_identifier_gives_no_second_allowance_and_no_sign(app: Any) -> None:
    start(app)
    challenge = start(app, IDCS)

    assert challenge[0] == 202
    assert len(texts()) == 1
    _, first = challenge
    assert exchange(app, first["challenge"], code_of(texts()[0]))[1]["error"] == "invalid_grant"


def test_a_code_not_sent_does_not_end_the_one_that_was(app: Any) -> None:
    _, first = start(app)
    start(app, IDCS)

    assert exchange(app, first["challenge"], code_of(texts()[0]))[0] == 200


def test_thirty_codes_an_hour_from_one_address(app: Any) -> None:
    told = [start(app, ("urn:ma:cin", f"ZZ{n:06}"))[0] for n in range(31)]

    assert told == [202] * 30 + [429]
    assert start(app, ("urn:ma:cin", "ZY000001"), ip="192.0.2.11")[0] == 202


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("[]", 400),
        ("{}", 422),
        ('{"identifier": "BE1"}', 422),
        ('{"identifier": {"system": "urn:ma:inpe", "value": "100000011"}}', 422),
        ('{"identifier": {"system": ["urn:ma:cin"], "value": "BE1"}}', 422),
        ('{"identifier": {"system": "urn:ma:cin", "value": 7}}', 422),
        ('{"identifier": {"system": "urn:ma:cin", "value": "B|E"}}', 422),
        ('{"identifier": {"system": "urn:ma:cin", "value": ""}}', 422),
    ],
)
def test_a_request_without_an_identifier_is_refused(app: Any, body: str, status: int) -> None:
    sent = {**oauth.event("tokens/otp"), "body": body}

    assert oauth.answered(app.handler, sent)[0] == status


def test_a_contact_that_cannot_be_opened_looks_like_any_other(app: Any) -> None:
    RecordItem(PATIENT, CONTACT, b=b"broken").save()
    assert start(app)[0] == 202

    app.traveller.shift(61)
    KeysItem(PATIENT).delete()
    assert start(app)[0] == 202
    assert texts() == []


def test_two_right_codes_at_once_open_one_session(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, body = start(app)
    code = code_of(texts()[-1])
    rows = app.sign_in.sign_ins
    real = rows.open

    def late(*asked: Any) -> bool:
        monkeypatch.setattr(rows, "open", real)
        assert exchange(app, body["challenge"], code)[0] == 200
        return bool(real(*asked))

    monkeypatch.setattr(rows, "open", late)

    assert exchange(app, body["challenge"], code)[1]["error"] == "invalid_grant"


def test_two_requests_for_a_code_at_once_send_one(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = app.sign_in.sign_ins
    real = rows.start

    def late(*asked: Any) -> bool:
        monkeypatch.setattr(rows, "start", real)
        assert start(app)[0] == 202
        return bool(real(*asked))

    monkeypatch.setattr(rows, "start", late)

    assert start(app)[0] == 429
    assert len(texts()) == 1


def test_neither_code_nor_phone_nor_identifier_is_logged_or_kept(
    app: Any, deployed: tuple[Stack, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    made = deployed[0]
    _, body = start(app)
    code = code_of(texts()[-1])
    exchange(app, body["challenge"], wrong(code))
    kept = made.client("dynamodb").scan(TableName=made.output("RegistryTable"))["Items"]

    printed = capsys.readouterr()
    for secret in (code, PHONE, CIN[1], body["challenge"]):
        assert secret not in printed.out + printed.err
    for secret in (code, PHONE, CIN[1]):
        assert secret not in str(kept)
