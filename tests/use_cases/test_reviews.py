"""Every break-glass is reviewed; the patient contests it and is told of the officer's answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.aws_calls import before, counted, forget
from tests.clinic import Clinic
from tests.use_cases.test_break_glass import emergency, notices, opened, status
from tests.world import Reply, World

WORDS = "Je n'étais pas inconscient"
ANSWER = {"outcome": "unjustified", "answer": "Le patient était conscient à l'arrivée"}


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    table = world.tables["REGISTRY_TABLE"]
    dynamodb = world.stack.client("dynamodb")
    for item in dynamodb.scan(TableName=table, ProjectionExpression="pk")["Items"]:
        if item["pk"]["S"].startswith("review#"):
            dynamodb.delete_item(TableName=table, Key=item)
    made = Clinic(world, granted=False)
    yield made
    forget(made.id)


def officer(clinic: Clinic, **changes: Any) -> Any:
    return clinic.world.doctor(**{"role": "auditor", "purpose": "HOPERAT", **changes})


def waiting(clinic: Clinic) -> list[dict[str, Any]]:
    reply = clinic.world.call("GET /reviews", officer(clinic))
    assert reply.status == 200, reply.body
    found: list[dict[str, Any]] = reply.json["reviews"]
    return found


def review(clinic: Clinic, name: str) -> Reply:
    return clinic.world.call(f"GET /reviews/{name}", officer(clinic))


def answer(clinic: Clinic, name: str, seen: str = "open", body: Any = None) -> Reply:
    sent = {"If_Match": f'"{seen}"', "Content_Type": "application/json"} if seen else {}
    sent.setdefault("Content_Type", "application/json")
    return clinic.world.call(f"PUT /reviews/{name}", officer(clinic), body or ANSWER, **sent)


def contest(clinic: Clinic, name: str, caller: Any = None, text: str = WORDS) -> Reply:
    body = {"resourceType": "Parameters", "parameter": [{"name": "text", "valueString": text}]}
    url = f"POST /fhir/Consent/{name}/$contest"
    return clinic.world.call(url, caller or clinic.patient, body)


def broken(clinic: Clinic) -> str:
    """A break-glass; its Consent's id."""
    reply = opened(clinic)
    assert reply.status == 201, reply.body
    return str(reply.json["id"])


def test_the_list_names_records_and_times_and_nobody(clinic: Clinic) -> None:
    assert waiting(clinic) == []

    names = [broken(clinic), broken(clinic)]

    listed = waiting(clinic)
    assert {one["id"] for one in listed} == set(names)
    assert all(set(one) == {"id", "kind", "opened", "state"} for one in listed)
    assert all(one["state"] == "open" for one in listed)


def test_the_officer_sees_who_and_why_and_the_patient_sees_that(clinic: Clinic) -> None:
    name = broken(clinic)

    reply = review(clinic, name)

    assert reply.status == 200, reply.body
    assert reply.headers["ETag"] == '"open"'
    assert reply.json["who"]["name"] == "Dr Youssef Bennis"
    assert reply.json["reason"]["code"] == "UNCONSCIOUS"
    assert ("read", "permit", "review") in clinic.told()


def test_the_answer_is_told_and_ends_the_review(clinic: Clinic) -> None:
    name = broken(clinic)

    done = answer(clinic, name)

    assert done.status == 200, done.body
    assert (done.json["state"], done.json["outcome"]) == ("reviewed", "unjustified")
    assert waiting(clinic) == []
    (told,) = [n for n in notices(clinic) if n.kind.startswith("review")]
    assert (told.kind, told.practitioner) == ("review-unjustified", "Dr Youssef Bennis")
    (entry,) = [e for e in clinic.entries() if e.rule == "review"]
    assert entry.reason == {"code": "UNJUSTIFIED", "text": ANSWER["answer"]}
    assert len(clinic.rows("K#")) == 2  # a review commits no version


