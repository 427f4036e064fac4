"""Writes to a record: create, update, patch, delete, transaction and batch."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.dynamodb.references import DirectoryReferences
from dmp.adapters.envelope import Vault
from dmp.adapters.macs import Macs
from dmp.edge import validation
from dmp.edge.http import FHIR_BODIES, Answer, Api, Request
from dmp.edge.writes import JSON_PATCH, answer_of, fhirpath_patch, patch_of, target_of, write_of
from dmp.fhir import json_reader
from dmp.settings import IdentifierSettings
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.bundles import Bundles
from dmp.use_cases.guardianship import Guardianship
from dmp.use_cases.record_writes import RecordWrites

settings = IdentifierSettings.from_environment()
kms = client("kms")
vault, macs = Vault(kms, settings.record_key_arn), Macs(kms, settings.identifier_key_arn)
records = DynamoRecords(vault, settings.records_table, settings.keys_table, settings.registry_table)
directory, clock = DirectoryReferences(settings.registry_table), SystemClock()
writes = RecordWrites(records, directory, clock, macs, settings.fhir_base)
guardianship = Guardianship(records, clock, macs, settings.fhir_base)
queries = AccessQueries(records, records, clock, settings.fhir_base)
bundles = Bundles(writes.committer, queries, clock, fhirpath_patch)
api = Api("record_writes")


@api.route("/fhir", ["POST"], FHIR_BODIES)
def bundle(request: Request) -> Answer:
    """A transaction, which is one commit (ITI-65's form of provision), or a batch."""
    content = json_reader.read_object(request.body)
    return answer_of(bundles.post(write_of(request, "minimal"), content))


@api.route("/fhir/{type}", ["POST"], FHIR_BODIES)
def create(request: Request) -> Answer:
    """One new resource, unless If-None-Exist finds it; of a registrar's, a guardian."""
    resource = json_reader.read_object(request.body)
    if guardianship.is_for(request.authenticated(), request.parameters["type"]):
        return answer_of(guardianship.appoint(write_of(request), resource))
    return answer_of(writes.create(write_of(request), target_of(request), resource))


@api.route("/fhir/{type}", ["PUT"], FHIR_BODIES)
@api.route("/fhir/{type}/{id}", ["PUT"], FHIR_BODIES)
def update(request: Request) -> Answer:
    """The next version of a resource, or version 1 under a client's own id."""
    resource = json_reader.read_object(request.body)
    return answer_of(writes.update(write_of(request), target_of(request), resource))


@api.route("/fhir/{type}", ["PATCH"], (*FHIR_BODIES, JSON_PATCH))
@api.route("/fhir/{type}/{id}", ["PATCH"], (*FHIR_BODIES, JSON_PATCH))
def patch(request: Request) -> Answer:
    """The next version, as a JSON Patch or FHIRPath Patch makes it of the current one."""
    media_type = (request.header("content-type") or "").partition(";")[0].strip().lower()
    change = patch_of(media_type, request.body)
    return answer_of(writes.patch(write_of(request), target_of(request), change))


@api.route("/fhir/{type}", ["DELETE"])
@api.route("/fhir/{type}/{id}", ["DELETE"])
def delete(request: Request) -> Answer:
    """A version that says it is deleted."""
    if guardianship.is_for(request.authenticated(), request.parameters["type"]):
        return answer_of(guardianship.end(write_of(request), request.parameters.get("id", "")))
    return answer_of(writes.delete(write_of(request), target_of(request)))


validation.serve(api, "/fhir/{type}/{id}", lambda request: request.parameters["type"])
handler = api.handler
