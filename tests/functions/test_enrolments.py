"""Practitioners: by a passkey that their administrator let them have, and never by SMS."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine

from dmp.domain.directory import ADMINISTRATOR, AUDITOR, REGISTRAR
from infra.template import ROOT
from tests.authenticator import Authenticator
from tests.proving import Prover, directory
from tests.register import sms
from tests.stack import Stack
from tests.world import AMRANI, BENNIS, CLINIC, HOSPITAL, World

URL = "POST /oauth2/enrolments"


@pytest.fixture
def prover(stack: Stack) -> Iterator[Prover]:
    with time_machine.travel(1_795_000_000, tick=False) as travel:
        yield Prover(World(stack), travel)


def signed_in(prover: Prover, practitioner: str = AMRANI, role: str = "physician") -> str:
    """A practitioner's session."""
    device = Authenticator()
    joined = prover.join(prover.enrolled(practitioner, role), device)
    assert joined.status == 201, joined.body
    answer = prover.sign_in(device)
    assert answer.status == 200, answer.body
    return str(answer.json["session"])


@pytest.mark.parametrize("role", ["physician", ADMINISTRATOR, AUDITOR, REGISTRAR])
def test_a_practitioner_signs_in_by_passkey_in_their_role(prover: Prover, role: str) -> None:
    before = len(sms())
    device = Authenticator()
    prover.join(prover.enrolled(AMRANI, role), device)

    answer = prover.sign_in(device).json

    session = answer.pop("session")
    assert answer == {
        "expires_in": 1800,
        "practitioner": {"inpe": AMRANI, "name": "Dr Salma Amrani"},
        "organization": {"inpe": CLINIC, "name": "Clinique Atlas"},
        "role": role,
    }
    assert prover.ok("GET /oauth2/session", bearer=session)["role"] == role
    assert len(sms()) == before


def test_the_row_of_a_session_is_what_the_authorization_server_reads(prover: Prover) -> None:
    session = signed_in(prover).partition(".")[0]

    rows = prover.api.credentials.enter("1#2", [f"session#{session}"]).rows
    row = rows[f"session#{session}"]

    assert (row["active"], row["expires"], row["until"]) == (True, 1_795_001_800, 1_795_043_200)
    assert (row["practitioner"], row["organization"], row["role"]) == (AMRANI, CLINIC, "physician")
    assert "patient" not in row


def test_an_administrator_enrols_their_own_practitioners_once_each(prover: Prover) -> None:
    admin = signed_in(prover, AMRANI, ADMINISTRATOR)
    directory(prover.world, BENNIS, "nurse")

    made = prover.ok(URL, {"practitioner": BENNIS}, bearer=admin)

    assert made["expires_in"] == 86_400
    device = Authenticator()
    assert prover.join(made["enrolment"], device).status == 201
    body = {"enrolment": made["enrolment"]}
    again = prover.call("POST /oauth2/enrolments/registration", body, anyone=True)
    assert again.status == 410
    assert prover.sign_in(device).json["practitioner"]["inpe"] == BENNIS


def test_who_enrolled_whom_stays_on_record(prover: Prover) -> None:
    admin = signed_in(prover, AMRANI, ADMINISTRATOR)
    directory(prover.world, BENNIS, "nurse")
    prover.ok(URL, {"practitioner": BENNIS}, bearer=admin)

    table = prover.world.tables["REGISTRY_TABLE"]
    rows = prover.world.stack.client("dynamodb").scan(TableName=table)["Items"]
    traces = [r for r in rows if r["pk"]["S"].startswith(f"enrolled#{CLINIC}#{BENNIS}#")]

    assert ({"S": AMRANI}, {"N": "1795000000"}) in [(t["by"], t["at"]) for t in traces]
    assert all("ttl" not in t for t in traces)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422), ({"practitioner": "12"}, 422), ({"practitioner": 200000002}, 422),
        ({"practitioner": "299999999"}, 422),
        ({"practitioner": AMRANI, "organization": HOSPITAL}, 422),
        ({"practitioner": AMRANI, "replaces": "yes"}, 422),
    ],
)  # fmt: skip
def test_nobody_is_enrolled_who_has_no_role_in_that_organisation(
    prover: Prover, body: dict[str, Any], status: int
) -> None:
    admin = signed_in(prover, AMRANI, ADMINISTRATOR)

    assert prover.call(URL, body, bearer=admin).status == status


@pytest.mark.parametrize("role", ["physician", AUDITOR, REGISTRAR])
def test_only_an_administrator_enrols(prover: Prover, role: str) -> None:
    session = signed_in(prover, AMRANI, role)

    assert prover.call(URL, {"practitioner": AMRANI}, bearer=session).status == 403