def test_an_answer_is_to_what_was_seen(clinic: Clinic) -> None:
    name = broken(clinic)
    assert answer(clinic, name, seen="").status == 400
    assert answer(clinic, name, seen="contested").status == 412
    assert contest(clinic, name).status == 200

    assert answer(clinic, name).status == 412
    assert answer(clinic, name, seen="contested").status == 200
    assert answer(clinic, name, seen="contested").status == 412


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
def test_a_contest_that_comes_meanwhile_is_not_answered_unseen(clinic: Clinic) -> None:
    name = broken(clinic)

    with before("TransactWriteItems", lambda: contest(clinic, name)):
        assert answer(clinic, name).status == 412

    assert [one["state"] for one in waiting(clinic)] == ["contested"]


def test_a_contest_ends_what_is_live_and_is_read_by_the_officer(clinic: Clinic) -> None:
    name = broken(clinic)
    assert status(clinic) == 200

    ended = contest(clinic, name)

    assert (ended.status, ended.json["status"]) == (200, "inactive")
    assert status(clinic) == 403
    told = review(clinic, name).json
    assert (told["state"], told["contest"]) == ("contested", WORDS)
    journal = clinic.world.call(f"GET /fhir/AuditEvent?patient={clinic.id}", clinic.patient).json
    own = [e["resource"] for e in journal["entry"] if "contest" in str(e["resource"]["extension"])]
    assert WORDS in str(own)


def test_what_is_over_or_reviewed_is_contested_all_the_same(clinic: Clinic) -> None:
    name, deleted = broken(clinic), broken(clinic)
    assert answer(clinic, name).status == 200
    assert contest(clinic, name).status == 200
    versions = len(clinic.rows("K#"))
    assert contest(clinic, name, text="Encore une fois, non").status == 200
    assert len(clinic.rows("K#")) == versions
    assert clinic.world.call(f"DELETE /fhir/Consent/{deleted}", clinic.patient).status == 204

    assert contest(clinic, deleted).status == 204

    assert {one["state"] for one in waiting(clinic)} == {"contested"}
    assert len(waiting(clinic)) == 2


def test_ones_own_break_glass_alone_is_contested(clinic: Clinic) -> None:
    name, lasting = broken(clinic), clinic.grant()
    other = Clinic(clinic.world, granted=False)

    assert contest(clinic, name, other.patient).status == 404
    assert contest(clinic, lasting).status == 404
    assert contest(clinic, "nothing").status == 404
    assert contest(clinic, name, clinic.doctor).status == 403
    assert contest(clinic, name, text="non").status == 422
    assert status(clinic) == 200


def test_nobody_but_the_officer_reviews(clinic: Clinic) -> None:
    name = broken(clinic)
    for caller in (clinic.patient, clinic.doctor, emergency(clinic)):
        for request in ("GET /reviews", f"GET /reviews/{name}"):
            assert clinic.world.call(request, caller).status == 403
    for absent in ("nothing", clinic.id[::-1] + name[20:], name[:-4] + "0000"):
        assert review(clinic, absent).status == 404
        assert answer(clinic, absent).status == 404
    gone = replace(officer(clinic), client_id="app-of-nobody")
    assert clinic.world.call("GET /reviews", gone).status == 401


@pytest.mark.parametrize(
    "body",
    [
        {"outcome": "unjustified"},
        {"outcome": "maybe", "answer": "assez de mots ici"},
        {"outcome": "justified", "answer": "court"},
        {"outcome": "justified", "answer": 7},
    ],
)
def test_an_answer_is_an_outcome_and_words(clinic: Clinic, body: Any) -> None:
    name = broken(clinic)

    assert answer(clinic, name, body=body).status == 422
    assert len(waiting(clinic)) == 1


def test_what_reviews_cost_in_calls(clinic: Clinic) -> None:
    name = broken(clinic)
    review(clinic, name)
    with counted() as read:
        review(clinic, name)
    with counted() as answered:
        answer(clinic, name)
    with counted() as contested:
        contest(clinic, name)

    assert read == ["BatchGetItem", "BatchGetItem", "Query", "PutItem"]
    assert answered == ["BatchGetItem", "BatchGetItem", "Query", "TransactWriteItems"]
    assert contested == ["BatchGetItem", "BatchGetItem", "TransactWriteItems"]
