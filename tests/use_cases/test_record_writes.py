"""Writes: versions, authorship, keys that make a retry safe, transactions whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.aws_calls import answer_lost, before, failing, forget
from tests.clinic import Clinic
from tests.world import BENNIS, Reply, World, observation


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def code_of(reply: Reply) -> str:
    return str(reply.json["issue"][0]["details"]["coding"][0]["code"])


def entry(resource: dict[str, Any], method: str = "POST", **members: Any) -> dict[str, Any]:
    own = f"/{resource['id']}" if method == "PUT" else ""
    request = {"method": method, "url": resource["resourceType"] + own}
    return {"resource": resource, "request": request, **members}


def bundle(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def test_versions_count_from_one_without_a_hole(clinic: Clinic) -> None:
    name = clinic.observe()
    url = f"/fhir/Observation/{name}"
    body = {**observation(clinic.id), "id": name}

    replies = [
        clinic.world.call(f"PUT {url}", clinic.doctor, body),
        clinic.world.call(f"DELETE {url}", clinic.doctor),
        clinic.world.call(f"DELETE {url}", clinic.doctor),
        clinic.world.call(f"PUT {url}", clinic.doctor, body),
    ]

    assert [reply.status for reply in replies] == [200, 204, 204, 200]
    assert [r.headers.get("ETag") for r in (replies[0], replies[3])] == ['W/"2"', 'W/"4"']
    assert replies[0].json["meta"]["versionId"] == "2"
    pointer = clinic.rows(f"U#Observation#{name}")[0]
    assert (pointer["v"], len(pointer["cs"])) == (4, 3)


def test_the_loser_of_a_race_gets_412_and_leaves_no_trace(clinic: Clinic) -> None:
    name = clinic.observe()
    url = f"PUT /fhir/Observation/{name}"
    body = {**observation(clinic.id), "id": name}
    assert clinic.world.call(url, clinic.doctor, body, If_Match='W/"1"').status == 200
    commits = clinic.rows("K#")

    lost = clinic.world.call(url, clinic.doctor, body, If_Match='W/"1"')

    assert (lost.status, code_of(lost)) == (412, "precondition-failed")
    assert clinic.rows("K#") == commits
    assert clinic.world.call(url, clinic.doctor, body, If_Match='"2"').status == 200
    assert clinic.world.call(url, clinic.doctor, body, If_Match="*").status == 400


@pytest.mark.filterwarnings("ignore:No application metrics")  # one call within another
@pytest.mark.parametrize(("headers", "status"), [({"If_Match": 'W/"1"'}, 412), ({}, 200)])
def test_a_rival_between_entry_and_commit(
    clinic: Clinic, headers: dict[str, str], status: int
) -> None:
    name = clinic.observe()
    url = f"PUT /fhir/Observation/{name}"
    body = {**observation(clinic.id), "id": name}

    def rival() -> None:
        assert clinic.world.call(url, clinic.doctor, body).status == 200

    with before("TransactWriteItems", rival):
        reply = clinic.world.call(url, clinic.doctor, body, **headers)

    assert reply.status == status
    assert clinic.rows(f"U#Observation#{name}")[0]["v"] == (2 if status == 412 else 3)


def test_only_the_author_changes_what_it_wrote(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    name = clinic.observe()
    url = f"/fhir/Observation/{name}"
    body = {**observation(clinic.id), "id": name, "performer": [{"display": "Hôpital"}]}

    for caller in (clinic.world.doctor(BENNIS), clinic.patient):
        for reply in (
            clinic.world.call(f"PUT {url}", caller, body),
            clinic.world.call(f"DELETE {url}", caller),
        ):
            assert (reply.status, code_of(reply)) == (403, "not-author")
    assert clinic.world.call(f"GET {url}", clinic.doctor).headers["ETag"] == 'W/"1"'


def test_a_client_brings_ids_under_its_own_prefix(clinic: Clinic) -> None:
    name = f"{clinic.id}.cli-lab-0042"
    url = f"PUT /fhir/Observation/{name}"
    body = {**observation(clinic.id), "id": name}

    made, changed = (clinic.world.call(url, clinic.doctor, body) for _ in range(2))

    assert (made.status, changed.status) == (201, 200)
    assert (made.json["id"], changed.headers["ETag"]) == (name, 'W/"2"')
    assert clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor).status == 200


@pytest.mark.parametrize("own", ["{id}.lab-1", "{id}.CLI-1", "cli-1", "{id}", "1"])
def test_a_foreign_prefix_or_form_is_refused(clinic: Clinic, own: str) -> None:
    name = own.replace("{id}", clinic.id)
    body = {**observation(clinic.id), "id": name}

    reply = clinic.world.call(f"PUT /fhir/Observation/{name}", clinic.doctor, body)

    assert (reply.status, code_of(reply)) == (422, "invalid")
    assert "prefix" in reply.body or "cli-" in reply.body


def test_an_id_that_was_never_given_is_not_taken(clinic: Clinic) -> None:
    name = f"{clinic.id}.{'0' * 16}.0000"
    body = {**observation(clinic.id), "id": name}

    assert clinic.world.call(f"PUT /fhir/Observation/{name}", clinic.doctor, body).status == 404
    assert clinic.world.call(f"DELETE /fhir/Observation/{name}", clinic.doctor).status == 404


def test_the_url_and_the_resource_must_agree(clinic: Clinic) -> None:
    name = clinic.observe()
    wrong = {**observation(clinic.id), "id": name + "x"}

    assert clinic.world.call(f"PUT /fhir/Observation/{name}", clinic.doctor, wrong).status == 422
    typed = clinic.world.call("POST /fhir/Condition", clinic.doctor, observation(clinic.id))
    assert typed.status == 422
    patient = {"resourceType": "Patient", "id": clinic.id}
    assert clinic.world.call("POST /fhir/Patient", clinic.doctor, patient).status == 422


def test_a_key_gives_the_first_answer_again(clinic: Clinic) -> None:
    body = observation(clinic.id)
    first, again = (
        clinic.world.call("POST /fhir/Observation", clinic.doctor, body, Idempotency_Key="k1")
        for _ in range(2)
    )
    commits = len(clinic.rows("K#"))

    assert (first.status, first.body) == (again.status, again.body)
    assert first.headers["Location"] == again.headers["Location"]
    other = {**body, "status": "amended"}
    clash = clinic.world.call("POST /fhir/Observation", clinic.doctor, other, Idempotency_Key="k1")
    assert (clash.status, code_of(clash)) == (409, "idempotency-conflict")
    fresh = clinic.world.call("POST /fhir/Observation", clinic.doctor, body, Idempotency_Key="k2")
    assert fresh.json["id"] != first.json["id"]
    assert len(clinic.rows("K#")) == commits + 1


def test_a_key_is_its_senders_own(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    body, key = observation(clinic.id), {"Idempotency_Key": "k1"}

    mine = clinic.world.call("POST /fhir/Observation", clinic.doctor, body, **key)
    theirs = clinic.world.call("POST /fhir/Observation", clinic.world.doctor(BENNIS), body, **key)

    assert theirs.status == 201
    assert theirs.json["id"] != mine.json["id"]


@pytest.mark.parametrize("kind", ["create", "update", "transaction"])
def test_when_the_answer_is_lost_a_retry_gives_it(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    body: dict[str, Any] = observation(clinic.id)
    request = "POST /fhir/Observation"
    if kind == "update":
        name = clinic.observe()
        request, body = f"PUT /fhir/Observation/{name}", {**body, "id": name}
    if kind == "transaction":
        request, body = "POST /fhir", bundle(entry(body), entry(body))
    commits = len(clinic.rows("K#"))

    with answer_lost("TransactWriteItems"):
        lost = clinic.world.call(request, clinic.doctor, body, Idempotency_Key="k")
    retry = clinic.world.call(request, clinic.doctor, body, Idempotency_Key="k")
    third = clinic.world.call(request, clinic.doctor, body, Idempotency_Key="k")

    assert lost.status == 503
    assert retry.status in (200, 201)
    assert (third.status, third.body) == (retry.status, retry.body)
    assert len(clinic.rows("K#")) == commits + 1


def test_throttled_writes_leave_nothing(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    rows = clinic.rows("!")

    with failing("TransactWriteItems", "ThrottlingException"):
        reply = clinic.world.call("POST /fhir/Observation", clinic.doctor, observation(clinic.id))

    assert (reply.status, code_of(reply)) == (503, "busy")
    assert clinic.rows("!") == rows


def test_references_within_a_transaction_are_rewritten(clinic: Clinic) -> None:
    urn = "urn:uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    encounter = {
        "resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
        "subject": {"reference": f"Patient/{clinic.id}"},
    }  # fmt: skip
    within = {**observation(clinic.id), "encounter": {"reference": urn}}

    reply = clinic.world.call(
        "POST /fhir", clinic.doctor, bundle(entry(within), entry(encounter, fullUrl=urn))
    )

    assert reply.status == 200, reply.body
    first, second = (e["response"]["location"] for e in reply.json["entry"])
    kept = clinic.world.call(f"GET /fhir/{first.partition('/_history')[0]}", clinic.doctor)
    assert kept.json["encounter"]["reference"] == second.partition("/_history")[0]
    assert len({name.split(".")[1] for name in (first, second)}) == 1


def test_conditional_references_are_resolved_by_the_directory(clinic: Clinic) -> None:
    clinic.world.put_row(
        "directory#Practitioner#urn:ma:inpe|200000001", reference={"S": "Practitioner/p1"}
    )
    text = "Practitioner?identifier=urn:ma:inpe|200000001"
    body = {**observation(clinic.id), "performer": [{"reference": text}]}

    reply = clinic.world.call("POST /fhir", clinic.doctor, bundle(entry(body)))

    assert reply.status == 200, reply.body
    name = reply.json["entry"][0]["response"]["location"].partition("/_history")[0]
    kept = clinic.world.call(f"GET /fhir/{name}", clinic.doctor)
    assert kept.json["performer"] == [{"reference": "Practitioner/p1"}]


def test_without_the_directory_the_first_twenty_unknown_are_named(clinic: Clinic) -> None:
    many = [
        entry({**observation(clinic.id), "performer": [
            {"reference": f"Practitioner?identifier=urn:ma:inpe|3{i:08}"}]})
        for i in range(25)
    ]  # fmt: skip
    commits = clinic.rows("K#")

    reply = clinic.world.call("POST /fhir", clinic.doctor, bundle(*many))

    assert reply.status == 422
    assert len(reply.json["issue"]) == 20
    assert "entry[0].resource.performer[0]" in reply.json["issue"][0]["expression"][0]
    assert "300000000" not in reply.body
    assert clinic.rows("K#") == commits


def test_dangling_references_are_refused(clinic: Clinic) -> None:
    body = {**observation(clinic.id), "encounter": {"reference": "urn:uuid:nowhere"}}

    reply = clinic.world.call("POST /fhir", clinic.doctor, bundle(entry(body)))

    assert reply.status == 422
    assert "entry[0].resource.encounter" in reply.json["issue"][0]["expression"][0]


@pytest.mark.parametrize(("count", "status"), [(80, 200), (81, 413)])
def test_so_many_entries_may_bring_their_own_id(clinic: Clinic, count: int, status: int) -> None:
    many = [
        entry({**observation(clinic.id), "id": f"{clinic.id}.cli-{i}"}, "PUT") for i in range(count)
    ]

    reply = clinic.world.call(
        "POST /fhir", clinic.doctor, bundle(*many, entry(observation(clinic.id)))
    )

    assert reply.status == status, reply.body
    assert len(clinic.rows("U#Observation")) == (count if status == 200 else 0)


def test_a_transaction_is_about_one_patient(clinic: Clinic) -> None:
    other = Clinic(clinic.world)

    reply = clinic.world.call(
        "POST /fhir", clinic.doctor, bundle(*(entry(observation(i)) for i in (clinic.id, other.id)))
    )

    assert reply.status == 422
    assert clinic.rows("K#")[2:] == other.rows("K#")[2:] == []


def test_one_fault_among_many_is_named_and_nothing_is_kept(clinic: Clinic) -> None:
    many = [entry(observation(clinic.id)) for _ in range(200)]
    many[149] = entry({**observation(clinic.id), "status": "finished"})
    commits = clinic.rows("K#")

    reply = clinic.world.call("POST /fhir", clinic.doctor, bundle(*many))

    assert reply.status == 422
    assert reply.json["issue"][0]["expression"] == ["Bundle.entry[149].resource.status"]
    assert clinic.rows("K#") == commits


def test_an_entry_no_scope_covers_refuses_the_whole(clinic: Clinic) -> None:
    narrow = clinic.world.doctor(scopes=("user/Observation.c",))
    condition = {
        "resourceType": "Condition", "subject": {"reference": f"Patient/{clinic.id}"},
    }  # fmt: skip
    commits = clinic.rows("K#")

    reply = clinic.world.call(
        "POST /fhir", narrow, bundle(entry(observation(clinic.id)), entry(condition))
    )

    assert (reply.status, code_of(reply)) == (403, "scope-missing")
    assert clinic.rows("K#") == commits
