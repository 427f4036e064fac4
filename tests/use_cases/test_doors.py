"""Every door of a record journals before it answers: generated from the table of routes.

Each route behind the token is asked once as it should be; what AWS saw is watched, then the journal
is made to fail: without its entry nothing leaves and nothing is done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import MockRawResponse

from dmp.fhir.routes import BEHIND_TOKEN
from tests.aws_calls import disturbed, forget
from tests.clinic import Clinic
from tests.world import Reply, World, consent, observation

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
PATCH = {"Content_Type": "application/json-patch+json"}
REPLACED = [{"op": "replace", "path": "/status", "value": "amended"}]
IDENTIFIER = {"system": "urn:doors", "value": "1"}


class Ask(NamedTuple):
    """One good request of a route; `{…}` are the clinic's ids."""

    url: str
    body: Any = None
    headers: Mapping[str, str] = {}
    by: str = "doctor"


# Why a route of the table is not asked here.
ELSEWHERE = {
    "/launches": "registry alone", "/apps": "registry alone", "/apps/{id}": "registry alone",
    "/preferences": "test_notice_side", "/preferences/contact": "test_notice_side",
    "/preferences/contact/confirmation": "test_notice_side",
    "/fhir/Consent/$request": "tests of first meetings: what is told there, by whom",
    "/fhir/Consent/$grant": "tests of first meetings",
    "/fhir/Consent/$break-glass": "tests of break-glass",
    "/fhir/Consent/{id}/$contest": "tests of break-glass",
    "/fhir/Consent/$validate": "touches no record", "/fhir/{type}/$validate": "touches no record",
    "/reviews": "the list names no person; the officer's looks are tested with reviews",
    "/reviews/{id}": "tests of reviews",
    "/contacts/{id}": "tests of the registrar's change of contact",
    "/journal/proof/{id}": "reads as the entry does; 404 until it is sealed",
    "/fhir/Composition/{id}/$document": "tests of documents",
}  # fmt: skip
ASKED: Mapping[str, Ask] = {
    "post /fhir": Ask("", "bundle"),
    "get /fhir/{type}": Ask("/Observation?patient={id}"),
    "post /fhir/{type}": Ask("/Observation", "observation"),
    "put /fhir/{type}": Ask("/Observation?patient={id}&identifier=urn:doors|1", "known"),
    "patch /fhir/{type}": Ask("/Observation?patient={id}&identifier=urn:doors|1", REPLACED, PATCH),
    "delete /fhir/{type}": Ask("/Observation?patient={id}&identifier=urn:doors|1"),
    "post /fhir/{type}/_search": Ask("/Observation/_search", "patient={id}", FORM),
    "get /fhir/{type}/_history": Ask("/Observation/_history?patient={id}"),
    "get /fhir/{type}/{id}": Ask("/Observation/{name}"),
    "put /fhir/{type}/{id}": Ask("/Observation/{name}", "named"),
    "patch /fhir/{type}/{id}": Ask("/Observation/{name}", REPLACED, PATCH),
    "delete /fhir/{type}/{id}": Ask("/Observation/{name}"),
    "get /fhir/{type}/{id}/_history": Ask("/Observation/{name}/_history"),
    "get /fhir/{type}/{id}/_history/{vid}": Ask("/Observation/{name}/_history/1"),
    "get /fhir/Patient/{id}/$everything": Ask("/Patient/{id}/$everything"),
    "post /fhir/Patient/{id}/$everything": Ask("/Patient/{id}/$everything", "_count=5", FORM),
    "get /fhir/Observation/$lastn": Ask("/Observation/$lastn?patient={id}&code=2339-0"),
    "get /fhir/{type}/{id}/$meta": Ask("/Observation/{name}/$meta"),
    "post /fhir/{type}/{id}/$meta": Ask("/Observation/{name}/$meta", "x=y", FORM),
    "get /fhir/Consent": Ask("/Consent", by="patient"),
    "post /fhir/Consent": Ask("/Consent", "consent", by="patient"),
    "post /fhir/Consent/_search": Ask("/Consent/_search", "status=active", FORM, "patient"),
    "get /fhir/Consent/{id}": Ask("/Consent/{consent}", by="patient"),
    "put /fhir/Consent/{id}": Ask("/Consent/{consent}", "ended", by="patient"),
    "delete /fhir/Consent/{id}": Ask("/Consent/{consent}", by="patient"),
    "get /fhir/Consent/{id}/_history": Ask("/Consent/{consent}/_history", by="patient"),
    "get /fhir/Consent/{id}/_history/{vid}": Ask("/Consent/{consent}/_history/1", by="patient"),
    "post /fhir/Consent/$explain": Ask(
        "/Consent/$explain", {"resourceType": "Parameters"}, by="patient"
    ),
    "post /fhir/Consent/$simulate": Ask("/Consent/$simulate", "simulated", by="patient"),
    "get /fhir/AuditEvent": Ask("/AuditEvent", by="patient"),
    "post /fhir/AuditEvent/_search": Ask("/AuditEvent/_search", "action=C", FORM, "patient"),
    "get /fhir/AuditEvent/{id}": Ask("/AuditEvent/{entry}", by="patient"),
    "get /journal/entry/{id}": Ask("/journal/entry/{entry}", by="patient"),
    "get /journal/usage": Ask("/journal/usage", by="patient"),
    "get /journal/export": Ask("/journal/export", by="patient"),
}


