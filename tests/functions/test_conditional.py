"""Changes whose target is a search, patches, and what a client wants back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest

from dmp.adapters import aws
from dmp.domain.caller import Caller
from dmp.use_cases.record_writes import Target
from dmp.use_cases.written import Request, Written
from tests.stack import Stack
from tests.world import BENNIS, World, consent, observation

IDENTIFIER = {"system": "urn:example:lab", "value": "42"}


class Day:
    """One record, its patient, and a doctor who may read and write."""

    def __init__(self, stack: Stack) -> None:
        self.world = World(stack)
        self.patient = self.world.open_record()
        self.pid = self.patient.patient or ""
        self.doctor = self.world.doctor()
        self.let_in(self.doctor)

    def let_in(self, caller: Caller) -> None:
        """A consent for the practitioner."""
        body = consent(self.pid, caller.practitioner or "")
        assert self.world.call("POST /fhir/Consent", self.patient, body).status == 201

    def result(self, **changes: Any) -> dict[str, Any]:
        """A result that bears the laboratory's number."""
        return {**observation(self.pid), "identifier": [IDENTIFIER], **changes}

    def send(self, request: str, body: object = None, **headers: str) -> Any:
        """A request of the doctor's."""
        return self.world.call(request, self.doctor, body, **headers)

    def total(self) -> int:
        """How many results the record holds."""
        found = self.send(f"GET /fhir/Observation?patient={self.pid}")
        return int(found.json["total"])


@pytest.fixture
def day(stack: Stack) -> Iterator[Day]:
    """A fresh day."""
    return Day(stack)  # type: ignore[return-value]  # a fixture's value


CRITERIA = "identifier=urn:example:lab|42"


def test_a_conditional_create_happens_once(day: Day) -> None:
    first = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)
    again = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)

    assert (first.status, again.status) == (201, 200)
    assert again.headers["Location"] == first.headers["Location"]
    assert day.total() == 1


def test_what_a_conditional_create_finds_is_journalled_as_disclosed(day: Day) -> None:
    first = day.send("POST /fhir/Observation", day.result())
    found = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)
    assert (found.status, found.json["id"]) == (200, first.json["id"])

    url = f"GET /fhir/AuditEvent?patient={day.pid}&_count=1"
    (newest,) = day.world.call(url, day.patient).json["entry"]

    named = [e["what"].get("reference") for e in newest["resource"]["entity"] if "what" in e]
    assert f"Observation/{first.json['id']}/_history/1" in named


def test_what_was_found_is_withheld_once_when_the_policy_moves_meanwhile(day: Day) -> None:
    first = day.send("POST /fhir/Observation", day.result())
    records = day.world.app("record_writes", "RecordWrites").records
    version = records.policy(day.pid)

    with mock.patch.object(records, "policy", side_effect=[version + 1, version]):
        found = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)

    assert (found.status, found.json["id"]) == (200, first.json["id"])
    url = f"GET /fhir/AuditEvent?patient={day.pid}&_count=3"
    entries = day.world.call(url, day.patient).json["entry"]
    rules = [e["resource"]["extension"][0]["valueCode"] for e in entries]
    assert rules == ["consent-permit", "policy-moved", "consent-permit"]


def test_a_key_gives_its_first_answer_even_where_criteria_find_it_now(day: Day) -> None:
    headers = {"If_None_Exist": CRITERIA, "Idempotency_Key": "k"}

    first, again = (day.send("POST /fhir/Observation", day.result(), **headers) for _ in range(2))

    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body


def test_a_conditional_create_is_free_again_once_the_resource_is_deleted(day: Day) -> None:
    first = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)
    assert day.send(f"DELETE /fhir/Observation/{first.json['id']}").status == 204

    again = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)

    assert again.status == 201
    assert again.json["id"] != first.json["id"]


def test_two_conditional_creates_at_once_make_one_resource(day: Day) -> None:
    writes = day.world.app("record_writes", "RecordWrites").writes
    request, where = Request(day.doctor, "r", "q"), Target("Observation", criteria=CRITERIA)
    theirs: list[Written] = []

    def other_first(**_: object) -> None:
        events.unregister("before-call.dynamodb.TransactWriteItems", other_first)
        theirs.append(writes.create(request, where, day.result()))

    events = aws.client("dynamodb").meta.events
    events.register_first("before-call.dynamodb.TransactWriteItems", other_first)
    mine = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)

    assert (theirs[0].status, mine.status) == (201, 200)
    assert mine.headers["Location"] == theirs[0].headers["Location"]
    assert day.total() == 1


def test_criteria_that_find_several_change_nothing(day: Day) -> None:
    for _ in range(2):
        day.send("POST /fhir/Observation", day.result())

    put = day.send(f"PUT /fhir/Observation?{CRITERIA}", day.result())
    gone = day.send(f"DELETE /fhir/Observation?patient={day.pid}&{CRITERIA}")
    made = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)

    assert [put.status, gone.status, made.status] == [412, 412, 412]
    assert day.total() == 2


