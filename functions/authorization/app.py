"""The authorization endpoint: the pages on which a person signs in and lets an app in."""

from __future__ import annotations

from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.signing_in import signing_in
from dmp.edge.authorization import AuthorizationPages
from dmp.edge.authorization_steps import ENROLMENT, PATH, Steps
from dmp.edge.enrolment_page import enrolment_page
from dmp.edge.http import FORM, Answer, Request
from dmp.edge.pages import Kit, PageApi
from dmp.settings import AuthorizationSettings
from dmp.use_cases.authorization import Authorization

settings = AuthorizationSettings.from_environment()
table = settings.registry_table
at_door = signing_in(
    (settings.records_table, settings.keys_table, table),
    (settings.record_key_arn, settings.identifier_key_arn),
    (settings.sms_sender, settings.mail_sender),
    settings.codes_per_address,
)
registry, clock, kit = at_door.registry, at_door.clock, Kit(settings.base_url)
pages = AuthorizationPages(
    kit=kit,
    authorization=Authorization(registry, AuthorizationRows(table), clock, settings.base_url),
    browsers=at_door.browsers,
    step_up=at_door.step_up,
    steps=Steps(kit, registry, at_door.contacts, clock),
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
