"""The patient's page of proofs, sessions and apps; it opens no record and sends nothing."""

from __future__ import annotations

from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.passkeys import WebAuthn
from dmp.adapters.signing_in import signed_in
from dmp.edge.account_desk import JOURNAL, SECURITY, Desk
from dmp.edge.account_proof import Proof
from dmp.edge.account_security import SecurityPages
from dmp.edge.http import FORM, Answer, Request
from dmp.edge.pages import Kit, PageApi
from dmp.settings import PasskeysSettings
from dmp.use_cases.apps import Apps
from dmp.use_cases.authorization import Authorization
from dmp.use_cases.ceremonies import Ceremonies
from dmp.use_cases.passkeys import Passkeys
from dmp.use_cases.practitioner_sessions import PractitionerSessions
from dmp.use_cases.security import Security

settings = PasskeysSettings.from_environment()
table = settings.registry_table
door = signed_in(
    settings.tables,
    (settings.record_key_arn, settings.identifier_key_arn),
)
clock, credentials, registry = door.clock, door.credentials, door.registry
kit = Kit(settings.base_url)
desk = Desk(kit, door.browsers, clock)
proofs = door.step_up.proofs
rows = AuthorizationRows(table)
authorization = Authorization(registry, rows, clock, settings.base_url)
pages = SecurityPages(
    desk=desk,
    proof=Proof(desk, door.step_up),
    proofs=proofs,
    passkeys=Passkeys(
        proofs.own,
        Ceremonies(credentials, WebAuthn(settings.origin), clock),
        PractitionerSessions(credentials, registry, clock),
        Rates(dynamodb(), table),
    ),
    security=Security(door.sign_ins, door.contacts, clock),
    apps=Apps(registry, rows, authorization, clock, door.contacts),
)
api = PageApi("security", kit, kit.link(JOURNAL))
handler = api.handler


@api.route(SECURITY, methods=["GET"])
def show(request: Request) -> Answer:
    """What the patient proves themselves with, where they are signed in, which apps they let in."""
    return pages.shown(request)


@api.route(SECURITY, methods=["POST"], reads=(FORM,))
def act(request: Request) -> Answer:
    """What a form of it asks for."""
    return pages.act(request)
