"""Our own access tokens: what KMS must take, and what happens when it does not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.adapters.jwt import SIZE_MAX, BadToken
from dmp.adapters.signing import TokenKey
from dmp.domain import scopes
from dmp.domain.access_token import caller_of, claims_of
from dmp.domain.caller import Caller
from dmp.domain.directory_book import ROLES
from dmp.domain.refusals import Unavailable
from dmp.use_cases.directory import NAME_BYTES_MAX
from tests import oauth
from tests.stack import Stack, stack

KMS_MESSAGE_BYTES_MAX = 4096
NOW = int(time.time())


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture(scope="module")
def key(deployed: Stack) -> TokenKey:
    return TokenKey(deployed.client("kms"), deployed.output("TokenKeyArn"), oauth.BASE, "MA-06")


@pytest.fixture(scope="module")
def token(key: TokenKey) -> str:
    return key.issue(LONGEST, NOW)


LONGEST = Caller(
    kind="practitioner",
    client_id="c" * 64,
    scopes=("s" * scopes.LENGTH_MAX,),
    purpose="HOPERAT",
    expires=NOW + 300,
    token_id="t" * 43,
    practitioner="200000011",
    organization="100000011",
    role=max(ROLES, key=len),
    practitioner_name="\u0623" * (NAME_BYTES_MAX // 2),
    organization_name="\u0623" * (NAME_BYTES_MAX // 2),
    practitioner_id="p" * 64,
    organization_id="o" * 64,
    prefix="prefix",
)


def test_the_longest_token_that_the_directory_allows_fits(key: TokenKey, token: str) -> None:
    room = 2 * len("https://x.example.org/sandbox-of-some-length") - 2 * len(oauth.BASE)
    signing_input, _, _ = token.rpartition(".")

    assert len(signing_input) + 2 * room <= KMS_MESSAGE_BYTES_MAX
    assert len(token) <= SIZE_MAX
    assert key.caller(token, NOW) == LONGEST


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_token_with_any_character_changed_is_refused(
    key: TokenKey, token: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[place]))

    with pytest.raises(BadToken):
        key.caller(token[:place] + other + token[place + 1 :], NOW)


@given(
    st.builds(
        Caller,
        kind=st.just("patient"),
        client_id=st.text(min_size=1),
        scopes=st.lists(st.sampled_from(["patient/*.rs", "patient/Observation.c"])).map(tuple),
        purpose=st.text(min_size=1),
        expires=st.integers(0, 2**40),
        token_id=st.text(min_size=1),
        patient=st.text(min_size=1),
        session=st.text(min_size=1),
    )
)
def test_claims_say_all_of_a_caller(caller: Caller) -> None:
    assert caller_of(claims_of(caller)) == caller


class _Broken:
    """KMS that does not answer."""

    def __getattr__(self, name: str) -> Any:
        def fail(**_: object) -> None:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)

        return fail


def test_a_key_service_that_fails_is_unavailable_not_unauthorized(
    key: TokenKey, token: str
) -> None:
    broken = TokenKey(_Broken(), "arn", oauth.BASE, "MA-06")
    with pytest.raises(Unavailable):
        broken.caller(token, NOW)

    broken._publics = {"arn": key.public()}
    with pytest.raises(Unavailable):
        broken.issue(LONGEST, NOW)
