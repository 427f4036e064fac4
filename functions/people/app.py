"""The patient's own page of who may see the record, and who acts for them."""

from __future__ import annotations

from dmp.adapters.dynamodb.directory_reader import DynamoDirectory
from dmp.adapters.dynamodb.grants import GrantRows
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.references import DirectoryReferences
from dmp.adapters.explanations import Explanations
from dmp.adapters.signing_in import signing_in
from dmp.edge.account_desk import PEOPLE, Desk
from dmp.edge.account_people import PeoplePages
from dmp.edge.account_proof import Proof
from dmp.edge.http import FORM
from dmp.edge.pages import Kit, PageApi
from dmp.settings import AuthorizationSettings
from dmp.use_cases.consent_changes import ConsentChanges
from dmp.use_cases.contests import Contests
from dmp.use_cases.explaining import Explaining
from dmp.use_cases.people import People
from dmp.use_cases.record_writes import RecordWrites

settings = AuthorizationSettings.from_environment()
tables = settings.records_table, settings.keys_table, settings.registry_table
at_door = signing_in(
    tables,
    (settings.record_key_arn, settings.identifier_key_arn),
    (settings.sms_sender, settings.mail_sender),
    settings.codes_per_address,
)
table, clock, base = settings.registry_table, at_door.clock, settings.fhir_base
records, rows = DynamoRecords(at_door.vault, *tables), GrantRows(table)
people = People(
    directory=at_door.registry,
    limits=DynamoDirectory(table),
    explaining=Explaining(records, records, rows, Explanations(), clock),
    consents=ConsentChanges(records, clock, base),
    contests=Contests(records, rows, clock, base),
    writes=RecordWrites(records, DirectoryReferences(table), clock, at_door.macs, base),
    clock=clock,
)
kit = Kit(settings.base_url)
desk = Desk(kit, at_door.browsers, clock)
pages = PeoplePages(desk, Proof(desk, at_door.step_up), people)
api = PageApi("people", kit, kit.link(PEOPLE))
api.route(PEOPLE, ["GET"])(pages.shown)
api.route(PEOPLE, ["POST"], (FORM,))(pages.act)
handler = api.handler
