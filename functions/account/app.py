"""The patient's own pages, without an app: the journal, how they are told, sign-in for both."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.code_messages import SignInCodes
from dmp.adapters.dynamodb.browsers import BrowserRows
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.grants import GrantRows
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.adapters.dynamodb.preferences import SealedPreferences
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.sign_ins import SignInRows
from dmp.adapters.dynamodb.witnesses import RegisteredWitnesses
from dmp.adapters.envelope import Vault
from dmp.adapters.headings import TableHeadings
from dmp.adapters.macs import Macs
from dmp.adapters.messages import Messages
from dmp.adapters.phones import mobile
from dmp.adapters.texts import Texts
from dmp.adapters.tiles import TilesBucket
from dmp.edge.account import account_api
from dmp.edge.account_desk import EXPORT, Desk
from dmp.edge.account_export import ExportPages
from dmp.edge.account_journal import JournalPages
from dmp.edge.account_preferences import PreferencePages
from dmp.edge.account_sign_in import SignInPages
from dmp.edge.pages import Kit
from dmp.settings import AccountSettings
from dmp.use_cases.account import Account
from dmp.use_cases.browsers import Browsers
from dmp.use_cases.disputes import Disputes
from dmp.use_cases.journal import Journal
from dmp.use_cases.journal_exports import JournalExports
from dmp.use_cases.one_time_codes import OneTimeCodes
from dmp.use_cases.preferences import Preferences
from dmp.use_cases.proofs import Proofs

settings = AccountSettings.from_environment()
table, kms, clock = settings.registry_table, client("kms"), SystemClock()
vault, texts = Vault(kms, settings.record_key_arn), Texts()
macs = Macs(kms, settings.identifier_key_arn)
tables = settings.records_table, settings.keys_table
records = DynamoRecords(vault, *tables, table)
messages = Messages(client("sns"), client("ses"), settings.sms_sender, settings.mail_sender)
sign_ins = SignInRows(table)
codes = OneTimeCodes(
    sign_ins=sign_ins,
    rates=Rates(dynamodb(), table),
    macs=macs,
    contacts=SealedContacts(vault, *tables, table),
    messages=SignInCodes(messages, texts),
    clock=clock,
    per_address_hour=settings.codes_per_address,
)
kit = Kit(settings.base_url)
desk = Desk(kit, Browsers(BrowserRows(table), codes, sign_ins, clock), clock)
account = Account(records, records, GrantRows(table), clock)
entries = Journal(records, records, clock, settings.fhir_base)
tiles = TilesBucket(client("s3"), settings.tiles_bucket)
proofs = Proofs(DynamoLogRows(table), tiles, RegisteredWitnesses(table))
journal = JournalPages(desk, account, Disputes(account, records, clock), entries, proofs)
taken = records, records, settings.fhir_base, TableHeadings(), entries.doors
export = ExportPages(desk, JournalExports(*taken, EXPORT.removeprefix("/")))
contacts = SealedPreferences(vault, *tables, table)
preferences = PreferencePages(desk, Preferences(contacts, messages, texts, macs, clock, mobile))
api = account_api(kit, SignInPages(desk, settings.otp_answer_ms), journal, export, preferences)
handler = api.handler
