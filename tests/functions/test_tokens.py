"""Tokens for partner apps through the real handler: grant, introspection, key set."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, cast

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from dmp.domain.directory import Organization, Practitioner
from tests import oauth
from tests.stack import stack


@pytest.fixture(scope="module")
def deployed() -> Iterator[Any]:
    with stack() as made:
        yield made.app("tokens", "Tokens")


@pytest.fixture
def app(deployed: Any) -> Any:
    deployed.tokens.directory.put(oauth.directory())
    return deployed


def ask(app: Any, assertion: str, **form: str) -> tuple[int, dict[str, Any]]:
    sent = oauth.event("tokens/client_credentials", **oauth.credentials(assertion, **form))
    return oauth.answered(app.handler, sent)


def b2b(**changes: Any) -> dict[str, Any]:
    changed = {k: v for k, v in {**oauth.B2B, **changes}.items() if v is not None}
    return oauth.claims_of(extensions={"hl7-b2b": changed})


@pytest.mark.parametrize("key", [oauth.EC, oauth.RSA], ids=["ES384", "RS384"])
def test_a_signed_assertion_gives_an_access_token(app: Any, key: Any) -> None:
    status, body = ask(app, oauth.signed(oauth.claims_of(), key), scope="system/*.rs openid")

    assert status == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 300)
    assert body["scope"] == "system/*.rs"
    caller = app.key.caller(body["access_token"], int(time.time()))
    assert caller.practitioner_name == "Dr Salma Bennani"  # the directory's, not the assertion's
    assert caller.organization_name == "Clinique Al Amal"
    assert (caller.role, caller.purpose, caller.prefix) == ("physician", "TREAT", "cli")
    assert (caller.practitioner_id, caller.organization_id) == ("prac-physician", "org-clinic")


def test_the_key_set_verifies_an_access_token_and_hides_the_private_half(app: Any) -> None:
    _, body = ask(app, oauth.signed(oauth.claims_of()))
    status, key_set = oauth.answered(app.handler, oauth.event("tokens/jwks"))

    token = jwt.decode(
        body["access_token"], KeySet.import_key_set(cast(Any, key_set)), algorithms=["ES256"]
    )

    assert status == 200
    assert set(key_set["keys"][0]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert token.header["typ"] == "at+jwt"
    assert token.claims["iss"] == oauth.BASE
    assert token.claims["aud"] == f"{oauth.BASE}/fhir"
    assert token.claims["exp"] - token.claims["iat"] == 300
    assert token.claims["region"] == "MA-06"


def test_without_a_scope_all_that_are_registered_are_given(app: Any) -> None:
    assert ask(app, oauth.signed(oauth.claims_of()))[1]["scope"] == oauth.SCOPES


@pytest.mark.parametrize(
    "scope", ["user/*.rs", "patient/*.rs", "system/*.read", "system/*.sr", "openid", ""]
)
def test_a_scope_that_is_not_registered_or_not_v2_is_refused(app: Any, scope: str) -> None:
    status, body = ask(app, oauth.signed(oauth.claims_of()), scope=scope)

    assert (status, body["error"]) == (400, "invalid_scope")


def test_an_assertion_serves_once(app: Any) -> None:
    assertion = oauth.signed(oauth.claims_of())

    assert ask(app, assertion)[0] == 200
    status, body = ask(app, assertion)

    assert (status, body["error"]) == (401, "invalid_client")
    assert "used already" in body["error_description"]


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose_of_use": None},
        {"purpose_of_use": []},
        {"purpose_of_use": ["TREAT", "BTG"]},
        {"purpose_of_use": "TREAT"},
        {"purpose_of_use": ["PATRQT"]},
        {"purpose_of_use": [{"code": "TREAT"}]},
        {"purpose_of_use": ["treat"]},
        {"version": 1},
        {"version": None},
        {"subject_id": None},
        {"subject_id": oauth.PHYSICIAN},
        {"subject_id": f"urn:ma:inpe|{oauth.PHYSICIAN}0"},
        {"subject_id": f"urn:ma:cin|{oauth.PHYSICIAN}"},
        {"subject_id": f"urn:ma:inpe|{oauth.SURGEON}"},  # no role there
        {"organization_id": None},
        {"subject_name": ["x"]},
    ],
    ids=str,
)
def test_a_requester_that_is_not_whole_and_known_is_refused(
    app: Any, changes: dict[str, Any]
) -> None:
    status, body = ask(app, oauth.signed(b2b(**changes)))

    assert (status, body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("extensions", [None, {}, {"hl7-b2b": []}, "x", {"hl7-b2b": {}}], ids=str)
def test_an_assertion_without_a_requester_is_refused(app: Any, extensions: Any) -> None:
    status, body = ask(app, oauth.signed(oauth.claims_of(extensions=extensions)))

    assert (status, body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "purpose",
    [
        "BTG",
        "http://terminology.hl7.org/CodeSystem/v3-ActReason|BTG",
        "urn:oid:2.16.840.1.113883.5.8#BTG",
        "urn:oid:2.16.840.1.113883.5.8|BTG",
    ],
)
def test_the_purpose_of_use_may_be_spelt_with_its_system(app: Any, purpose: str) -> None:
    _, body = ask(app, oauth.signed(b2b(purpose_of_use=[purpose])))

    assert app.key.caller(body["access_token"], int(time.time())).purpose == "BTG"


def test_a_client_acts_only_for_organisations_it_is_registered_for(app: Any) -> None:
    status, body = ask(app, oauth.signed(b2b(organization_id=f"urn:ma:inpe|{oauth.HOSPITAL}")))

    assert (status, body["error"]) == (400, "unauthorized_client")


@pytest.mark.parametrize(
    "entry",
    [
        oauth.role_of(active=False),
        oauth.role_of(ends="2020-12-31"),
        oauth.role_of(starts="2999-01-01"),
        Practitioner(oauth.PHYSICIAN, "p", "B", ("S",), "Dr S B", active=False),
        Organization(oauth.CLINIC, "o", "C", active=False),
    ],
    ids=["role", "ended", "not yet", "practitioner", "organisation"],
)
def test_whoever_is_no_longer_active_gets_no_token(app: Any, entry: Any) -> None:
    app.tokens.directory.put([entry])

    status, body = ask(app, oauth.signed(oauth.claims_of()))

    assert (status, body["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    "client",
    [
        oauth.client_of(active=False),
        oauth.client_of(jwks=oauth.jwks_of(oauth.RSA)),  # the key that signs was taken away
        oauth.client_of(jwks='{"keys": []}'),
    ],
    ids=["inactive", "other key", "no key"],
)
def test_a_client_or_key_that_is_no_longer_registered_is_refused(app: Any, client: Any) -> None:
    app.tokens.directory.put([client])

    status, body = ask(app, oauth.signed(oauth.claims_of()))

    assert (status, body["error"]) == (401, "invalid_client")


def test_another_client_cannot_use_the_keys_of_this_one(app: Any) -> None:
    app.tokens.directory.put([oauth.client_of("other", jwks='{"keys": []}')])

    assert ask(app, oauth.signed(oauth.claims_of("other")))[0] == 401
    assert ask(app, oauth.signed(oauth.claims_of("unknown")))[0] == 401
    assert ask(app, oauth.signed(oauth.claims_of(sub="other")))[0] == 401
    assert ask(app, oauth.signed(oauth.claims_of()), client_id="other")[0] == 401


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password", "username": "x"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"scope": "x"}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
        ({"grant_type": "client_credentials", "client_assertion": "a.b.c"}, "invalid_client"),
    ],
)
def test_a_request_of_another_form_is_refused(app: Any, form: dict[str, str], error: str) -> None:
    _, body = oauth.answered(app.handler, oauth.event("tokens/client_credentials", **form))

    assert body["error"] == error


@pytest.mark.parametrize(
    "body",
    ["grant_type=a&grant_type=b", "grant_type=%ff", "x", "&".join(f"a{n}=1" for n in range(21))],
    ids=["twice", "not UTF-8", "no pair", "many"],
)
def test_a_form_that_is_not_strict_is_refused(app: Any, body: str) -> None:
    sent = {**oauth.event("tokens/client_credentials"), "body": body}

    status, answer = oauth.answered(app.handler, sent)

    assert (status, answer["error"]) == (400, "invalid_request")


def test_a_form_that_is_too_long_is_refused(app: Any) -> None:
    sent = {**oauth.event("tokens/client_credentials"), "body": "grant_type=" + "x" * 40_000}

    assert oauth.answered(app.handler, sent)[0] == 413


def test_credentials_in_the_url_and_json_bodies_are_refused(app: Any) -> None:
    sent = oauth.event("tokens/client_credentials")
    in_url = {**sent, "multiValueQueryStringParameters": {"client_assertion": ["a.b.c"]}}
    as_json = {**sent, "headers": {"content-type": "application/json"}, "body": "{}"}

    assert oauth.answered(app.handler, in_url)[1]["error"] == "invalid_request"
    assert oauth.answered(app.handler, as_json)[0] == 415


def introspect(app: Any, token: str) -> tuple[int, dict[str, Any]]:
    form = oauth.credentials(oauth.signed(oauth.claims_of()), token=token)
    return oauth.answered(app.handler, oauth.event("tokens/introspect", **form))


def test_introspection_tells_what_a_live_token_says(app: Any) -> None:
    _, body = ask(app, oauth.signed(oauth.claims_of()))

    status, told = introspect(app, body["access_token"])

    assert (status, told["active"]) == (200, True)
    assert (told["client_id"], told["scope"]) == ("clinic", oauth.SCOPES)
    assert told["fhirUser"] == f"{oauth.BASE}/fhir/Practitioner/prac-physician"
    assert told["exp"] > time.time()


def test_introspection_knows_a_role_that_ended_since(app: Any) -> None:
    _, body = ask(app, oauth.signed(oauth.claims_of()))
    app.tokens.directory.put([replace(oauth.role_of(), active=False)])

    assert introspect(app, body["access_token"]) == (200, {"active": False})
    assert introspect(app, "a.b.c") == (200, {"active": False})


def test_introspection_is_for_authenticated_apps(app: Any) -> None:
    sent = oauth.event("tokens/introspect", token="a.b.c")

    status, body = oauth.answered(app.handler, sent)

    assert (status, body["error"]) == (401, "invalid_client")


def test_introspection_of_another_clients_token_tells_nothing(app: Any) -> None:
    app.tokens.directory.put([oauth.client_of("other", prefix="oth")])
    _, body = ask(app, oauth.signed(oauth.claims_of("other")))

    assert introspect(app, body["access_token"]) == (200, {"active": False})


def test_nothing_of_a_token_is_logged(app: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assertion = oauth.signed(oauth.claims_of())
    _, body = ask(app, assertion)
    ask(app, assertion)

    printed = capsys.readouterr()
    for secret in (assertion, body["access_token"], assertion.split(".")[2]):
        assert secret not in printed.out + printed.err
    assert json.loads(printed.out.splitlines()[0])["Requests"]