def test_a_patients_token_or_none_enrols_nobody(prover: Prover) -> None:
    device = Authenticator()
    prover.add(device)
    tokens = prover.sign_in(device).json

    for bearer in (tokens["refresh_token"], "x", "a.b", ""):
        assert prover.call(URL, {"practitioner": AMRANI}, bearer=bearer).status == 401


def test_a_role_that_ends_ends_session_sign_in_and_enrolment(prover: Prover) -> None:
    device = Authenticator()
    prover.join(prover.enrolled(AMRANI, ADMINISTRATOR), device)
    session = prover.sign_in(device).json["session"]
    pending = prover.enrolled(AMRANI, ADMINISTRATOR)
    directory(prover.world, AMRANI, ADMINISTRATOR, active=False)

    assert prover.call("GET /oauth2/session", bearer=session).status == 401
    assert prover.call(URL, {"practitioner": AMRANI}, bearer=session).status == 401
    assert prover.sign_in(device).json["error"] == "invalid_grant"
    body = {"enrolment": pending}
    begun = prover.call("POST /oauth2/enrolments/registration", body, anyone=True)
    assert begun.status == 403


def test_a_session_ends_after_half_an_idle_hour_twelve_hours_or_signing_out(
    prover: Prover,
) -> None:
    session = signed_in(prover)
    prover.later(1799)
    assert prover.ok("GET /oauth2/session", bearer=session)["expires_in"] == 1800
    prover.later(1800)
    assert prover.call("GET /oauth2/session", bearer=session).status == 401

    session = signed_in(prover)
    for _ in range(24):
        prover.later(1799)
        prover.ok("GET /oauth2/session", bearer=session)
    prover.later(30)
    assert prover.call("GET /oauth2/session", bearer=session).status == 401

    session = signed_in(prover)
    assert prover.call("DELETE /oauth2/session", bearer=session).status == 204
    assert prover.call("GET /oauth2/session", bearer=session).status == 401


def test_who_knows_a_sessions_id_alone_is_nobody(prover: Prover) -> None:
    session = signed_in(prover).partition(".")[0]

    assert prover.call("GET /oauth2/session", bearer=f"{session}.{'A' * 43}").status == 401


def test_a_lost_passkey_is_replaced(prover: Prover) -> None:
    admin = signed_in(prover, AMRANI, ADMINISTRATOR)
    lost, other, new = Authenticator(), Authenticator(), Authenticator()
    for device in (lost, other):
        prover.join(prover.enrolled(BENNIS, "nurse"), device)
    made = prover.ok(URL, {"practitioner": BENNIS, "replaces": True}, bearer=admin)

    assert prover.join(made["enrolment"], new).status == 201

    assert [prover.sign_in(d).status for d in (lost, other, new)] == [400, 400, 200]


def test_an_enrolment_is_over_after_a_day_and_its_challenge_is_its_own(prover: Prover) -> None:
    one, two = prover.enrolled(AMRANI), prover.enrolled(AMRANI)
    url = "POST /oauth2/enrolments/registration"
    begun = prover.ok(url, {"enrolment": one}, anyone=True)
    answer = Authenticator().create(begun["publicKey"])
    body = {"ceremony": begun["ceremony"], "credential": answer, "name": "x", "enrolment": two}
    assert prover.call("POST /oauth2/enrolments/passkeys", body, anyone=True).status == 410

    prover.later(86_400)
    for code in (one, "x" * 43, 7, None):
        assert prover.call(url, {"enrolment": code}, anyone=True).status == 410


def test_of_two_registrations_with_one_enrolment_one_is_kept(
    prover: Prover, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrolment = prover.enrolled(AMRANI)
    first, second = Authenticator(), Authenticator()
    rows = prover.api.credentials
    real = rows.keep

    def late(*arguments: Any) -> bool:
        monkeypatch.setattr(rows, "keep", real)
        assert prover.join(enrolment, second).status == 201
        return bool(real(*arguments))

    monkeypatch.setattr(rows, "keep", late)

    assert prover.join(enrolment, first).status == 503
    assert [prover.sign_in(d).status for d in (first, second)] == [400, 200]


def test_no_way_of_a_practitioner_sends_messages() -> None:
    """Neither their sign-in nor its function knows how to send anything."""
    names = ("practitioner_sessions", "enrolments", "ceremonies", "passkeys", "proving")
    files = [ROOT / f"shared/dmp/use_cases/{name}.py" for name in names]
    files.append(ROOT / "functions/passkeys/app.py")
    imported = {
        node.module
        for path in files
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
    }

    sending = {"messages", "code_messages", "one_time_codes", "texts", "contacts"}
    assert not {m for m in imported if m and m.rpartition(".")[2] in sending}
