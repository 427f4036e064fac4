"""Tokens of the apps that people let in, through the real handler."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from dmp.domain.refusals import Unauthenticated
from tests import oauth
from tests.apps import OFFLINE, Door, letting_in
from tests.patients import PATIENT, refresh, revoke
from tests.stack import Stack, stack


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens"), made.app("apps", "Apps")


@pytest.fixture
def door(deployed: tuple[Stack, Any, Any]) -> Iterator[Door]:
    with letting_in(*deployed) as made:
        yield made


def test_a_patient_lets_an_app_in(door: Door) -> None:
    answer = door.tokens()

    caller = door.caller(answer)
    assert (
        answer["scope"].split()
        == OFFLINE.replace(
            "launch/patient openid fhirUser", "openid fhirUser launch/patient"
        ).split()
    )
    assert (answer["patient"], answer["need_patient_banner"]) == (PATIENT, True)
    assert answer["expires_in"] == 300
    assert (caller.kind, caller.patient, caller.purpose) == ("patient", PATIENT, "PATRQT")
    assert caller.session is None  # it outlives the session


def test_the_id_token_says_who_to_the_app_that_asked(door: Door) -> None:
    _, keys = oauth.answered(door.app.handler, oauth.event("tokens/jwks"))
    answer = door.tokens()
    token = jwt.decode(answer["id_token"], KeySet.import_key_set(keys), algorithms=["ES256"])

    assert token.header["typ"] == "JWT"
    assert {k: v for k, v in token.claims.items() if k not in ("iat", "exp")} == {
        "iss": oauth.BASE, "aud": "smart-app", "sub": PATIENT, "nonce": "n-1",
        "fhirUser": f"{oauth.BASE}/fhir/Patient/{PATIENT}",
    }  # fmt: skip
    assert token.claims["exp"] - token.claims["iat"] == 300
    with pytest.raises(Unauthenticated):  # no door takes it for an access token
        door.app.key.caller(answer["id_token"], door.app.clock.now_ms() // 1000)


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 64}, {"code_verifier": "v"}, {"client_id": "signing"},
        {"client_id": "clinic"}, {"client_id": "nobody"}, {"code": "x" * 43},
        {"redirect_uri": "http://127.0.0.1/callback"}, {"client_secret": "s"},
        {"redirect_uri": "http://127.0.0.1:4568/callback"},
    ],
)  # fmt: skip
def test_a_code_serves_only_who_asked_for_it(door: Door, changes: dict[str, str]) -> None:
    code = door.code()

    status, answer = door.exchange(**{"code": code, **changes})

    assert status in (400, 401)
    assert answer["error"] in ("invalid_grant", "invalid_client")
    assert door.exchange(code)[0] == 200  # nothing was used up


def test_a_second_use_of_a_code_ends_what_the_first_gave(door: Door) -> None:
    code = door.code()
    _, answer = door.exchange(code)
    assert door.live(answer)

    assert door.exchange(code)[1]["error"] == "invalid_grant"

    assert not door.live(answer)
    assert door.refresh(answer["refresh_token"])[0] == 400


def test_a_code_is_good_for_sixty_seconds(door: Door) -> None:
    code = door.code()
    door.app.traveller.shift(60)

    assert door.exchange(code)[1]["error"] == "invalid_grant"


def test_refresh_tokens_of_apps_rotate_for_ninety_idle_days(door: Door) -> None:
    token = door.tokens()["refresh_token"]
    for days in (89, 89):
        door.app.traveller.shift(days * 86_400)
        status, answer = door.refresh(token)
        assert status == 200
        token = answer["refresh_token"]
        assert door.live(answer)
    door.app.traveller.shift(90 * 86_400)

    assert door.refresh(token)[0] == 400


def test_an_app_ends_after_a_year_however_it_is_used(door: Door) -> None:
    token = door.tokens()["refresh_token"]
    for _ in range(6):
        door.app.traveller.shift(60 * 86_400)
        token = door.refresh(token)[1]["refresh_token"]
    door.app.traveller.shift(5 * 86_400)

    assert door.refresh(token)[0] == 400


def test_a_refresh_token_used_twice_ends_the_app(door: Door) -> None:
    first = door.tokens()
    _, second = door.refresh(first["refresh_token"])

    assert door.refresh(first["refresh_token"])[1]["error"] == "invalid_grant"

    assert door.refresh(second["refresh_token"])[0] == 400
    assert not door.live(second)


def test_who_holds_another_apps_or_half_a_refresh_token_gets_nothing(door: Door) -> None:
    token = door.tokens()["refresh_token"]
    name, _, secret = token.partition(".")

    assert refresh(door.app, token, client_id="clinic")[0] == 401
    for guess in (
        name,
        f"{name}.",
        f"{name}.{'A' * 86}",
        f"app~.{secret}",
        f"{name}.{secret[43:]}",
    ):
        assert door.refresh(guess)[0] == 400
        assert revoke(door.app, guess) == 200
    assert door.refresh(token)[0] == 200


def test_online_apps_go_with_the_session(door: Door) -> None:
    answer = door.tokens(scope="patient/*.rs online_access")
    assert door.live(answer)
    _, answer = door.refresh(answer["refresh_token"])

    revoke(door.app, door.session["access_token"])

    assert not door.live(answer)
    assert door.refresh(answer["refresh_token"])[1]["error"] == "invalid_grant"


def test_an_online_app_that_is_used_keeps_its_session_for_twelve_hours_at_most(door: Door) -> None:
    token = door.tokens(scope="patient/*.rs online_access")["refresh_token"]
    for _ in range(27):  # 11 h 15 min
        door.app.traveller.shift(25 * 60)
        status, answer = door.refresh(token)
        assert status == 200
        token = answer["refresh_token"]
    door.app.traveller.shift(46 * 60)

    assert door.refresh(token)[0] == 400
    assert not door.live(answer)


def test_an_online_app_that_rests_for_half_an_hour_is_out(door: Door) -> None:
    token = door.tokens(scope="patient/*.rs online_access")["refresh_token"]
    door.app.traveller.shift(25 * 60)
    token = door.refresh(token)[1]["refresh_token"]
    door.app.traveller.shift(30 * 60)

    assert door.refresh(token)[0] == 400


def test_without_offline_or_online_access_there_is_one_access_token(door: Door) -> None:
    answer = door.tokens(scope="patient/*.rs")

    assert "refresh_token" not in answer
    assert "id_token" not in answer
    assert door.live(answer)


def test_a_public_app_need_not_name_itself_to_refresh_and_one_with_keys_must_prove_itself(
    door: Door,
) -> None:
    status, _ = refresh(door.app, door.tokens()["refresh_token"])
    proof = oauth.signed(oauth.claims_of("signing"))
    form = {"client_id": "signing", "client_assertion_type": oauth.ASSERTION_TYPE}
    _, signed = door.exchange(door.code(client_id="signing"), **form, client_assertion=proof)

    assert status == 200
    assert refresh(door.app, signed["refresh_token"])[0] == 401


def test_a_refresh_narrows_and_never_widens(door: Door) -> None:
    token = door.tokens()["refresh_token"]
    _, answer = door.refresh(token, scope="patient/Observation.rs?category=laboratory openid")
    assert answer["scope"] == "patient/Observation.rs?category=laboratory openid"
    status, _ = door.refresh(answer["refresh_token"], scope="user/*.cruds")

    assert status == 400


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revocation_holds_at_the_next_request(door: Door, kind: str) -> None:
    answer = door.tokens()
    form = oauth.event("tokens/revoke", token=answer[kind], client_id="smart-app")

    assert oauth.answered(door.app.handler, form)[0] == 200

    assert not door.live(answer)
    assert door.refresh(answer["refresh_token"])[0] == 400


def test_another_client_revokes_nothing(door: Door) -> None:
    answer = door.tokens()
    for kind in ("access_token", "refresh_token"):
        assertion = oauth.signed(oauth.claims_of("signing"))
        form = oauth.credentials(assertion, token=answer[kind])
        assert oauth.answered(door.app.handler, oauth.event("tokens/revoke", **form))[0] == 200
    assert door.live(answer)


def test_a_backend_token_is_revoked_at_the_next_request(door: Door) -> None:
    form = oauth.credentials(oauth.signed(oauth.claims_of()))
    _, answer = oauth.answered(door.app.handler, oauth.event("tokens/client_credentials", **form))
    assert door.live(answer)

    assert revoke(door.app, answer["access_token"]) == 200

    assert not door.live(answer)


def test_a_confidential_app_signs_and_asks_about_its_own_tokens_alone(door: Door) -> None:
    code = door.code(client_id="signing")
    assert door.exchange(code, client_id="signing")[0] == 401  # by name alone

    def signed(**form: str) -> dict[str, str]:
        made = oauth.credentials(oauth.signed(oauth.claims_of("signing")), **form)
        return {**made, "client_id": "signing"}

    form = signed(grant_type="authorization_code")
    status, answer = door.exchange(code, **form)
    assert status == 200

    def told(token: str, form: dict[str, str]) -> Any:
        sent = oauth.event("tokens/introspect", **{**form, "token": token})
        return oauth.answered(door.app.handler, sent)[1]

    own = told(answer["access_token"], signed())
    assert own.pop("jti")
    assert own.pop("exp") > 0
    assert own == {
        "active": True, "iss": oauth.BASE, "aud": f"{oauth.BASE}/fhir", "client_id": "signing",
        "scope": answer["scope"], "token_type": "Bearer", "sub": PATIENT, "patient": PATIENT,
        "fhirUser": f"{oauth.BASE}/fhir/Patient/{PATIENT}", "purpose_of_use": "PATRQT",
    }  # fmt: skip
    foreign = door.tokens()["access_token"]
    assert told(foreign, signed()) == {"active": False}
    assert told("no.token.ofours", signed()) == {"active": False}
    assert told(foreign, {"client_id": "smart-app"}) == {
        "error": "invalid_client",
        "error_description": told(foreign, {"client_id": "smart-app"})["error_description"],
    }
