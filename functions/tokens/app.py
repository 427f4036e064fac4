"""Tokens: partner apps by signed assertion, patients by one-time code (RFC 6749, 7009, 7662)."""

from __future__ import annotations

from dmp.adapters.aws import client, later
from dmp.adapters.client_keys import client_assertions
from dmp.adapters.clock import SystemClock
from dmp.adapters.code_messages import SignInCodes
from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.sign_ins import SignInRows
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.adapters.messages import Messages
from dmp.adapters.signing import TokenKey
from dmp.adapters.texts import Texts
from dmp.edge.http import FORM, JSON, Answer, Api, Request
from dmp.edge.logs import count
from dmp.edge.oauth import answer_of, asked, form_of, identifier_of, lasting
from dmp.settings import TokensSettings
from dmp.use_cases.app_tokens import AppTokens
from dmp.use_cases.grants import Grants
from dmp.use_cases.sign_in import SignIn
from dmp.use_cases.tokens import Tokens

settings = TokensSettings.from_environment()
kms, clock, registry = client("kms"), SystemClock(), settings.registry_table
base, vault = settings.base_url, Vault(kms, settings.record_key_arn)
senders, place = (settings.sms_sender, settings.mail_sender), (base, settings.region_code)
key = TokenKey(kms, settings.token_key_arn, *place, settings.other_token_key_arn)
assertions = client_assertions(base, registry, settings.private_key_hosts, count)
tokens = Tokens(Registry(registry), assertions, key, clock, base)
sign_in = SignIn(
    sign_ins=SignInRows(registry),
    rates=Rates(client("dynamodb"), registry),
    macs=Macs(kms, settings.identifier_key_arn),
    contacts=SealedContacts(vault, settings.records_table, settings.keys_table, registry),
    messages=SignInCodes(Messages(later("sns"), later("ses"), *senders), Texts()),
    access_tokens=key,
    clock=clock,
    per_address_hour=settings.codes_per_address,
)
apps = AppTokens(AuthorizationRows(registry), tokens, key, sign_in.contacts)
grants = Grants(tokens, sign_in, apps)
handler = (api := Api("tokens")).handler


@api.route("/oauth2/token", methods=["POST"], reads=(FORM,))
def token(request: Request) -> Answer:
    """Grants: client_credentials, authorization_code, one-time code, refresh_token."""
    return answer_of(200, grants.granted(form_of(request)))


@api.route("/oauth2/otp", methods=["POST"], reads=(JSON,))
def otp(request: Request) -> Answer:
    """Send a one-time code; the same answer, in the same time, whoever is asked for."""
    with lasting(settings.otp_answer_ms):
        started = sign_in.start(*identifier_of(request.body), request.source_ip)
    return asked(started.challenge, sent=started.sent)


@api.route("/oauth2/introspect", methods=["POST"], reads=(FORM,))
def introspect(request: Request) -> Answer:
    """RFC 7662, for authenticated apps."""
    return answer_of(200, tokens.introspect(form_of(request)))


@api.route("/oauth2/revoke", methods=["POST"], reads=(FORM,))
def revoke(request: Request) -> Answer:
    """RFC 7009: whoever holds a token may end it."""
    grants.revoke(form_of(request))
    return Answer(200)


@api.route("/oauth2/jwks.json", methods=["GET"])
def jwks(_: Request) -> Answer:
    """The public keys of access tokens."""
    return answer_of(200, key.jwks(), {"Cache-Control": "public, max-age=300"})
