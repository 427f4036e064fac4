"""What each operation costs in AWS calls: a ratchet, DESIGN section 5."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.world import BENNIS, World, observation

READ = ["BatchGetItem", "PutItem", "GetItem"]
SEARCH = ["BatchGetItem", "Query", "PutItem", "GetItem"]


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    world.call(f"GET /fhir/Patient/{made.id}", made.patient)  # each function holds the keys now
    world.call(f"DELETE /fhir/Observation/{made.id}.x-1", made.patient)
    yield made
    forget(made.id)


def calls_of(clinic: Clinic, request: str, body: object = None, **headers: str) -> list[str]:
    with counted() as calls:
        reply = clinic.world.call(request, clinic.doctor, body, **headers)
    assert reply.status < 300, reply.body
    return calls


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    entries = [
        {"resource": r, "request": {"method": "POST", "url": r["resourceType"]}} for r in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_reads_cost_three_calls_and_four_once_updated(clinic: Clinic) -> None:
    name = clinic.observe()
    url = f"/fhir/Observation/{name}"

    assert calls_of(clinic, f"GET {url}") == READ
    assert calls_of(clinic, f"GET {url}/$meta") == READ
    assert calls_of(clinic, f"GET {url}/_history/1") == READ
    assert calls_of(clinic, f"GET {url}/_history") == READ
    body = {**observation(clinic.id, value=80), "id": name}
    assert calls_of(clinic, f"PUT {url}", body) == ["BatchGetItem", "TransactWriteItems"]
    assert calls_of(clinic, f"PUT {url}", body) == [
        "BatchGetItem", "BatchGetItem", "TransactWriteItems",
    ]  # fmt: skip
    assert calls_of(clinic, f"GET {url}") == ["BatchGetItem", *READ]


def test_searches_and_everything_cost_four_calls(clinic: Clinic) -> None:
    for _ in range(3):
        clinic.observe()

    assert calls_of(clinic, f"GET /fhir/Observation?patient={clinic.id}&code=2339-0") == SEARCH
    assert calls_of(clinic, f"GET /fhir/Patient/{clinic.id}/$everything") == SEARCH
    url = f"GET /fhir/Observation/$lastn?patient={clinic.id}&code=2339-0"
    assert calls_of(clinic, url) == SEARCH


def test_creates_and_transactions_cost_two_calls(clinic: Clinic) -> None:
    clinic.observe()
    one, many = observation(clinic.id), [observation(clinic.id)] * 20

    write = ["BatchGetItem", "TransactWriteItems"]
    assert calls_of(clinic, "POST /fhir/Observation", one) == write
    assert calls_of(clinic, "POST /fhir/Observation", one, Idempotency_Key="k") == write
    assert calls_of(clinic, "POST /fhir", bundle(*many)) == write


def test_the_first_read_of_an_access_costs_no_more_calls(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    name = clinic.observe()
    other = clinic.world.doctor(BENNIS)

    with counted() as first:
        reply = clinic.world.call(f"GET /fhir/Observation/{name}", other)

    assert reply.status == 200
    assert first == ["BatchGetItem", "TransactWriteItems", "GetItem"]


def test_a_refusal_costs_three_calls_one_of_them_to_count_it(clinic: Clinic) -> None:
    with counted() as calls:
        reply = clinic.world.call(f"GET /fhir/Patient/{clinic.id}", clinic.world.doctor(BENNIS))

    assert reply.status == 403
    assert calls == ["BatchGetItem", "UpdateItem", "PutItem"]


def test_kms_is_asked_once_for_a_record_and_then_not_for_a_while(world: World) -> None:
    patient = world.open_record()
    url = f"GET /fhir/Patient/{patient.patient}"

    with counted() as cold:
        world.call(url, patient)
    with counted() as warm:
        world.call(url, patient)

    assert [c for c in cold if c == "Decrypt"] == ["Decrypt"]
    assert "Decrypt" not in warm
