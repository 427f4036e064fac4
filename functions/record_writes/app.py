"""Writes to a record: create, update, delete and transaction."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.references import DirectoryReferences
from dmp.adapters.envelope import Vault
from dmp.edge.http import FHIR_BODIES, Answer, Api, Request
from dmp.edge.writes import answer_of, write_of
from dmp.fhir import json_reader
from dmp.settings import RecordSettings
from dmp.use_cases.record_writes import RecordWrites

settings = RecordSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
records = DynamoRecords(vault, settings.records_table, settings.keys_table, settings.registry_table)
directory = DirectoryReferences(settings.registry_table)
writes = RecordWrites(records, directory, SystemClock(), settings.fhir_base)
api = Api("record_writes")


@api.route("/fhir", ["POST"], FHIR_BODIES)
def transaction(request: Request) -> Answer:
    """A transaction bundle, one commit (ITI-65's form of provision)."""
    content = json_reader.read_object(request.body)
    return answer_of(writes.transaction(write_of(request, representation=False), content))


@api.route("/fhir/{type}", ["POST"], FHIR_BODIES)
def create(request: Request) -> Answer:
    """One new resource."""
    resource = json_reader.read_object(request.body)
    return answer_of(writes.create(write_of(request), request.parameters["type"], resource))


@api.route("/fhir/{type}/{id}", ["PUT"], FHIR_BODIES)
def update(request: Request) -> Answer:
    """The next version of a resource, or version 1 under a client's own id."""
    resource = json_reader.read_object(request.body)
    name = (request.parameters["type"], request.parameters["id"])
    return answer_of(writes.update(write_of(request), name, resource, request.header("if-match")))


@api.route("/fhir/{type}/{id}", ["DELETE"])
def delete(request: Request) -> Answer:
    """A version that says it is deleted."""
    name = (request.parameters["type"], request.parameters["id"])
    return answer_of(writes.delete(write_of(request), name, request.header("if-match")))


api.refuse("/fhir/{type}", ["PUT", "PATCH", "DELETE"], "conditional changes are not served")
api.refuse("/fhir/{type}/{id}", ["PATCH"], "PATCH is not served; send the whole resource with PUT")
api.refuse("/fhir/{type}/{id}", ["POST"], "no such operation is served")
handler = api.handler
