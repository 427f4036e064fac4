"""Every hostile token as client assertion, access token and ID token: all refused, one way."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.jwk import ECKey

from dmp.adapters import jwt
from tests import oauth
from tests.hostile import (
    HASHES,
    NOW,
    P256,
    SMALL,
    USES,
    WEAK,
    Use,
    b64,
    by_hmac,
    numbers,
    order,
    public_key,
    resigned,
    slack,
    tampered,
)

Case = Callable[[Use], str]
EVIL = "https://evil.example/jwks.json"


def claim(**changes: Any) -> Case:
    return lambda use: use.with_claims(**changes)


def head(**changes: Any) -> Case:
    return lambda use: use.with_head(**changes)


def text(name: str, json_text: str) -> Case:
    return lambda use: use.with_text(name, json_text)


def raw_head(form: str) -> Case:
    """A header written out; ALG and KID stand for the good ones."""
    return lambda use: use.signed(
        form.replace("ALG", f'"{use.alg}"').replace("KID", f'"{use.key.kid}"'), use.claims
    )


def form(change: Callable[[str], str]) -> Case:
    return lambda use: change(use.good())


def unsigned(alg: str) -> Case:
    return lambda use: use.signed(use.head(alg=alg), use.claims).rpartition(".")[0] + "."


SIGNATURES: dict[str, Case] = {
    "alg none (CVE-2015-9235)": unsigned("none"),
    "alg None": unsigned("None"),
    "alg nOnE": unsigned("nOnE"),
    "alg empty": unsigned(""),
    "alg none, signed": head(alg="none"),
    "HS256 with the public key (CVE-2022-29217, CVE-2024-33663)": lambda u: by_hmac(
        u, public_key(u.key)),
    "HS256 with an RSA public key (CVE-2024-37568)": lambda u: by_hmac(
        u, public_key(oauth.RSA), kid="rsa-1"),
    "HS256 with the public key in DER": lambda u: by_hmac(u, public_key(u.key, pem=False)),
    "HS384 with the public JWK": lambda u: by_hmac(
        u, json.dumps(u.key.as_dict(private=False)).encode(), "HS384"),
    "HS256 with no secret": lambda u: by_hmac(u, b""),
    "a stranger under a known kid": lambda u: u.signed(u.head(), u.claims, u.stranger()),
    "RSA under an EC kid (CVE-2026-48523)": lambda u: u.signed(
        u.head(alg="RS384"), u.claims, oauth.RSA),
    "EC's alg by an RSA key": lambda u: u.signed(u.head(), u.claims, oauth.RSA),
    "EC under an RSA kid": lambda u: u.signed(u.head(kid="rsa-1"), u.claims),
    "RS256 by a key for RS384": lambda u: u.signed(
        u.head(alg="RS256", kid="rsa-1"), u.claims, oauth.RSA),
    "PS384 by a key for RS384": lambda u: u.signed(
        u.head(alg="PS384", kid="rsa-1"), u.claims, oauth.RSA),
    "ES512": head(alg="ES512"),
    "ES256K": head(alg="ES256K"),
    "EdDSA": head(alg="EdDSA"),
    "alg in small letters": lambda u: u.with_head(alg=u.alg.lower()),
    "ES384 by a P-256 key": lambda u: u.signed(u.head(alg="ES384", kid="p256"), u.claims, P256),
    "RSA of 1024 bits": lambda u: u.signed(u.head(alg="RS384", kid="small"), u.claims, SMALL),
    "RSA of exponent 3": lambda u: u.signed(u.head(alg="RS384", kid="weak"), u.claims, WEAK),
    "all zero (CVE-2022-21449)": lambda u: numbers(u, 0, 0),
    "r zero": lambda u: numbers(u, 0, 1),
    "s zero": lambda u: numbers(u, 1, 0),
    "r and s the order": lambda u: numbers(u, order(u), order(u)),
    "signature in DER": lambda u: resigned(u, lambda raw: encode_dss_signature(
        *(int.from_bytes(raw[i:i + len(raw) // 2]) for i in (0, len(raw) // 2)))),
    "half a signature": lambda u: resigned(u, lambda raw: raw[: len(raw) // 2]),
    "a byte too many": lambda u: resigned(u, lambda raw: raw + b"\0"),
    "a byte before": lambda u: resigned(u, lambda raw: b"\0" + raw),
    "no signature": form(lambda t: t.rpartition(".")[0] + "."),
    "claims changed": lambda u: tampered(u, 1),
    "header changed": lambda u: tampered(u, 0),
}  # fmt: skip
HEADERS: dict[str, Case] = {
    "unknown crit (CVE-2025-59420, python-jose #413)": head(crit=["x"], x=1),
    "crit empty": head(crit=[]),
    "crit of a known member": head(crit=["exp"], exp=NOW + 9),
    "b64 false": head(crit=["b64"], b64=False),
    "b64 false without crit": head(b64=False),
    "embedded jwk (CVE-2018-0114)": lambda u: u.signed(
        u.head(jwk=(made := u.stranger()).as_dict(private=False)), u.claims, made),
    "jku": head(jku=EVIL),
    "jku empty": head(jku=""),
    "jku a list": head(jku=[EVIL]),
    "x5u": head(x5u=EVIL),
    "x5c": head(x5c=["AA=="]),
    "x5t": head(x5t="AA"),
    "zip (CVE-2024-33664)": head(zip="DEF"),
    "cty": head(cty="JWT"),
    "a member of theirs": head(extra="x"),
    "no kid": head(kid=None),
    "kid empty": head(kid=""),
    "kid a number": head(kid=1),
    "kid a list": lambda u: u.with_head(kid=[u.key.kid]),
    "kid unknown (CVE-2026-48524)": head(kid="unknown"),
    "kid a path": head(kid="../../../../dev/null"),
    "kid SQL": head(kid="x' UNION SELECT 'key"),
    "no alg": head(alg=None),
    "alg a list": lambda u: u.with_head(alg=[u.alg]),
    "typ of another use": lambda u: u.with_head(typ="JWT" if u.typ != "JWT" else "at+jwt"),
    "typ dpop+jwt": head(typ="dpop+jwt"),
    "typ a number": head(typ=1),
    "a header that is a list": raw_head("[ALG]"),
    "a header that is a string": raw_head("ALG"),
    "a header that is null": raw_head("null"),
    "kid twice": raw_head('{"alg":ALG,"kid":"rsa-1","kid":KID,"typ":"JWT"}'),
    "alg twice": raw_head('{"alg":"none","alg":ALG,"kid":KID,"typ":"at+jwt"}'),
}  # fmt: skip
CLAIMS: dict[str, Case] = {
    "a claim twice": text("sub", '"x","sub":"clinic"'),
    "claims a list": lambda u: u.signed(u.head(), "[]"),
    "claims no JSON": lambda u: u.signed(u.head(), "iss=clinic"),
    "claims a JWT (nested)": lambda u: u.signed(u.head(), u.good()),
    "something after the claims": lambda u: u.signed(u.head(), json.dumps(u.claims) + "{}"),
    "a byte order mark": lambda u: u.signed(u.head(), "\ufeff" + json.dumps(u.claims)),
    "33 levels": text("x", "[" * 40 + "]" * 40),
    "a lone surrogate": text("x", '"\\ud800"'),
    "no exp": claim(exp=None),
    "exp a string": claim(exp=str(NOW + 60)),
    "exp Infinity": text("exp", "Infinity"),
    "exp NaN": text("exp", "NaN"),
    "exp 1e999": text("exp", "1e999"),
    "exp 1e308": text("exp", "1e308"),
    "exp null": text("exp", "null"),
    "exp true": claim(exp=True),
    "exp a list": claim(exp=[NOW + 60]),
    "exp zero": claim(exp=0),
    "exp negative": claim(exp=-1),
    "exp now": claim(exp=NOW),
    "exp a thousand years ahead": claim(exp=NOW + 10**11),
    "iat in the future": claim(iat=NOW + 120),
    "iat a string": claim(iat="now"),
    "iat true": claim(iat=True),
    "iat null": text("iat", "null"),
    "nbf in the future": claim(nbf=NOW + 120),
    "nbf a string": claim(nbf="now"),
    "nbf infinite": text("nbf", "-Infinity"),
    "no aud": claim(aud=None),
    "aud of another": claim(aud="https://other.test"),
    "aud a part": lambda u: u.with_claims(aud=u.expected.audience[:-1]),
    "aud with a tail": lambda u: u.with_claims(aud=u.expected.audience + "/"),
    "aud in capitals": lambda u: u.with_claims(aud=u.expected.audience.upper()),
    "aud several": lambda u: u.with_claims(aud=[u.expected.audience, "https://other.test"]),
    "aud twice": lambda u: u.with_claims(aud=[u.expected.audience] * 2),
    "aud an empty list": claim(aud=[]),
    "aud an object": lambda u: u.with_claims(aud={"x": u.expected.audience}),
    "no iss": claim(iss=None),
    "iss of another": claim(iss="hospital"),
    "iss with a tail (CVE-2026-34359)": lambda u: u.with_claims(
        iss=u.expected.issuer + ".evil.com"),
    "iss with a slash": lambda u: u.with_claims(iss=u.expected.issuer + "/"),
    "iss a part": lambda u: u.with_claims(iss=u.expected.issuer[:-1]),
    "iss in capitals": lambda u: u.with_claims(iss=u.expected.issuer.upper()),
    "iss a list": lambda u: u.with_claims(iss=[u.expected.issuer]),
    "no sub": claim(sub=None),
    "sub empty": claim(sub=""),
    "sub a number": claim(sub=1),
    "sub a list": claim(sub=["clinic"]),
    "sub of 1025 characters": claim(sub="x" * 1025),
}  # fmt: skip
FORMS: dict[str, Case] = {
    "1 MB": claim(x="x" * 1_000_000),
    "one byte over 8 KB": form(lambda t: t + "A" * (8193 - len(t))),
    "empty": form(lambda _: ""),
    "dots alone": form(lambda _: ".."),
    "two parts": form(lambda t: t.rpartition(".")[0]),
    "five parts (JWE)": form(lambda t: t + ".a.b"),
    "a trailing dot": form(lambda t: t + "."),
    "JSON serialization": form(lambda t: json.dumps(
        dict(zip(("protected", "payload", "signature"), t.split("."), strict=True)))),
    "padding": form(lambda t: t.replace(".", "=.", 1)),
    "a padded signature": form(lambda t: t + "=="),
    "another spelling": slack,
    "standard base64": lambda u: u.with_claims(x="??>>??>>~~").replace("_", "/").replace("-", "+"),
    "a line break inside": form(lambda t: t[:20] + "\n" + t[20:]),
    "a line break at the end": form(lambda t: t + "\n"),
    "a space before": form(lambda t: " " + t),
    "bytes after the signature": form(lambda t: t + "AAAA"),
    "a NUL": form(lambda t: t + "\0"),
    "not ASCII": form(lambda t: "é" + t),
    "a surrogate": form(lambda t: t + "\ud800"),
    "fullwidth letters": form(lambda t: "\uff45" + t[1:]),
}  # fmt: skip
CASES = {**SIGNATURES, **HEADERS, **CLAIMS, **FORMS}
BY_NAME = {use.name: use for use in USES}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("use", BY_NAME)
def test_a_hostile_token_is_refused(use: str, case: str) -> None:
    token = CASES[case](BY_NAME[use])

    with pytest.raises(jwt.BadToken) as refused:
        BY_NAME[use].verified(token)

    assert len(token) < 16 or token[:16] not in str(refused.value)


@pytest.mark.parametrize("use", BY_NAME)
def test_every_case_differs_from_a_good_token_that_is_taken(use: str) -> None:
    good = BY_NAME[use]

    assert good.verified(good.good()) == good.claims
    assert good.verified(good.with_claims(aud=[good.expected.audience]))
    assert good.verified(good.with_head(typ=good.typ.upper()))
    assert all(case(good) != good.good() for case in CASES.values())


@pytest.mark.parametrize("use", BY_NAME)
@pytest.mark.parametrize("other", BY_NAME)
def test_a_token_of_one_use_is_none_of_another(use: str, other: str) -> None:
    token = BY_NAME[other].good()

    if use == other:
        assert BY_NAME[use].verified(token)
    else:
        with pytest.raises(jwt.BadToken):
            BY_NAME[use].verified(token)


@pytest.mark.parametrize("use", BY_NAME)
@pytest.mark.parametrize(("name", "value"), [("jti", None), ("jti", ""), ("jti", 7),
                                             ("jti", "x" * 1025), ("nonce", None)])  # fmt: skip
def test_what_identifies_a_token_is_asked_for_where_it_must_be_there(
    use: str, name: str, value: Any
) -> None:
    wanted = BY_NAME[use]
    token = wanted.with_claims(**{name: value})

    if name in wanted.expected.texts:
        with pytest.raises(jwt.BadToken, match=name):
            wanted.verified(token)
    else:
        assert wanted.verified(token)


def verifies(token: str, key: ECKey, digest: str) -> bool:
    """An ES token by the cryptographic library alone."""
    body, _, signature = token.rpartition(".")
    raw = oauth.decoded(signature)
    r, s = (int.from_bytes(raw[i : i + len(raw) // 2]) for i in (0, len(raw) // 2))
    public: Any = key.public_key
    try:
        public.verify(encode_dss_signature(r, s), body.encode(), ec.ECDSA(HASHES[digest]))
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize("use", BY_NAME)
def test_good_tokens_are_good_to_another_verifier(use: str) -> None:
    given = BY_NAME[use]

    assert verifies(given.good(), given.key, given.alg[-3:])
    assert not verifies(tampered(given, 1), given.key, given.alg[-3:])
    assert b64(oauth.decoded(given.good().split(".")[1])) == given.good().split(".")[1]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("1 MB", "exceeds 8192 bytes"),
        ("one byte over 8 KB", "exceeds 8192 bytes"),
        ("two parts", "not a signed JWT"),
        ("five parts (JWE)", "not a signed JWT"),
        ("RSA under an EC kid (CVE-2026-48523)", "algorithm is not its key's"),
        ("EC under an RSA kid", "algorithm is not its key's"),
        ("kid unknown (CVE-2026-48524)", "key is not known"),
        ("a stranger under a known kid", "signature does not hold"),
        ("unknown crit (CVE-2025-59420, python-jose #413)", "has 2 members that are not taken"),
        ("jku", "jku is not the URL that its keys are registered by"),
        ("alg a list", "member that is not a string"),
        ("no kid", "needs alg and kid"),
        ("no alg", "needs alg and kid"),
        ("typ dpop+jwt", "of another type"),
        ("padding", "not base64url"),
        ("a padded signature", "not base64url"),
        ("another spelling", "not base64url"),
        ("not ASCII", "not base64url"),
        ("a claim twice", "header and claims must be strict JSON objects"),
        ("exp a string", "exp must be a number of seconds"),
        ("no exp", "needs exp"),
        ("exp now", "has expired"),
        ("exp a thousand years ahead", "exp lies more than 300 s ahead"),
        ("iat in the future", "iat lies in the future"),
        ("nbf in the future", "nbf lies in the future"),
        ("iss of another", "has another issuer"),
        ("aud of another", f"audience must be {oauth.TOKEN_URL}"),
        ("no sub", "sub must be a string"),
    ],
)  # fmt: skip
def test_a_partner_is_told_why(case: str, reason: str) -> None:
    with pytest.raises(jwt.BadToken) as refused:
        BY_NAME["assertion"].verified(CASES[case](BY_NAME["assertion"]))

    assert str(refused.value).startswith("the token")
    assert str(refused.value).endswith(reason)


@pytest.mark.parametrize("use", BY_NAME)
def test_only_an_assertion_may_come_without_typ(use: str) -> None:
    token = BY_NAME[use].with_head(typ=None)

    if use == "assertion":
        assert BY_NAME[use].verified(token)
    else:
        with pytest.raises(jwt.BadToken, match="of another type"):
            BY_NAME[use].verified(token)
