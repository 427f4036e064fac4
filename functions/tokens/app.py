"""Tokens: partner apps by signed assertion, patients by one-time code (RFC 6749, 7009, 7662)."""

from __future__ import annotations

import time

import orjson

from dmp.adapters.assertions import ClientAssertions
from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.sign_ins import SignInRows
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.adapters.messages import Messages
from dmp.adapters.sign_in_codes import SignInCodes
from dmp.adapters.signing import TokenKey
from dmp.adapters.texts import Texts
from dmp.domain.refusals import OAuthError
from dmp.edge.http import FORM, JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.edge.oauth import form_of, identifier_of
from dmp.settings import TokensSettings
from dmp.use_cases.sign_in import SignIn
from dmp.use_cases.tokens import Tokens, needed

OTP_GRANT = "urn:dmp:params:oauth:grant-type:otp"

settings = TokensSettings.from_environment()
kms = client("kms")
clock = SystemClock()
key = TokenKey(kms, settings.token_key_arn, settings.base_url, settings.region_code)
tokens = Tokens(
    Registry(settings.registry_table),
    ClientAssertions(f"{settings.base_url}/oauth2/token"),
    key,
    clock,
)
sign_in = SignIn(
    sign_ins=SignInRows(settings.registry_table),
    rates=Rates(dynamodb(), settings.registry_table),
    macs=Macs(kms, settings.identifier_key_arn),
    contacts=SealedContacts(
        Vault(kms, settings.record_key_arn), settings.records_table, settings.keys_table
    ),
    messages=SignInCodes(
        Texts(),
        Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender),
    ),
    access_tokens=key,
    clock=clock,
    per_address_hour=settings.codes_per_address,
)

api = Api("tokens")
handler = api.handler


@api.route("/oauth2/token", methods=["POST"], reads=(FORM,))
def token(request: Request) -> Answer:
    """Grants: client_credentials, one-time code, refresh_token."""
    form = form_of(request)
    match needed(form, "grant_type"):
        case "client_credentials":
            return _json(200, tokens.client_credentials(form))
        case "refresh_token":
            return _json(200, sign_in.refresh(needed(form, "refresh_token"), form.get("scope")))
        case str(grant) if grant == OTP_GRANT:
            return _json(200, sign_in.exchange(needed(form, "challenge"), needed(form, "code")))
    raise OAuthError("unsupported_grant_type", "see grant_types_supported in smart-configuration")


@api.route("/oauth2/otp", methods=["POST"], reads=(JSON,))
def otp(request: Request) -> Answer:
    """Send a one-time code; the same answer, in the same time, whoever is asked for."""
    due = time.monotonic() + settings.otp_answer_ms / 1000
    started = sign_in.start(*identifier_of(request.body), request.source_ip)
    count("CodesSent" if started.sent else "CodesNotSent")
    time.sleep(max(0.0, due - time.monotonic()))
    return _json(202, {"challenge": started.challenge})


@api.route("/oauth2/introspect", methods=["POST"], reads=(FORM,))
def introspect(request: Request) -> Answer:
    """RFC 7662, for authenticated apps."""
    return _json(200, tokens.introspect(form_of(request)))


@api.route("/oauth2/revoke", methods=["POST"], reads=(FORM,))
def revoke(request: Request) -> Answer:
    """RFC 7009: whoever holds a token may end it."""
    sign_in.revoke(needed(form_of(request), "token"))
    return Answer(200)


@api.route("/oauth2/jwks.json", methods=["GET"])
def jwks(_: Request) -> Answer:
    """The public keys of access tokens."""
    return Answer(200, orjson.dumps(key.jwks()), {"Cache-Control": "public, max-age=300"}, JSON)


def _json(status: int, content: dict[str, object]) -> Answer:
    return Answer(status, orjson.dumps(content), media_type=JSON)
