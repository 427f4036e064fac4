"""The patient's consents: grant, change, revoke, read (ITI-108)."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.records import DynamoRecords
from dmp.adapters.envelope import Vault
from dmp.edge import reads, validation
from dmp.edge.http import FHIR_BODIES, FORM, Answer, Api, Request
from dmp.edge.writes import answer_of, write_of
from dmp.fhir.json_reader import read_object
from dmp.settings import RecordSettings
from dmp.use_cases.access_queries import AccessQueries
from dmp.use_cases.consent_changes import CONSENT, ConsentChanges, patient_only

settings = RecordSettings.from_environment()
vault = Vault(client("kms"), settings.record_key_arn)
records = DynamoRecords(vault, settings.records_table, settings.keys_table, settings.registry_table)
changes = ConsentChanges(records, SystemClock(), settings.fhir_base)
queries = AccessQueries(records, records, SystemClock(), settings.fhir_base)
api = Api("consent_changes")


@api.route("/fhir/Consent", ["POST"], FHIR_BODIES)
def create(request: Request) -> Answer:
    """A new consent, in force at once when active."""
    return answer_of(changes.create(write_of(request), read_object(request.body)))


@api.route("/fhir/Consent/{id}", ["PUT"], FHIR_BODIES)
def update(request: Request) -> Answer:
    """The consent's next version; inactive revokes."""
    name, if_match = request.parameters["id"], request.header("if-match")
    return answer_of(changes.update(write_of(request), name, read_object(request.body), if_match))


@api.route("/fhir/Consent/{id}", ["DELETE"])
def revoke(request: Request) -> Answer:
    """The consent is over."""
    name, if_match = request.parameters["id"], request.header("if-match")
    return answer_of(changes.revoke(write_of(request), name, if_match))


@api.route("/fhir/Consent/_search", ["POST"], (FORM,))
@api.route("/fhir/Consent", ["GET"])
def search(request: Request) -> Answer:
    """The patient's consents; the parameters in the query or in a form."""
    patient_only(request.authenticated())
    return Answer(200, queries.search(reads.read_of(request), CONSENT, request.query))


@api.route("/fhir/Consent/{id}", ["GET"])
def read(request: Request) -> Answer:
    """One consent as it stands."""
    patient_only(request.authenticated())
    one = queries.read(reads.read_of(request), CONSENT, request.parameters["id"])
    return reads.not_modified(request, one) or reads.answer_of(one)


@api.route("/fhir/Consent/{id}/_history", ["GET"])
def history(request: Request) -> Answer:
    """Every version of one consent."""
    patient_only(request.authenticated())
    return Answer(200, queries.history(reads.read_of(request), CONSENT, request.parameters["id"]))


@api.route("/fhir/Consent/{id}/_history/{vid}", ["GET"])
def vread(request: Request) -> Answer:
    """One version of one consent."""
    patient_only(request.authenticated())
    ids = request.parameters["id"], request.parameters["vid"]
    return reads.answer_of(queries.vread(reads.read_of(request), CONSENT, *ids))


api.refuse("/fhir/Consent", ["PUT", "PATCH", "DELETE"], "conditional changes are not served")
api.refuse("/fhir/Consent/{id}", ["PATCH"], "send the whole Consent with PUT")
validation.serve(api, "/fhir/Consent/{id}", lambda _: CONSENT)
api.refuse("/fhir/Consent/{id}/{operation}", ["GET", "POST"], "no such operation is served")
handler = api.handler