def test_a_conditional_update_creates_then_updates(day: Day) -> None:
    first = day.send(f"PUT /fhir/Observation?{CRITERIA}", day.result())
    second = day.send(f"PUT /fhir/Observation?{CRITERIA}", day.result(note=[{"text": "vu"}]))

    assert (first.status, second.status) == (201, 200)
    assert second.json["id"] == first.json["id"]
    assert second.json["meta"]["versionId"] == "2"


def test_a_conditional_delete_deletes_the_one_it_finds_and_may_be_repeated(day: Day) -> None:
    first = day.send("POST /fhir/Observation", day.result())
    url = f"DELETE /fhir/Observation?patient={day.pid}&{CRITERIA}"

    assert [day.send(url).status, day.send(url).status] == [204, 204]
    assert day.send(f"GET /fhir/Observation/{first.json['id']}").status == 410


@pytest.mark.parametrize("criteria", ["_count=1", f"{CRITERIA}&_include=*", "", "nonsense=1"])
def test_criteria_that_are_none_are_refused(day: Day, criteria: str) -> None:
    refused = day.send(f"PUT /fhir/Observation?{criteria}", day.result())

    assert refused.status == 400, refused.body
    assert day.total() == 0


def test_a_hidden_resource_is_not_found_by_criteria(day: Day) -> None:
    seal = consent(day.pid)
    written = day.send("POST /fhir/Observation", day.result())
    seal["provision"] = {
        "type": "deny",
        "data": [
            {
                "meaning": "instance",
                "reference": {"reference": f"Observation/{written.json['id']}"},
            }
        ],
    }
    assert day.world.call("POST /fhir/Consent", day.patient, seal).status == 201

    again = day.send("POST /fhir/Observation", day.result(), If_None_Exist=CRITERIA)

    assert again.status == 201


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (
            "application/json-patch+json",
            [{"op": "replace", "path": "/status", "value": "amended"}],
        ),
        (
            "application/fhir+json",
            {
                "resourceType": "Parameters",
                "parameter": [
                    {
                        "name": "operation",
                        "part": [
                            {"name": "type", "valueCode": "replace"},
                            {"name": "path", "valueString": "Observation.status"},
                            {"name": "value", "valueCode": "amended"},
                        ],
                    }
                ],
            },
        ),
    ],
)
def test_a_patch_makes_the_next_version(day: Day, media_type: str, body: object) -> None:
    name = day.send("POST /fhir/Observation", day.result()).json["id"]

    patched = day.send(f"PATCH /fhir/Observation/{name}", body, Content_Type=media_type)

    assert patched.status == 200, patched.body
    assert patched.json["status"] == "amended"
    assert patched.headers["ETag"] == 'W/"2"'
    assert '"value":72.5' in patched.body


PATCHES = [
    ("application/json", {"status": "amended"}, 415),
    ("application/json-patch+json", [{"op": "remove", "path": "/none"}], 422),
    ("application/json-patch+json", [{"op": "replace", "path": "/status", "value": "no"}], 422),
    ("text/plain", {"status": "amended"}, 415),
]


@pytest.mark.parametrize(("media_type", "body", "status"), PATCHES)
def test_a_patch_that_cannot_be_is_refused_and_changes_nothing(
    day: Day, media_type: str, body: object, status: int
) -> None:
    name = day.send("POST /fhir/Observation", day.result()).json["id"]

    refused = day.send(f"PATCH /fhir/Observation/{name}", body, Content_Type=media_type)

    assert refused.status == status, refused.body
    assert refused.json["resourceType"] == "OperationOutcome"
    assert day.send(f"GET /fhir/Observation/{name}").headers["ETag"] == 'W/"1"'


def test_only_the_author_patches(day: Day) -> None:
    name = day.send("POST /fhir/Observation", day.result()).json["id"]
    other = day.world.doctor(BENNIS)
    day.let_in(other)
    body = json.dumps([{"op": "replace", "path": "/status", "value": "amended"}])

    refused = day.world.call(
        f"PATCH /fhir/Observation/{name}", other, body, Content_Type="application/json-patch+json"
    )

    assert refused.status == 403
    assert refused.json["issue"][0]["details"]["coding"][0]["code"] == "not-author"


def test_if_none_match_star_only_creates(day: Day) -> None:
    url = f"PUT /fhir/Observation/{day.pid}.cli-7"
    body = day.result(id=f"{day.pid}.cli-7")

    first = day.send(url, body, If_None_Match="*")
    again = day.send(url, body, If_None_Match="*")

    assert (first.status, again.status) == (201, 412)


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        ("return=minimal", None),
        ("return=representation", "Observation"),
        ("return=OperationOutcome", "OperationOutcome"),
    ],
)
def test_a_client_gets_back_what_it_prefers(day: Day, prefer: str, kind: str | None) -> None:
    made = day.send("POST /fhir/Observation", day.result(), Prefer=prefer)

    assert made.status == 201
    assert (made.json["resourceType"] if made.body else None) == kind
