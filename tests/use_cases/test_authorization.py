"""An app's request to be let in: what is shown, what the app is told, who may answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest

from dmp.adapters.dynamodb import client
from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.domain.authorization import Launch, Pending, Redirect, SignedIn, is_redirect_uri, proven
from dmp.domain.directory import Client
from dmp.domain.refusals import OAuthError
from dmp.use_cases.authorization import Authorization, hashed
from tests import oauth
from tests.engine import Engine
from tests.use_cases.test_tokens import START, Clock

URI = "https://app.test/callback?keep=1"
PATIENT = "0123456789abcdefghij"
ME = SignedIn("patient", "s-me", PATIENT)
DOCTOR = SignedIn("practitioner", "s-doctor", "", oauth.PHYSICIAN, oauth.CLINIC)
GOOD = {
    "response_type": "code", "client_id": "app", "redirect_uri": URI, "state": "s" * 21 + "t",
    "scope": "patient/*.rs", "aud": f"{oauth.BASE}/fhir", "code_challenge": "c" * 43,
    "code_challenge_method": "S256",
}  # fmt: skip


class Registered:
    """One app, one that is off, and sessions that are live."""

    def __init__(self) -> None:
        scopes = "patient/*.rs user/*.rs openid fhirUser launch launch/patient offline_access"
        made = oauth.client_of("app", jwks="", scopes=scopes, redirect_uris=(URI,))
        self.clients = {"app": made, "off": oauth.client_of("off", active=False)}
        self.live: dict[str, dict[str, object]] = {
            f"session#{name}": {"active": True, "expires": START + 900}
            for name in ("s-me", "s-doctor")
        }

    def client(self, client_id: str) -> Client | None:
        return self.clients.get(client_id)

    def rows(self, keys: Sequence[str]) -> Mapping[str, Mapping[str, object]]:
        return {key: self.live[key] for key in keys if key in self.live}


@pytest.fixture
def server() -> Iterator[Authorization]:
    with mock.patch.object(client, "client", return_value=Engine()):
        rows = AuthorizationRows("registry")
        yield Authorization(Registered(), rows, Clock(), oauth.BASE)


def begin(server: Authorization, **changes: str | None) -> Pending | Redirect:
    query = {**GOOD, **changes}
    return server.begin([(name, value) for name, value in query.items() if value is not None])


def pending(server: Authorization, **changes: str | None) -> Pending:
    made = begin(server, **changes)
    assert isinstance(made, Pending), made
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None}, {"client_id": "nobody"}, {"client_id": "off"},
        {"redirect_uri": None}, {"redirect_uri": "https://app.test/callback"},
        {"redirect_uri": f"{URI}&more=1"}, {"redirect_uri": "https://APP.test/callback?keep=1"},
        {"redirect_uri": "https://evil.test/"}, {"redirect_uri": f"{URI}#x"},
    ],
)  # fmt: skip
def test_until_the_redirect_uri_is_proven_errors_are_shown(
    server: Authorization, changes: dict[str, str | None]
) -> None:
    with pytest.raises(OAuthError):
        begin(server, **changes)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"request": "a.b.c"}, "request_not_supported"),
        ({"request_uri": "https://app.test/r"}, "request_uri_not_supported"),
        ({"prompt": "none"}, "login_required"),
        ({"aud": None}, "invalid_request"),
        ({"aud": oauth.BASE}, "invalid_request"),
        ({"aud": "https://other.test/fhir"}, "invalid_request"),
        ({"state": None}, "invalid_request"),
        ({"state": "fifteen-letters"}, "invalid_request"),
        ({"state": "s" * 40}, "invalid_request"),
        ({"state": "é" * 21 + "ab"}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "c" * 42}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": None}, "invalid_scope"),
        ({"scope": "system/*.cruds"}, "invalid_scope"),
        ({"scope": "patient/*.read"}, "invalid_scope"),
        ({"scope": "patient/Observation.rs?category:not=x"}, "invalid_scope"),
        ({"scope": "offline_access"}, "invalid_scope"),
        ({"scope": "launch patient/*.rs"}, "invalid_request"),
        ({"launch": "x"}, "invalid_request"),
        ({"scope": "launch patient/*.rs", "launch": "x" * 43}, "invalid_request"),
    ],
)  # fmt: skip
def test_once_it_is_proven_the_app_is_told(
    server: Authorization, changes: dict[str, str | None], error: str
) -> None:
    made = begin(server, **changes)

    assert isinstance(made, Redirect)
    assert made.location.startswith(f"{URI}&")
    told = parse_qs(urlsplit(made.location).query)
    assert told["error"] == [error]
    assert told["iss"] == [oauth.BASE]
    assert "code" not in told


def test_a_parameter_that_comes_twice_is_told_without_a_state(server: Authorization) -> None:
    made = server.begin([*GOOD.items(), ("state", "another" * 4)])

    assert isinstance(made, Redirect)
    assert "state=" not in made.location


@pytest.mark.parametrize(
    ("registered", "asked", "expected"),
    [
        (URI, URI, True),
        (URI, URI + "/", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1/cb", True),
        ("http://[::1]/cb", "http://[::1]:65535/cb", True),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5/cb/x", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:x/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1:5@evil.test/cb", False),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test:5/cb", False),
        ("http://127.0.0.1/cb", "http://localhost:5/cb", False),
        ("http://127.0.0.1/cb", "https://127.0.0.1:5/cb", False),
        ("https://app.test/cb", "https://app.test:444/cb", False),
        ("ma.app.carnet:/cb", "ma.app.carnet:/cb", True),
    ],
)
def test_only_a_loopback_address_may_vary_by_its_port(
    registered: str, asked: str, expected: bool
) -> None:
    assert is_redirect_uri(registered)
    assert proven([registered], asked) is expected


@pytest.mark.parametrize(
    "uri",
    [
        "", "http://app.test/cb", "https://", "https://app.test/cb#x", "https://*.app.test/cb",
        "https://u:p@app.test/cb", "http://localhost/cb", "http://127.0.0.1:80/cb", "javascript:x",
        "data:text/html,x", "carnet:/cb", "https://app.test/c b", "https://app.test/\\cb", "//x/y",
        "https://app.test:x/", "ma.app.carnet://host/cb",
    ],
)  # fmt: skip
def test_what_is_no_place_to_send_people_to_cannot_be_registered(uri: str) -> None:
    assert not is_redirect_uri(uri)


@pytest.mark.parametrize(
    ("scope", "people"),
    [
        ("patient/*.rs", ("patient",)),
        ("patient/*.rs launch/patient", ("patient", "practitioner")),
        ("user/*.rs", ("practitioner",)),
        ("user/*.rs patient/*.rs", ("practitioner",)),
        ("openid fhirUser", ("patient", "practitioner")),
    ],
)
def test_scopes_say_who_can_answer(
    server: Authorization, scope: str, people: tuple[str, ...]
) -> None:
    assert pending(server, scope=scope).people == people


def approved(server: Authorization, made: Pending, who: SignedIn, *scopes: str) -> dict[str, str]:
    url = server.approve(made.id, who, scopes or made.scopes, PATIENT)
    return {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}


def given(server: Authorization, answer: dict[str, str]) -> tuple[str, ...]:
    code = server.rows.code(hashed(answer["code"]))
    assert code is not None
    return code.given.scopes


def test_a_person_gives_what_they_chose_of_what_they_have(server: Authorization) -> None:
    scope = "patient/*.rs launch/patient openid offline_access"
    one = approved(server, pending(server, scope=scope), ME, "patient/Observation.rs", "openid",
                   "user/*.rs", "patient/*.cruds")  # fmt: skip
    two = approved(server, pending(server, scope=scope), DOCTOR)
    three = approved(server, pending(server, scope="user/*.rs openid"), DOCTOR, "openid")
    none = approved(server, pending(server, scope=scope), ME, "offline_access")

    assert given(server, one) == ("patient/*.rs", "openid")
    assert given(server, two) == ("patient/*.rs", "openid", "launch/patient", "offline_access")
    assert given(server, three) == ("openid",)
    assert none["error"] == "access_denied"


def test_a_request_is_answered_once(server: Authorization) -> None:
    made = pending(server)
    approved(server, made, ME)

    for again in (lambda: approved(server, made, ME), lambda: server.deny(made.id)):
        with pytest.raises(OAuthError, match="over"):
            again()
    refused = pending(server)
    assert "error=access_denied" in server.deny(refused.id)
    with pytest.raises(OAuthError, match="over"):
        server.approve(refused.id, ME, refused.scopes)


def test_a_request_waits_ten_minutes(server: Authorization) -> None:
    made = pending(server)
    server.clock.now = START + 599  # type: ignore[attr-defined]  # the tests' clock
    assert server.pending(made.id) == made
    server.clock.now = START + 600  # type: ignore[attr-defined]  # the tests' clock
    for lost in (made.id, "x", "x" * 43):
        with pytest.raises(OAuthError):
            server.pending(lost)


def test_nobody_answers_without_a_live_session(server: Authorization) -> None:
    made = pending(server)
    for who in (SignedIn("patient", "s-other", PATIENT), DOCTOR):
        with pytest.raises(OAuthError):
            server.approve(made.id, who, made.scopes)
    server.clients.live["session#s-me"]["active"] = False  # type: ignore[attr-defined]  # a double
    with pytest.raises(OAuthError, match="sign in again"):
        server.approve(made.id, ME, made.scopes)


def test_a_launch_serves_once(server: Authorization) -> None:
    launch = Launch(PATIENT, oauth.PHYSICIAN, oauth.CLINIC)
    server.rows.keep_launch(hashed("x" * 43), launch, START + 300)
    scope = {"scope": "launch patient/*.rs", "launch": "x" * 43}

    made = pending(server, **scope)

    assert made.launch == launch
    assert isinstance(begin(server, **scope), Redirect)


def test_who_let_no_app_in_has_none_on_the_list(server: Authorization) -> None:
    assert server.apps(ME) == []
