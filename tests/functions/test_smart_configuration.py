"""smart-configuration against behaviour: whatever it tells has a probe here, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from dmp.domain.authorization import Pending, Redirect
from dmp.fhir.capability import smart_configuration
from infra.template import load, of_type
from tests import oauth
from tests.apps import Door, letting_in
from tests.functions.test_apps import launched
from tests.patients import CIN, PATIENT, code_of, exchange, start, texts
from tests.stack import Stack, stack

FUNCTIONS = of_type(load(), "AWS::Serverless::Function")
TOLD = smart_configuration(oauth.BASE)
EHR = "launch patient/*.rs openid fhirUser"


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens"), made.app("apps", "Apps")


@pytest.fixture
def door(deployed: tuple[Stack, Any, Any]) -> Iterator[Door]:
    with letting_in(*deployed) as made:
        yield made


def standalone(door: Door) -> None:
    pending = door.asked(scope="patient/*.rs")
    assert isinstance(pending, Pending)
    assert pending.people == ("patient",)


def ehr(door: Door) -> None:
    answer = door.tokens(door.nurse, scope=EHR, launch=launched(door))
    assert door.caller(answer).confined == PATIENT


def ehr_patient(door: Door) -> None:
    answer = door.tokens(door.nurse, scope=EHR, launch=launched(door))
    assert answer["patient"] == PATIENT


def ehr_encounter(door: Door) -> None:
    encounter = f"{PATIENT}.{'0' * 16}.0000"
    launch = launched(door, encounter=encounter)
    assert door.tokens(door.nurse, scope=EHR, launch=launch)["encounter"] == encounter


def public(door: Door) -> None:
    assert door.exchange(door.code(client_id="smart-app"))[0] == 200


def asymmetric(door: Door) -> None:
    code, proof = door.code(client_id="signing"), oauth.signed(oauth.claims_of("signing"))
    form = {"client_id": "signing", "client_assertion_type": oauth.ASSERTION_TYPE}
    assert door.exchange(code, **form, client_assertion=proof)[0] == 200
    assert door.exchange(door.code(client_id="signing"), client_id="signing")[0] == 401


def identity(door: Door) -> None:
    assert door.tokens(scope="openid fhirUser patient/*.rs")["id_token"].count(".") == 2
    assert "id_token" not in door.tokens(scope="patient/*.rs")


def standalone_patient(door: Door) -> None:
    assert door.tokens(scope="launch/patient patient/*.rs")["patient"] == PATIENT


def banner(door: Door) -> None:
    assert door.tokens(scope="launch/patient patient/*.rs")["need_patient_banner"] is True


def offline(door: Door) -> None:
    answer = door.tokens(scope="patient/*.rs offline_access")
    door.app.traveller.shift(13 * 3600)
    assert door.refresh(answer["refresh_token"])[0] == 200


def online(door: Door) -> None:
    assert "refresh_token" not in door.tokens(scope="patient/*.rs")
    answer = door.tokens(scope="patient/*.rs online_access")
    status, renewed = door.refresh(answer["refresh_token"])
    assert status == 200
    door.app.traveller.shift(13 * 3600)
    assert door.refresh(renewed["refresh_token"])[0] == 400


def of_a_patient(door: Door) -> None:
    assert door.caller(door.tokens(scope="patient/*.rs")).covers("Observation", "r")


def of_a_user(door: Door) -> None:
    caller = door.caller(door.tokens(door.nurse, scope="user/*.rs"))
    assert (caller.kind, caller.covers("Observation", "r")) == ("practitioner", True)


def v2(door: Door) -> None:
    caller = door.caller(door.tokens(scope="patient/Observation.rs?category=laboratory"))
    assert caller.reaches("Observation", "r")
    assert not caller.covers("Observation", "r")
    assert isinstance(door.asked(scope="patient/*.read"), Redirect)


def by_post(_: Door) -> None:
    events = FUNCTIONS["Authorization"]["Properties"]["Events"].values()
    routes = {(e["Properties"]["Method"], e["Properties"]["Path"]) for e in events}
    assert {("GET", "/oauth2/authorize"), ("POST", "/oauth2/authorize")} <= routes


CAPABILITIES: dict[str, Callable[[Door], None]] = {
    "launch-standalone": standalone, "launch-ehr": ehr, "client-public": public,
    "client-confidential-asymmetric": asymmetric, "sso-openid-connect": identity,
    "context-standalone-patient": standalone_patient, "context-ehr-patient": ehr_patient,
    "context-ehr-encounter": ehr_encounter, "context-banner": banner,
    "permission-offline": offline, "permission-online": online,
    "permission-patient": of_a_patient, "permission-user": of_a_user, "permission-v2": v2,
    "authorize-post": by_post,
}  # fmt: skip


@pytest.mark.parametrize("name", CAPABILITIES)
def test_a_capability_that_is_told_is_so(door: Door, name: str) -> None:
    CAPABILITIES[name](door)


def by_code(door: Door) -> None:
    public(door)


def by_assertion(door: Door) -> None:
    form = oauth.credentials(oauth.signed(oauth.claims_of()))
    event = oauth.event("tokens/client_credentials", **form)
    assert oauth.answered(door.app.handler, event)[0] == 200


def by_refresh(door: Door) -> None:
    offline(door)


def by_one_time_code(door: Door) -> None:
    door.app.traveller.shift(61)
    _, begun = start(door.app, CIN)
    assert exchange(door.app, begun["challenge"], code_of(texts()[-1]))[0] == 200


GRANTS: dict[str, Callable[[Door], None]] = {
    "authorization_code": by_code, "client_credentials": by_assertion,
    "refresh_token": by_refresh, "urn:dmp:params:oauth:grant-type:otp": by_one_time_code,
}  # fmt: skip


@pytest.mark.parametrize("name", GRANTS)
def test_a_grant_that_is_told_is_given(door: Door, name: str) -> None:
    GRANTS[name](door)


@pytest.mark.parametrize("name", ["password", "implicit", "", "urn:ietf:params:oauth:grant-type:x"])
def test_a_grant_that_is_not_told_is_refused(door: Door, name: str) -> None:
    event = oauth.event("tokens/refresh", grant_type=name, client_id="smart-app")
    status, answer = oauth.answered(door.app.handler, event)
    assert (status, answer["error"] in ("unsupported_grant_type", "invalid_request")) == (400, True)


METHODS: dict[str, Callable[[Door], None]] = {"none": public, "private_key_jwt": asymmetric}


@pytest.mark.parametrize("name", METHODS)
def test_a_method_that_is_told_authenticates(door: Door, name: str) -> None:
    METHODS[name](door)


@pytest.mark.parametrize("form", [{"client_secret": "s"}, {"client_assertion": "x"}])
def test_a_method_that_is_not_told_does_not(door: Door, form: dict[str, str]) -> None:
    assert door.exchange(door.code(), **form)[0] in (400, 401)


@pytest.mark.parametrize("alg", ["ES384", "RS384"])
def test_an_algorithm_that_is_told_signs(door: Door, alg: str) -> None:
    key = oauth.EC if alg == "ES384" else oauth.RSA
    form = oauth.credentials(oauth.signed(oauth.claims_of(), key))
    event = oauth.event("tokens/client_credentials", **form)
    assert oauth.answered(door.app.handler, event)[0] == 200


def test_what_is_told_is_what_is_probed() -> None:
    assert sorted(TOLD["capabilities"]) == sorted(CAPABILITIES)
    assert sorted(TOLD["grant_types_supported"]) == sorted(GRANTS)
    assert sorted(TOLD["token_endpoint_auth_methods_supported"]) == sorted(METHODS)
    assert TOLD["token_endpoint_auth_signing_alg_values_supported"] == ["ES384", "RS384"]
    assert TOLD["response_types_supported"] == ["code"]
    assert TOLD["code_challenge_methods_supported"] == ["S256"]


def test_every_endpoint_that_is_told_has_a_route() -> None:
    routes = {
        e["Properties"]["Path"]
        for f in FUNCTIONS.values()
        for e in f["Properties"].get("Events", {}).values()
        if e["Type"] == "Api"
    }
    told = [url for name, url in TOLD.items() if name.endswith(("_endpoint", "_uri"))]
    assert {urlsplit(url).path.removeprefix("/test") for url in told} <= routes
    assert len(told) == 6


@pytest.mark.parametrize("scope", [s for s in TOLD["scopes_supported"] if "/" not in s])
def test_a_word_that_is_told_is_taken(door: Door, scope: str) -> None:
    changes = {"launch": launched(door)} if scope == "launch" else {}
    pending = door.asked(scope=f"patient/*.rs openid {scope}", **changes)
    assert isinstance(pending, Pending)
    assert scope in pending.scopes


@pytest.mark.parametrize("method", ["plain", "", None])
def test_a_challenge_that_is_not_told_is_refused(door: Door, method: str | None) -> None:
    assert isinstance(door.asked(code_challenge_method=method), Redirect)


def test_the_issuer_is_told_with_every_answer(door: Door) -> None:
    refused = door.asked(scope="patient/*.rs", response_type="token")
    assert isinstance(refused, Redirect)
    assert "iss=https%3A%2F%2Fdmp.test%2Ftest" in refused.location
