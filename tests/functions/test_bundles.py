"""Transactions and batches: all or nothing, or each for itself; every method in an entry."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.functions.test_conditional import CRITERIA, Day
from tests.stack import Stack
from tests.world import observation


@pytest.fixture
def day(stack: Stack) -> Day:
    return Day(stack)


def entry(method: str, url: str, resource: object = None, **request: str) -> dict[str, Any]:
    """One entry."""
    made: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return made if resource is None else {**made, "resource": resource}


def sent(day: Day, kind: str, *entries: dict[str, Any]) -> Any:
    return day.send("POST /fhir", {"resourceType": "Bundle", "type": kind, "entry": list(entries)})


def statuses(reply: Any) -> list[str]:
    return [e["response"]["status"][:3] for e in reply.json["entry"]]


def patch_of(*operations: object) -> dict[str, Any]:
    """A JSON Patch as an entry carries it."""
    data = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}


def test_an_entry_of_a_batch_fails_alone(day: Day) -> None:
    made = day.send("POST /fhir/Observation", day.result()).json["id"]

    reply = sent(
        day,
        "batch",
        entry("GET", f"Observation/{made}"),
        entry("POST", "Observation", {**observation(day.pid), "status": "nonsense"}),
        entry("POST", "Observation", observation(day.pid)),
        entry("GET", f"Observation/{day.pid}.0000000000000000.0000"),
        entry("DELETE", f"Observation/{made}"),
    )

    assert reply.status == 200, reply.body
    # in the order of the specification: the deletion comes before the read
    assert statuses(reply) == ["410", "422", "201", "404", "204"]
    outcome = reply.json["entry"][1]["response"]["outcome"]
    assert outcome["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert day.total() == 1


def test_a_transaction_takes_every_method(day: Day) -> None:
    first, second, third = (
        day.send("POST /fhir/Observation", observation(day.pid)).json for _ in range(3)
    )

    reply = sent(
        day,
        "transaction",
        entry("GET", f"Observation?patient={day.pid}"),
        entry("PUT", f"Observation/{first['id']}", {**first, "status": "amended"}),
        entry(
            "PATCH",
            f"Observation/{second['id']}",
            patch_of({"op": "replace", "path": "/status", "value": "corrected"}),
        ),
        entry("DELETE", f"Observation/{third['id']}"),
        entry("POST", "Observation", day.result(), ifNoneExist=CRITERIA),
        entry("GET", f"Observation/{first['id']}/_history/1"),
    )

    assert reply.status == 200, reply.body
    assert statuses(reply) == ["200", "200", "200", "204", "201", "200"]
    assert reply.json["entry"][0]["resource"]["total"] == 3
    locations = {e["response"].get("location", "").partition("/_h")[0] for e in reply.json["entry"]}
    assert f"Observation/{second['id']}" in locations


def test_a_conditional_create_in_a_transaction_is_referred_to_by_its_urn(day: Day) -> None:
    encounter = {
        "resourceType": "Encounter",
        "identifier": [{"system": "urn:example:visit", "value": "7"}],
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{day.pid}"},
    }
    urn = "urn:uuid:00000000-0000-4000-8000-000000000007"
    visit = entry("POST", "Encounter", encounter, ifNoneExist="identifier=urn:example:visit|7")
    result = {**observation(day.pid), "encounter": {"reference": urn}}
    entries = ({**visit, "fullUrl": urn}, entry("POST", "Observation", result))

    first, again = (sent(day, "transaction", *entries) for _ in range(2))

    assert (statuses(first), statuses(again)) == (["201", "201"], ["200", "201"])
    met = first.json["entry"][0]["response"]["location"].partition("/_history")[0]
    results = day.send(f"GET /fhir/Observation?patient={day.pid}").json["entry"]
    assert {r["resource"]["encounter"]["reference"] for r in results} == {met}


def test_a_conditional_reference_finds_a_resource_of_the_record(day: Day) -> None:
    made = day.send("POST /fhir/Observation", day.result()).json
    derived = {
        **observation(day.pid, "4548-4"),
        "derivedFrom": [{"reference": f"Observation?{CRITERIA}"}],
    }

    reply = sent(day, "transaction", entry("POST", "Observation", derived))
    nothing = {**derived, "derivedFrom": [{"reference": "Observation?identifier=urn:x|none"}]}
    refused = sent(day, "transaction", entry("POST", "Observation", nothing))

    assert reply.status == 200, reply.body
    name = reply.json["entry"][0]["response"]["location"].split("/")[1]
    read = day.send(f"GET /fhir/Observation/{name}").json
    assert read["derivedFrom"] == [{"reference": f"Observation/{made['id']}"}]
    assert refused.status == 422


def test_three_thousand_creates_are_one_act(day: Day) -> None:
    entries = [entry("POST", "Observation", observation(day.pid, value=i)) for i in range(3000)]

    reply = sent(day, "transaction", *entries)

    assert reply.status == 200, reply.body[:500]
    locations = [e["response"]["location"] for e in reply.json["entry"]]
    assert len(set(locations)) == 3000
    assert len({location.split(".")[1] for location in locations}) == 1


def test_eighty_updates_are_one_act_and_eighty_one_are_refused_whole(day: Day) -> None:
    bodies = [{**observation(day.pid), "id": f"{day.pid}.cli-{i}"} for i in range(81)]
    puts = [entry("PUT", f"Observation/{body['id']}", body) for body in bodies]

    refused = sent(day, "transaction", *puts)
    assert refused.status == 413
    assert "80" in refused.json["issue"][0]["details"]["text"]
    assert day.total() == 0

    assert set(statuses(sent(day, "transaction", *puts[:80]))) == {"201"}
    assert set(statuses(sent(day, "transaction", *puts[:80]))) == {"200"}
    assert day.total() == 80


def test_two_types_may_bear_one_id_of_the_clients_own(day: Day) -> None:
    name = f"{day.pid}.cli-1"
    result = {**observation(day.pid), "id": name}
    condition = {
        "resourceType": "Condition",
        "id": name,
        "subject": {"reference": f"Patient/{day.pid}"},
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                    "code": "active",
                }
            ]
        },
    }
    both = (
        entry("PUT", f"Observation/{name}", result),
        entry("PUT", f"Condition/{name}", condition),
    )

    assert statuses(sent(day, "transaction", *both)) == ["201", "201"]
    assert statuses(sent(day, "transaction", both[0])) == ["200"]

    again = sent(day, "transaction", *both)

    assert statuses(again) == ["200", "200"]
    assert [e["response"]["etag"] for e in again.json["entry"]] == ['W/"3"', 'W/"2"']


def test_a_transaction_with_one_failing_precondition_changes_nothing(day: Day) -> None:
    made = day.send("POST /fhir/Observation", observation(day.pid)).json
    changed = {**made, "status": "amended"}

    reply = sent(
        day,
        "transaction",
        entry("POST", "Observation", observation(day.pid)),
        entry("PUT", f"Observation/{made['id']}", changed, ifMatch='W/"7"'),
    )

    assert reply.status == 412
    assert day.total() == 1
