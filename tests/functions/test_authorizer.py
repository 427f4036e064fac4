"""The authorizer: exactly Unauthorized for every token that is not ours, a caller otherwise."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dmp.adapters.signing import TokenKey
from dmp.domain.caller import Caller
from dmp.edge.caller import caller_of
from tests import oauth
from tests.stack import Context, stack

PHYSICIAN = Caller(
    kind="practitioner",
    client_id="clinic",
    scopes=("system/*.rs", "system/Observation.c"),
    purpose="TREAT",
    expires=0,
    token_id="t-1",
    practitioner=oauth.PHYSICIAN,
    organization=oauth.CLINIC,
    role="physician",
    practitioner_name="د. سلمى بناني",
    organization_name="Clinique Al Amal",
    practitioner_id="prac-1",
    organization_id="org-1",
    prefix="cli",
)
PATIENT = Caller(
    kind="patient",
    client_id="dmp",
    scopes=("patient/*.cruds",),
    purpose="PATRQT",
    expires=0,
    token_id="t-2",
    patient="0123456789abcdefghij",
    session="s-1",
)
STAGE = "arn:aws:execute-api:eu-west-1:123456789012:api1234567/test"


@pytest.fixture(scope="module")
def app() -> Iterator[Any]:
    with stack() as made:
        yield made.app("authorizer", "Authorizer")


def token_of(app: Any, caller: Caller, seconds: int = 300, **of_key: str) -> str:
    now = int(time.time())
    key = TokenKey(
        app.client("kms"),
        of_key.get("arn", app.settings.token_key_arn),
        of_key.get("base_url", oauth.BASE),
        of_key.get("region", "MA-06"),
    )
    return key.issue(replace(caller, expires=now + seconds), now)


def authorize(app: Any, authorization: str | None, name: str = "Authorization") -> dict[str, Any]:
    sent = oauth.event("authorizer/read")
    sent["headers"] = {} if authorization is None else {name: authorization}
    answer: dict[str, Any] = app.handler(sent, Context())
    return answer


@pytest.mark.parametrize("caller", [PHYSICIAN, PATIENT], ids=["practitioner", "patient"])
def test_a_token_of_ours_opens_the_whole_api_for_its_caller(app: Any, caller: Caller) -> None:
    answer = authorize(app, f"Bearer {token_of(app, caller)}")

    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Resource"]) == ("Allow", f"{STAGE}/*")
    assert all(isinstance(value, str) for value in answer["context"].values())
    told = caller_of(answer["context"])
    assert told is not None
    assert 290 < told.expires - time.time() <= 300
    assert replace(told, expires=0) == caller


@pytest.mark.parametrize("name", ["authorization", "AUTHORIZATION", "Authorization"])
def test_the_header_is_found_whatever_its_case(app: Any, name: str) -> None:
    assert authorize(app, f"bearer {token_of(app, PATIENT)}", name)["principalId"]


def spoilt(app: Any, **changes: Any) -> str:
    """A token of ours with claims changed, signed by our key: what only a fault of ours gives."""
    header, claims, _ = token_of(app, PHYSICIAN).split(".")
    read = json.loads(base64.urlsafe_b64decode(claims + "=="))
    kept = {k: v for k, v in {**read, **changes}.items() if v is not None}
    text = base64.urlsafe_b64encode(json.dumps(kept).encode()).rstrip(b"=").decode()
    signature = app.key._sign(f"{header}.{text}".encode())
    return f"{header}.{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None}, {"exp": 1}, {"exp": "9999999999"}, {"exp": 9_999_999_999}, {"exp": 2.5e9},
        {"iat": 9_999_999_999}, {"iss": "https://other.test"}, {"iss": None},
        {"aud": oauth.BASE}, {"aud": None}, {"region": "MA-01"}, {"region": None},
        {"kind": "system"}, {"kind": None}, {"kind": "patient"}, {"scope": None}, {"scope": ["x"]},
        {"purpose": None}, {"purpose": ""}, {"client_id": None}, {"client_id": ""}, {"jti": None},
        {"practitioner": None}, {"organization": None}, {"role": ""}, {"practitioner": 1},
        {"sub": None},
    ],
    ids=str,
)  # fmt: skip
def test_claims_that_are_not_ours_are_refused(app: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, f"Bearer {spoilt(app, **changes)}")


def test_a_token_signed_well_and_unchanged_is_taken(app: Any) -> None:
    assert authorize(app, f"Bearer {spoilt(app)}")


def test_tokens_of_others_are_refused(app: Any) -> None:
    kms = app.client("kms")
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    foreign = {
        "another region's": token_of(app, PHYSICIAN, region="MA-01"),
        "another server's": token_of(app, PHYSICIAN, base_url="https://other.test/test"),
        "another key's": token_of(app, PHYSICIAN, arn=made["Arn"]),
        "expired": token_of(app, PHYSICIAN, seconds=-1),
        "too long": token_of(app, PHYSICIAN, seconds=400),
        "an assertion": oauth.signed(oauth.claims_of()),
        "cut": token_of(app, PHYSICIAN)[:-4],
    }
    for name, token in foreign.items():
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorize(app, f"Bearer {token}")
        assert name


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "a.b.c", "Bearer a b"]
)
def test_a_header_that_is_not_a_bearer_token_is_refused(
    app: Any, authorization: str | None
) -> None:
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, authorization)


def test_two_authorization_headers_are_refused(app: Any) -> None:
    token = token_of(app, PATIENT)
    sent = {**oauth.event("authorizer/read")}
    sent["headers"] = {"Authorization": f"Bearer {token}", "authorization": f"Bearer {token}"}

    with pytest.raises(Exception, match=r"^Unauthorized$"):
        app.handler(sent, Context())


def test_cve_2026_48524_the_public_key_is_fetched_once_whatever_is_sent(
    app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    real = app.key._kms.get_public_key

    def fetch(**asked: str) -> Any:
        fetched.append(asked["KeyId"])
        return real(**asked)

    monkeypatch.setattr(app.key._kms, "get_public_key", fetch)
    monkeypatch.setattr(app.key, "_publics", {})
    assertion = oauth.claims_of()
    for n in range(200):
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            authorize(app, f"Bearer {oauth.signed(assertion, header={'kid': str(n)})}")

    assert len(fetched) == 1


def test_no_token_is_logged(app: Any, capsys: pytest.CaptureFixture[str]) -> None:
    good = token_of(app, PHYSICIAN)
    authorize(app, f"Bearer {good}")
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        authorize(app, f"Bearer {good[:-4]}")

    printed = capsys.readouterr()
    assert good[:40] not in printed.out + printed.err
    assert "Salma" not in printed.out
