"""The patient's own pages, without an app: the journal, how they are told, sign-in for both."""

from __future__ import annotations

from dmp.adapters.aws import later
from dmp.adapters.dynamodb.grants import GrantRows
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.adapters.dynamodb.preferences import SealedPreferences
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.witnesses import RegisteredWitnesses
from dmp.adapters.headings import TableHeadings
from dmp.adapters.phones import mobile
from dmp.adapters.signing_in import signing_in
from dmp.adapters.tiles import TilesBucket
from dmp.edge.account import account_api
from dmp.edge.account_desk import EXPORT, Desk
from dmp.edge.account_export import ExportPages
from dmp.edge.account_journal import JournalPages
from dmp.edge.account_preferences import PreferencePages
from dmp.edge.account_proof import Proof
from dmp.edge.account_sign_in import SignInPages
from dmp.edge.pages import Kit
from dmp.settings import AccountSettings
from dmp.use_cases.account import Account
from dmp.use_cases.disputes import Disputes
from dmp.use_cases.journal import Journal
from dmp.use_cases.journal_exports import JournalExports
from dmp.use_cases.preferences import Preferences
from dmp.use_cases.proofs import Proofs

settings = AccountSettings.from_environment()
table = settings.registry_table
tables = settings.records_table, settings.keys_table, table
at_door = signing_in(
    tables,
    (settings.record_key_arn, settings.identifier_key_arn),
    (settings.sms_sender, settings.mail_sender),
    settings.codes_per_address,
)
vault, clock = at_door.vault, at_door.clock
records = DynamoRecords(vault, *tables)
kit = Kit(settings.base_url)
desk = Desk(kit, at_door.browsers, clock)
proof = Proof(desk, at_door.step_up)
account = Account(records, records, GrantRows(table), clock)
entries = Journal(records, records, clock, settings.fhir_base)
tiles = TilesBucket(later("s3"), settings.tiles_bucket)
proofs = Proofs(DynamoLogRows(table), tiles, RegisteredWitnesses(table))
journal = JournalPages(desk, account, Disputes(account, records, clock), entries, proofs)
taken = records, records, settings.fhir_base, TableHeadings(), entries.doors
export = ExportPages(desk, JournalExports(*taken, EXPORT.removeprefix("/")))
contacts = SealedPreferences(vault, *tables)
told = Preferences(contacts, at_door.messages, at_door.texts, at_door.macs, clock, mobile)
preferences = PreferencePages(desk, proof, told)
api = account_api(kit, SignInPages(desk, settings.otp_answer_ms), journal, export, preferences)
handler = api.handler
