"""Apps that people let in: an EHR launches one, a person sees and ends theirs."""

from __future__ import annotations

from dmp.adapters.aws import client
from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.dynamodb.contacts import SealedContacts
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.envelope import Vault
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.oauth import answer_of
from dmp.fhir import json_reader
from dmp.settings import RecordSettings
from dmp.use_cases.apps import Apps
from dmp.use_cases.authorization import Authorization

settings = RecordSettings.from_environment()
registry, clock = settings.registry_table, SystemClock()
directory, rows = Registry(registry), AuthorizationRows(registry)
vault = Vault(client("kms"), settings.record_key_arn)
journal = SealedContacts(vault, *settings.tables)
authorization = Authorization(directory, rows, clock, settings.base_url)
apps = Apps(directory, rows, authorization, clock, journal)
api = Api("apps")
handler = api.handler


@api.route("/launches", methods=["POST"], reads=(JSON,))
def launch(request: Request) -> Answer:
    """An EHR's open patient, for the app that it is about to open."""
    body = json_reader.read_object(request.body)
    return answer_of(201, apps.launch(request.authenticated(), body, request.request_id))


@api.route("/apps", methods=["GET"])
def listed(request: Request) -> Answer:
    """The apps that the person let in."""
    return answer_of(200, {"apps": apps.listed(request.authenticated())})


@api.route("/apps/{id}", methods=["DELETE"])
def end(request: Request) -> Answer:
    """The app is out at its next request."""
    apps.end(request.authenticated(), request.parameters["id"])
    return Answer(204)
