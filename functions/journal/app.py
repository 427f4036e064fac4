"""The journal: AuditEvents, the leaves they are made of, and the proofs that these are sealed."""

from __future__ import annotations

from dmp.adapters.aws import client, later
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.witnesses import RegisteredWitnesses
from dmp.adapters.envelope import Vault
from dmp.adapters.headings import TableHeadings
from dmp.adapters.log_key import LogKey
from dmp.adapters.tiles import TilesBucket
from dmp.edge.http import FORM, JSON, Answer, Api, Request
from dmp.edge.journal import serve_exports
from dmp.edge.proofs import serve_proofs
from dmp.edge.reads import read_of
from dmp.settings import JournalSettings
from dmp.use_cases.journal import Journal
from dmp.use_cases.journal_exports import JournalExports
from dmp.use_cases.proofs import Proofs

settings = JournalSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
records = DynamoRecords(vault, settings.records_table, settings.keys_table, settings.registry_table)
clock, base = SystemClock(), settings.fhir_base
journal = Journal(records, records, clock, base)
exports = JournalExports(records, records, base, TableHeadings(), journal.doors)
log_key = LogKey(client("kms"), settings.log_key_arn)
proofs = Proofs(
    DynamoLogRows(settings.registry_table),
    TilesBucket(later("s3"), settings.tiles_bucket),
    RegisteredWitnesses(settings.registry_table),
)
api = Api("journal")
READ_ONLY = "the journal is written by the server alone"


@api.route("/fhir/AuditEvent", ["GET"])
def search(request: Request) -> Answer:
    """The patient's journal, newest first."""
    return Answer(200, journal.search(read_of(request), request.query))


@api.route("/fhir/AuditEvent/_search", ["POST"], (FORM,))
def search_by_form(request: Request) -> Answer:
    """The same search, its parameters in the body."""
    return search(request)


@api.route("/fhir/AuditEvent/{id}", ["GET"])
def read(request: Request) -> Answer:
    """One entry as an AuditEvent."""
    caller = request.authenticated()
    return Answer(200, journal.read(caller, request.request_id, request.parameters["id"]))


@api.route("/journal/entry/{id}", ["GET"])
def leaf(request: Request) -> Answer:
    """One entry's exact bytes, whose hash is the log's leaf."""
    caller = request.authenticated()
    body = journal.leaf(caller, request.request_id, request.parameters["id"])
    return Answer(200, body, media_type=JSON)


serve_proofs(api, proofs, log_key, journal)
serve_exports(api, exports)
api.refuse("/fhir/AuditEvent", ["POST", "PUT", "PATCH", "DELETE"], READ_ONLY)
api.refuse("/fhir/AuditEvent/{id}", ["POST", "PUT", "PATCH", "DELETE"], READ_ONLY)
api.refuse("/fhir/AuditEvent/{id}/_history", ["GET"], "an entry has one version")
api.refuse("/fhir/AuditEvent/{id}/_history/{vid}", ["GET"], "an entry has one version")
api.refuse("/fhir/AuditEvent/{id}/{operation}", ["GET", "POST"], "no such operation is served")
handler = api.handler
