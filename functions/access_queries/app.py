"""Reads of a record: read, vread, history, search, and the operations that read."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.directory_reader import DynamoDirectory
from dmp.adapters.dynamodb.identifiers import Identifiers
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.edge.directory import unless_of
from dmp.edge.http import FORM, Answer, Api, Request
from dmp.edge.reads import answer_of, named, not_modified, operated, read_of
from dmp.settings import IdentifierSettings
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.directory_queries import DirectoryQueries
from dmp.use_cases.documents import Documents
from dmp.use_cases.patient_lookup import PatientLookup
from dmp.use_cases.type_history import TypeHistory

settings = IdentifierSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
records = DynamoRecords(vault, settings.records_table, settings.keys_table, settings.registry_table)
clock = SystemClock()
queries = AccessQueries(records, records, clock, settings.fhir_base)
documents = Documents(records, clock, settings.fhir_base)
directory = DirectoryQueries(DynamoDirectory(settings.registry_table), clock, settings.fhir_base)
type_history = TypeHistory(records, clock, settings.fhir_base)
identifiers = Identifiers(Macs(client("kms"), settings.identifier_key_arn), settings.registry_table)
lookup = PatientLookup(records, identifiers, clock, settings.fhir_base)
api = Api("access_queries")
everything, document = "Patient/$everything", "Composition/$document"
OPERATIONS = {everything: queries.everything, document: documents.document}


@api.route("/fhir/{type}/_search", ["POST"], (FORM,))
@api.route("/fhir/{type}", ["GET"])
@unless_of(directory)
def search(request: Request) -> Answer:
    """Search of one type in one record, or who is behind an identifier; by query or by form."""
    resource_type = request.parameters["type"]
    if resource_type == "Patient" and any(name == "identifier" for name, _ in request.query):
        return Answer(200, lookup.find(read_of(request), request.query))
    return Answer(200, queries.search(read_of(request), resource_type, request.query))


@api.route("/fhir/{type}/{id}", ["GET"])
@unless_of(directory)
def read(request: Request) -> Answer:
    """The current version of one resource; a whole type's history, or an operation on it."""
    kind, name = named(request)
    if name.startswith("$"):
        return Answer(200, operated(OPERATIONS, queries, request))
    if name == "_history":
        return Answer(200, type_history.read(read_of(request), kind, request.query))
    version = queries.read(read_of(request), kind, name)
    return not_modified(request, version) or answer_of(version)


@api.route("/fhir/{type}/{id}/_history/{vid}", ["GET"])
def vread(request: Request) -> Answer:
    """One version of one resource."""
    return answer_of(queries.vread(read_of(request), *named(request), request.parameters["vid"]))


@api.route("/fhir/{type}/{id}/_history", ["GET"])
def history(request: Request) -> Answer:
    """Every version of one resource."""
    return Answer(200, queries.history(read_of(request), *named(request)))


@api.route("/fhir/{type}/{id}/{operation}", ["POST"], (FORM,))
@api.route("/fhir/{type}/{id}/{operation}", ["GET"])
def operate(request: Request) -> Answer:
    """The operations of one resource; parameters in the query or in a form."""
    return Answer(200, operated(OPERATIONS, queries, request))


handler = api.handler
