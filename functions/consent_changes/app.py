"""The patient's consents: grant, change, revoke, read (ITI-108); first meetings and break-glass."""

# ruff: noqa: PLC0415  # messages, with Babel, are imported at the first operation alone

from __future__ import annotations

from functools import cache

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.signed_in import SignedInRows
from dmp.adapters.envelope import Vault
from dmp.adapters.phones import mobile
from dmp.edge.consent_operations import Operations
from dmp.edge.consents import serve_changes, serve_operations, serve_reads
from dmp.edge.contacts import serve_contacts
from dmp.edge.http import Api
from dmp.edge.reviews import serve_reviews
from dmp.settings import ConsentSettings
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.break_glass import BreakGlass
from dmp.use_cases.consent_changes import ConsentChanges
from dmp.use_cases.contact_changes import ContactChanges
from dmp.use_cases.contests import Contests
from dmp.use_cases.explaining import Explaining
from dmp.use_cases.first_meeting import FirstMeeting
from dmp.use_cases.granting import Granting
from dmp.use_cases.reviews import Reviews

settings = ConsentSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
records = DynamoRecords(vault, settings.records_table, settings.keys_table, settings.registry_table)
clock = SystemClock()


@cache
def operations() -> Operations:
    """What needs more than the record."""
    from dmp.adapters.code_messages import MeetingCodes
    from dmp.adapters.dynamodb.grants import GrantRows
    from dmp.adapters.explanations import Explanations
    from dmp.adapters.macs import Macs
    from dmp.adapters.messages import Messages
    from dmp.adapters.texts import Texts

    messages = Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender)
    granting = Granting(records, clock, settings.fhir_base)
    rows = GrantRows(settings.registry_table)
    macs = Macs(client("kms"), settings.identifier_key_arn)
    roles = frozenset(role.strip() for role in settings.break_glass_roles.split(","))
    return Operations(
        meeting=FirstMeeting(granting, rows, macs, MeetingCodes(messages, Texts()), clock),
        break_glass=BreakGlass(granting, clock, roles),
        contests=Contests(records, rows, clock, settings.fhir_base),
        explaining=Explaining(records, records, rows, Explanations(), clock),
        reviews=Reviews(records, rows, records, clock),
        least_ms=settings.request_answer_ms,
    )


api = Api("consent_changes")
serve_changes(api, ConsentChanges(records, clock, settings.fhir_base))
serve_reads(api, AccessQueries(records, records, clock, settings.fhir_base))
serve_operations(api, operations)
serve_reviews(api, lambda: operations().reviews)
signed_in = SignedInRows(settings.registry_table)
serve_contacts(api, ContactChanges(records, records, clock, mobile, signed_in))
handler = api.handler
