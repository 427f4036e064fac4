"""The authorization endpoint: the pages on which a person signs in and lets an app in."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.code_messages import SignInCodes
from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.dynamodb.browsers import BrowserRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.credentials import CredentialRows
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.sign_ins import SignInRows
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.adapters.messages import Messages
from dmp.adapters.texts import Texts
from dmp.edge.authorization import AuthorizationPages
from dmp.edge.authorization_steps import ENROLMENT, PATH, Steps
from dmp.edge.enrolment_page import enrolment_page
from dmp.edge.http import FORM, Answer, Request
from dmp.edge.pages import Kit, PageApi
from dmp.settings import AuthorizationSettings
from dmp.use_cases.authorization import Authorization
from dmp.use_cases.browsers import Browsers
from dmp.use_cases.one_time_codes import OneTimeCodes
from dmp.use_cases.passkey_sign_in import PasskeySignIns
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.proving import Own, Proofs
from dmp.use_cases.step_up import StepUp

settings = AuthorizationSettings.from_environment()
table, kms, clock = settings.registry_table, client("kms"), SystemClock()
registry, sign_ins = Registry(table), SignInRows(table)
vault = Vault(kms, settings.record_key_arn)
contacts = SealedContacts(vault, settings.records_table, settings.keys_table, table)
messages = Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender)
macs = Macs(kms, settings.identifier_key_arn)
codes = OneTimeCodes(
    sign_ins=sign_ins,
    rates=Rates(dynamodb(), table),
    macs=macs,
    contacts=contacts,
    messages=SignInCodes(messages, Texts()),
    clock=clock,
    per_address_hour=settings.codes_per_address,
)
credentials = CredentialRows(vault, settings.records_table, settings.keys_table, table)
by_passkey = PasskeySignIns(sign_ins, PractitionerSessions(credentials, registry, clock), clock)
kit = Kit(settings.base_url)
pages = AuthorizationPages(
    kit=kit,
    authorization=Authorization(registry, AuthorizationRows(table), clock, settings.base_url),
    browsers=Browsers(BrowserRows(table), codes, sign_ins, clock, by_passkey),
    step_up=StepUp(Proofs(Own(credentials, clock), macs), by_passkey),
    steps=Steps(kit, registry, contacts, clock),
    answer_ms=settings.otp_answer_ms,
)
api = PageApi("authorization", kit)
handler = api.handler


@api.route(PATH, methods=["GET"])
def show(request: Request) -> Answer:
    """An app's request, and every step of it."""
    return pages.show(request)


@api.route(PATH, methods=["POST"], reads=(FORM,))
def act(request: Request) -> Answer:
    """What the form of a step asks for."""
    return pages.act(request)


@api.route(ENROLMENT, methods=["GET"])
def enrolment(request: Request) -> Answer:
    """Where a practitioner makes a passkey."""
    return enrolment_page(kit, request)
