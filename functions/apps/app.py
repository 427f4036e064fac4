"""Apps that people let in: an EHR launches one, a person sees and ends theirs."""

from __future__ import annotations

from dmp.adapters.clock import SystemClock
from dmp.adapters.dynamodb.authorizations import AuthorizationRows
from dmp.adapters.dynamodb.directory import Registry
from dmp.edge.http import JSON, Answer, Api, Request
from dmp.edge.oauth import answer_of
from dmp.fhir import json_reader
from dmp.settings import AppsSettings
from dmp.use_cases.apps import Apps
from dmp.use_cases.authorization import Authorization

settings = AppsSettings.from_environment()
directory, rows = Registry(settings.registry_table), AuthorizationRows(settings.registry_table)
clock = SystemClock()
apps = Apps(directory, rows, Authorization(directory, rows, clock, settings.base_url), clock)
api = Api("apps")
handler = api.handler


@api.route("/launches", methods=["POST"], reads=(JSON,))
def launch(request: Request) -> Answer:
    """An EHR's open patient, for the app that it is about to open."""
    body = json_reader.read_object(request.body)
    return answer_of(201, apps.launch(request.authenticated(), body))


@api.route("/apps", methods=["GET"])
def listed(request: Request) -> Answer:
    """The apps that the person let in."""
    return answer_of(200, {"apps": apps.listed(request.authenticated())})


@api.route("/apps/{id}", methods=["DELETE"])
def end(request: Request) -> Answer:
    """The app is out at its next request."""
    apps.end(request.authenticated(), request.parameters["id"])
    return Answer(204)
