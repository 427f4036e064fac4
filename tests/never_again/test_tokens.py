"""Tokens that others' libraries took, at our two doors: an app's assertion, and our own token."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from dmp.adapters import jwt
from dmp.adapters.key_fetcher import Fetched
from dmp.domain.caller import Caller
from tests import oauth
from tests.hostile import SMALL, b64, raw_signature
from tests.stack import Context, Stack, stack

Json = dict[str, Any]
Sign = Callable[[str], bytes]
URL = "https://ehr.example.ma/jwks.json"
PATIENT = Caller(
    "patient", "dmp", ("patient/*.cruds",), "PATRQT", 0, "t-1", "0123456789abcdefghij", "s-1"
)


@dataclass
class Door:
    """Where a token is judged: a good one, who signs it, and whether it is taken."""

    name: str
    app: Any
    header: Json
    claims: Callable[[], Json]
    sign: Sign
    public: Any
    takes: Callable[[str], bool]

    def token(self, sign: Sign | None = None, **header: Any) -> str:
        """A good token under a header changed like this."""
        parts = ({**self.header, **header}, self.claims())
        signing_input = ".".join(b64(json.dumps(part).encode()) for part in parts)
        return f"{signing_input}.{b64((sign or self.sign)(signing_input))}"


def assertion_door(made: Stack) -> Door:
    """POST /oauth2/token."""
    app = made.app("tokens", "Tokens")

    def takes(token: str) -> bool:
        form = oauth.credentials(token)
        status, body = oauth.answered(app.handler, oauth.event("tokens/client_credentials", **form))
        assert status == 200 or body["error"] == "invalid_client", body
        return status == 200

    header = {"alg": "ES384", "kid": "ec-1", "typ": "JWT"}
    sign: Sign = lambda text: raw_signature(oauth.EC, "ES384", text)  # noqa: E731
    return Door("assertion", app, header, oauth.claims_of, sign, oauth.EC.public_key, takes)


def access_door(made: Stack) -> Door:
    """The authorizer."""
    app = made.app("authorizer", "Authorizer")
    now = int(time.time())
    issued = app.key.issue(Caller(**{**_members(PATIENT), "expires": now + 300}), now)
    header, claims, _ = (oauth.decoded(part) for part in issued.split("."))
    kms, arn = app.client("kms"), app.settings.token_key_arn

    def sign(text: str) -> bytes:
        made_ = kms.sign(
            KeyId=arn, Message=text.encode(), SigningAlgorithm="ECDSA_SHA_256", MessageType="RAW"
        )
        return b"".join(n.to_bytes(32) for n in decode_dss_signature(made_["Signature"]))

    def takes(token: str) -> bool:
        sent = oauth.event("authorizer/read")
        sent["headers"] = {"Authorization": f"Bearer {token}"}
        try:
            return bool(app.handler(sent, Context())["principalId"])
        except Exception as refused:  # noqa: BLE001  # what the gateway takes for 401
            assert str(refused) == "Unauthorized"  # noqa: PT017
            return False

    public = load_der_public_key(kms.get_public_key(KeyId=arn)["PublicKey"])
    return Door("access", app, json.loads(header), lambda: json.loads(claims), sign, public, takes)


def _members(caller: Caller) -> Json:
    return {name: getattr(caller, name) for name in Caller.__dataclass_fields__}


@pytest.fixture(scope="module")
def doors() -> Iterator[dict[str, Door]]:
    with stack() as made:
        registry = oauth.registered(made.output("RegistryTable"))
        registry.put([oauth.client_of(jwks=oauth.jwks_of(oauth.EC, oauth.RSA, SMALL))])
        yield {"assertion": assertion_door(made), "access": access_door(made)}


@pytest.fixture(params=["assertion", "access"])
def door(doors: dict[str, Door], request: pytest.FixtureRequest) -> Door:
    """Each in turn; a good token is taken there."""
    made = doors[request.param]
    assert made.takes(made.token())
    return made


SECRETS = {
    "PEM": (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "DER": (Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "point": (Encoding.X962, PublicFormat.UncompressedPoint),
}


@pytest.mark.parametrize("form", SECRETS)
@pytest.mark.parametrize("bits", ["256", "384", "512"])
def test_cve_2022_29217_cve_2024_37568_cve_2024_33663_a_public_key_is_no_secret(
    door: Door, form: str, bits: str
) -> None:
    secret = door.public.public_bytes(*SECRETS[form])
    digest = getattr(hashlib, f"sha{bits}")

    assert not door.takes(
        door.token(lambda text: hmac.digest(secret, text.encode(), digest), alg=f"HS{bits}")
    )


@pytest.mark.parametrize("alg", ["none", "None", ""])
def test_cve_2024_33663_no_signature_is_no_token(door: Door, alg: str) -> None:
    assert not door.takes(door.token(lambda _: b"", alg=alg))


@pytest.mark.parametrize(
    ("alg", "kid", "key"),
    [("RS384", "ec-1", oauth.RSA), ("ES384", "rsa-1", oauth.EC), ("RS256", "rsa-1", oauth.RSA),
     ("PS384", "rsa-1", oauth.RSA), ("ES384", "ec-1", oauth.RSA), ("RS384", "small", SMALL)],
)  # fmt: skip
def test_cve_2026_48523_the_headers_algorithm_is_the_keys(
    doors: dict[str, Door], alg: str, kid: str, key: Any
) -> None:
    for door in doors.values():
        own = kid if door.name == "assertion" else door.header["kid"]
        token = door.token(lambda text: raw_signature(key, alg, text), alg=alg, kid=own)
        assert not door.takes(token), door.name


HEADS: list[Json] = [
    {"crit": ["x"], "x": 1}, {"crit": []}, {"crit": ["exp"]}, {"crit": ["b64"], "b64": False},
    {"b64": False}, {"crit": "x"},
]  # fmt: skip


@pytest.mark.parametrize("head", HEADS, ids=json.dumps)
def test_cve_2025_59420_and_python_jose_413_no_crit_is_passed_over(door: Door, head: Json) -> None:
    assert not door.takes(door.token(**head))


def test_cve_2024_33664_nothing_is_unpacked(door: Door) -> None:
    assert not door.takes(door.token(zip="DEF"))
    assert not door.takes(door.token() + ".AAAA.AAAA")  # the five parts of a JWE
    bomb = b64(b'{"alg":"dir","enc":"A128GCM","zip":"DEF"}') + "..AAAA." + "A" * 4000 + ".AAAA"
    assert not door.takes(bomb)


def test_cve_2024_33664_what_is_over_8_kb_is_not_even_read(door: Door) -> None:
    with mock.patch.object(jwt, "_object", side_effect=AssertionError("was read")):
        assert not door.takes(door.token(kid="x" * 9000))
        assert not door.takes("A" * 15_000)


class Asked:
    """The other end of the app's URL: how often it was asked."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def fetch(self, url: str) -> Fetched:
        self.urls.append(url)
        return Fetched(oauth.jwks_of(oauth.EC).encode(), 3600)


def test_cve_2026_48524_random_kids_and_issuers_are_one_fetch(
    doors: dict[str, Door], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand over minutes and processes: tests/adapters/test_key_sets.py."""
    app, asked = doors["assertion"].app, Asked()
    app.tokens.directory.put([oauth.client_of("by-url", jwks="", jwks_uri=URL)])
    monkeypatch.setattr(app.assertions._published, "_fetcher", asked)

    def status(issuer: str, **header: Any) -> int:
        form = oauth.credentials(oauth.signed(oauth.claims_of(issuer), oauth.EC, header))
        sent = oauth.event("tokens/client_credentials", **form)
        return oauth.answered(app.handler, sent)[0]

    for n in range(40):
        strange = f"https://evil.example/{n}"
        assert status("by-url", kid=f"k{n}") == 401
        assert status("by-url", jku=strange) == 401
        assert status(strange, jku=strange) == 401
    assert asked.urls == [URL]
    assert status("by-url") == 200