class Room:
    """A clinic with one of everything that the doors need."""

    def __init__(self, world: World) -> None:
        self.clinic = Clinic(world)
        self.name = self.clinic.observe(identifier=[IDENTIFIER])
        self.words = {
            "id": self.clinic.id, "name": self.name, "consent": self.clinic.consent,
            "entry": f"{self.clinic.id}.{self.clinic.rows('J#')[0]['sk'][2:]}",
        }  # fmt: skip
        known = {**observation(self.clinic.id), "identifier": [IDENTIFIER], "status": "amended"}
        own = consent(self.clinic.id)
        self.bodies: Mapping[str, Any] = {
            "observation": observation(self.clinic.id),
            "known": known,
            "named": {**known, "id": self.name},
            "consent": own,
            "ended": {**own, "id": self.clinic.consent, "status": "inactive"},
            "simulated": {
                "resourceType": "Parameters",
                "parameter": [
                    {"name": "revoke",
                     "valueReference": {"reference": f"Consent/{self.clinic.consent}"}},
                ],
            },
            "bundle": {
                "resourceType": "Bundle",
                "type": "transaction",
                "entry": [{
                    "resource": observation(self.clinic.id),
                    "request": {"method": "POST", "url": "Observation"},
                }],
            },
        }  # fmt: skip

    def kept(self) -> list[Any]:
        """Every item of the record."""
        return list(self.clinic.store.items(self.clinic.id, "!", "~"))

    def ask(self, method: str, door: Ask) -> Reply:
        """The request, sent."""
        url = door.url if door.url.startswith("/journal") else f"/fhir{door.url}"
        for name, word in self.words.items():
            url = url.replace("{" + name + "}", word)
        body = door.body
        if isinstance(body, str):
            body = self.bodies.get(body, body.replace("{id}", self.clinic.id))
        if isinstance(body, list):
            body = json.dumps(body)
        caller = getattr(self.clinic, door.by)
        return self.clinic.world.call(f"{method} {url}", caller, body, **door.headers)


@pytest.fixture
def room(world: World) -> Iterator[Room]:
    made = Room(world)
    yield made
    forget(made.clinic.id)


def is_entry(request: Any) -> bool:
    """Whether a call writes to the journal."""
    target = dict(request.headers).get("X-Amz-Target", b"")
    name = target.decode() if isinstance(target, bytes) else str(target)
    return name.endswith(("PutItem", "TransactWriteItems")) and b'"J#' in bytes(request.body)


@contextmanager
def watched() -> Iterator[list[str]]:
    """What was sent, in order; `journal` for a write that holds an entry."""
    calls: list[str] = []

    def note(name: str, request: Any) -> None:
        calls.append("journal" if is_entry(request) else name)

    with disturbed("dynamodb", by=note):
        yield calls


@contextmanager
def no_journal() -> Iterator[None]:
    """Nothing can be journalled."""

    def refuse(_: str, request: Any) -> AWSResponse | None:
        if not is_entry(request):
            return None
        body = json.dumps({"__type": "com.amazonaws#InternalServerError", "message": "no"})
        headers = HTTPHeaders.from_dict({"Content-Type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 400, headers, MockRawResponse(body))

    with disturbed("dynamodb", by=refuse):
        yield


WRITES = {"PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems"}


def test_every_route_behind_the_token_is_asked_or_left_out_for_a_reason() -> None:
    every = {f"{route.method} {route.path}" for route in BEHIND_TOKEN}
    elsewhere = {name for name in every if _reason(name.partition(" ")[2])}

    assert every - elsewhere - set(ASKED) == set()
    assert set(ASKED) - every == set()


def _reason(path: str) -> str:
    if path.startswith(("/oauth2/", "/guardian", "/enrolments")):
        return "tests of their own"
    return ELSEWHERE.get(path, "")


@pytest.mark.parametrize("route", ASKED)
def test_a_door_journals_before_it_answers(room: Room, route: str) -> None:
    with watched() as calls:
        reply = room.ask(route.partition(" ")[0].upper(), ASKED[route])

    assert reply.status < 300, reply.body
    assert calls.count("journal") == 1
    # in one transaction with what is written, or alone; nothing is written apart from it
    assert not WRITES & set(calls)


@pytest.mark.parametrize("route", ASKED)
def test_without_its_entry_nothing_leaves_and_nothing_is_done(room: Room, route: str) -> None:
    before = room.kept()
    with no_journal():
        reply = room.ask(route.partition(" ")[0].upper(), ASKED[route])

    assert reply.status == 503
    assert room.name not in reply.body
    assert room.kept() == before


def test_a_refusal_without_its_entry_is_not_told(room: Room) -> None:
    stranger: Callable[[], Reply] = lambda: room.clinic.world.call(  # noqa: E731
        f"GET /fhir/Patient/{room.clinic.id}", room.clinic.world.doctor("200000002")
    )
    with no_journal():
        assert stranger().status == 503
    assert stranger().status == 403
