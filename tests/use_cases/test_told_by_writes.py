"""What a write tells of content that the writer did not send: only what they may read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.memory import remembered
from tests.scenarios import DIRECTION, coded
from tests.scenes import LAB, Scene, doctor, mark, scene
from tests.world import AMRANI, BENNIS, Reply

PATCH = {"Content_Type": "application/json-patch+json"}
AMENDED = json.dumps([{"op": "replace", "path": "/status", "value": "amended"}])


@pytest.fixture(scope="module")
def the() -> Iterator[Scene]:
    with remembered() as world:
        yield scene(world)


def patched(the: Scene, **headers: str) -> Reply:
    url = f"PATCH /fhir/{the.reference('lab')}"
    return the.world.call(url, doctor(the.world, AMRANI), AMENDED, **PATCH, **headers)


def test_a_patch_by_who_may_write_and_not_read_tells_nothing(the: Scene) -> None:
    granted = the.consent(**coded(DIRECTION, "write"))

    reply = patched(the)

    assert (reply.status, reply.body) == (200, "")
    assert reply.headers["ETag"]
    the.end(granted)


def test_a_key_repeats_of_a_patch_that_it_was_done_and_no_content(the: Scene) -> None:
    granted = the.consent()
    first = patched(the, Idempotency_Key="k1")

    again = patched(the, Idempotency_Key="k1")

    assert mark("lab") in first.body
    assert (again.status, again.headers["ETag"]) == (200, first.headers["ETag"])
    assert again.body == ""
    the.end(granted)


def test_a_patch_in_a_bundle_likewise(the: Scene) -> None:
    granted = the.consent(**coded(DIRECTION, "write"))
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Observation.status"},
        {"name": "value", "valueCode": "corrected"},
    ]}]}  # fmt: skip
    request = {"method": "PATCH", "url": the.reference("lab")}
    body = {"resourceType": "Bundle", "type": "transaction",
            "entry": [{"resource": patch, "request": request}]}  # fmt: skip

    reply = the.world.call("POST /fhir", doctor(the.world, AMRANI), body,
                           Prefer="return=representation")  # fmt: skip

    assert reply.status == 200, reply.body
    assert "resource" not in reply.json["entry"][0]
    the.end(granted)


@pytest.mark.parametrize(("scopes", "told"), [("cud", False), ("cr", True), ("cs", True)])
def test_what_a_conditional_create_finds_is_told_by_a_scope_that_reads(
    the: Scene, scopes: str, told: bool
) -> None:
    granted = the.consent(BENNIS)
    caller = replace(doctor(the.world, BENNIS), scopes=(f"user/*.{scopes}",))
    criteria = f"patient={the.id}&category=laboratory"
    body: dict[str, Any] = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"},
        "category": [LAB], "subject": {"reference": f"Patient/{the.id}"},
    }  # fmt: skip

    reply = the.world.call("POST /fhir/Observation", caller, body, If_None_Exist=criteria)

    assert reply.status == 200, reply.body
    assert (mark("lab") in reply.body) is told
    assert the.items["lab"].id in reply.headers["Location"]
    the.end(granted)
