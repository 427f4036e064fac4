"""A delegate acts: every door, by each power, told and journalled; nothing without one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dmp.domain.identifiers import commit_id
from tests.aws_calls import counted
from tests.family import NAME, Family, ids, weak
from tests.world import BENNIS, World, consent, observation

READS = [
    "Patient/{id}", "Patient/{id}/_history", "Patient/{id}/_history/1", "Patient/{id}/$everything",
    "Observation/{item}", "Observation/{item}/$meta", "Observation?patient={id}",
    "Observation?subject=Patient/{id}&_include=Observation:subject",
    "Observation/_history?patient={id}",
    "Observation/$lastn?patient={id}&code=2339-0",
]  # fmt: skip


class Home(Family):
    """The family, with a result in his record."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.item = self.clinic.observe()

    def reads(self, path: str) -> int:
        """The status of her GET."""
        return self.she("GET /fhir/" + path.replace("{item}", self.item)).status


@pytest.fixture
def home(world: World) -> Iterator[Home]:
    return Home(world)  # type: ignore[return-value]


@pytest.mark.parametrize("path", READS)
def test_every_door_of_reading_opens_by_its_power_and_closes_with_it(home: Home, path: str) -> None:
    assert home.reads(path) == 404
    name = home.delegate("read")
    assert home.reads(path) == 200
    home.world.call(f"DELETE /fhir/RelatedPerson/{name}", home.father)

    assert home.reads(path) == 404


def test_a_stranger_is_told_what_is_told_of_no_record(home: Home) -> None:
    nobody = "0" * 20
    for path in [p for p in READS if "{item}" not in p]:
        one = home.she(f"GET /fhir/{path}")
        other = home.she("GET /fhir/" + path.replace("{id}", nobody))

        assert (one.status, one.body.replace(home.id, nobody)) == (404, other.body)
    assert {(e.outcome, e.rule) for e in home.journal() if e.who["kind"] == "person"} == {
        ("refuse", "not-the-patient")
    }


def test_one_access_an_hour_is_told_by_her_name_and_each_is_journalled(home: Home) -> None:
    name = home.delegate("read")
    owed = len(home.notices())

    assert [home.reads("Patient/{id}") for _ in range(2)] == [200, 200]

    (told,) = home.notices()[owed:]
    assert (told.kind, told.practitioner) == ("access", NAME)
    mine = [e for e in home.journal() if e.who["kind"] == "delegate"]
    assert [(e.action, e.outcome, e.rule) for e in mine] == [("read", "permit", "delegate")] * 2
    assert mine[0].who == {
        "kind": "delegate", "patient": home.hers, "related": name, "name": NAME,
    }  # fmt: skip
    event = home.world.call("GET /fhir/AuditEvent", home.father).json["entry"][0]["resource"]
    who = {"reference": f"RelatedPerson/{name}", "display": NAME}
    assert who in [agent["who"] for agent in event["agent"]]


def test_it_costs_what_a_practitioners_read_costs(home: Home) -> None:
    home.delegate("read")
    home.reads("Patient/{id}")

    with counted() as calls:
        home.reads("Patient/{id}")

    assert calls == ["BatchGetItem", "BatchGetItem", "PutItem", "GetItem"][4 - len(calls) :]
    assert len(calls) == 4  # the Patient has a pointer of its own: one batch more


POWERS: list[tuple[tuple[str, ...], dict[str, int]]] = [
    (("read",), {"read": 200, "write": 404, "consents": 0, "consent": 404, "journal": 404}),
    (("write",), {"read": 404, "write": 201, "consents": 404, "consent": 403, "journal": 404}),
    (("consent",), {"read": 404, "write": 403, "consents": 1, "consent": 201, "journal": 404}),
    (("journal",), {"read": 404, "write": 404, "consents": 0, "consent": 404, "journal": 200}),
    (("read", "write"), {"read": 200, "write": 201, "consents": 0, "consent": 403, "journal": 404}),
]


@pytest.mark.parametrize(("powers", "want"), POWERS, ids=["+".join(p) for p, _ in POWERS])
def test_each_power_opens_its_own_doors(
    home: Home, powers: tuple[str, ...], want: dict[str, int]
) -> None:
    home.delegate(*powers)
    consents = home.she("GET /fhir/Consent?patient={id}")

    found = {
        "read": home.reads("Observation/{item}"),
        "write": home.she("POST /fhir/Observation", observation(home.id)).status,
        "consents": consents.json["total"] if consents.status == 200 else consents.status,
        "journal": home.reads("AuditEvent?patient={id}"),
        "consent": home.she("POST /fhir/Consent", consent(home.id, BENNIS)).status,
    }

    assert found == want


def test_what_she_writes_is_his_and_the_journal_tells_who(home: Home) -> None:
    home.delegate("read", "write")

    made = home.she("POST /fhir/Observation", observation(home.id))

    name = made.json["id"]
    body = {**observation(home.id, value=80), "id": name}
    updated = home.world.call(f"PUT /fhir/Observation/{name}", home.father, body)
    assert updated.status == 200, updated.body
    assert home.she(f"PUT /fhir/Observation/{name}", body).status == 200
    assert home.she(f"DELETE /fhir/Observation/{home.item}").status == 403  # the clinic's
    entry = next(e for e in home.journal() if e.action == "create" and "related" in e.who)
    assert (entry.who["name"], entry.rule) == (NAME, "delegate")
    assert home.she(f"DELETE /fhir/Observation/{name}").status == 204


def test_a_consent_that_she_changes_is_told_at_once(home: Home) -> None:
    home.delegate("consent")
    owed = len(home.notices())

    made = home.she("POST /fhir/Consent", consent(home.id, BENNIS))
    bennis = home.world.doctor(BENNIS)
    assert home.world.call(f"GET /fhir/Patient/{home.id}", bennis).status == 200
    revoked = home.she(f"DELETE /fhir/Consent/{made.json['id']}")

    assert (made.status, revoked.status) == (201, 204)
    told = [n for n in home.notices()[owed:] if n.practitioner == NAME]
    assert [n.kind for n in told] == ["consent", "consent"]
    assert home.world.call(f"GET /fhir/Patient/{home.id}", bennis).status == 403


def test_with_the_power_to_write_alone_she_puts_nobody_in_his_care_team(home: Home) -> None:
    home.delegate("read", "write")
    team = {"resourceType": "CareTeam", "status": "active",
            "subject": {"reference": f"Patient/{home.id}"}}  # fmt: skip
    made = home.world.call("POST /fhir/CareTeam", home.father, team)
    name = made.json["id"]

    refused = home.she(f"PUT /fhir/CareTeam/{name}", {**team, "id": name})

    assert refused.status == 403, refused.body


def test_a_weak_session_of_hers_widens_nothing_of_his(home: Home) -> None:
    home.delegate("consent")
    with weak(home.daughter):
        refused = home.she("POST /fhir/Consent", consent(home.id, BENNIS))

    assert refused.status == 403
    assert "stronger-sign-in" in refused.body


def test_what_he_sealed_leaves_her_no_trace(home: Home) -> None:
    home.delegate()
    hidden = home.clinic.observe(valueQuantity={"value": 71.9})
    never = commit_id(0, 1)
    home.clinic.seal(f"Observation/{hidden}")
    home.clinic.observe()

    for path in ("Observation/{}", "Observation/{}/_history", "Observation/{}/$meta"):
        one = home.she("GET /fhir/" + path.format(hidden))
        other = home.she("GET /fhir/" + path.format(f"{home.id}.{never}.0000"))
        assert (one.status, one.body) == (404, other.body)
    told = [
        home.she(f"GET /fhir/{path}").body
        for path in ("Observation?patient={id}", "Patient/{id}/$everything", "Consent?patient={id}",
                     "AuditEvent?patient={id}", "Observation/_history?patient={id}")
    ]  # fmt: skip
    assert not [body for body in told if hidden in body or "71.9" in body]
    assert home.she("GET /fhir/Observation?patient={id}").json["total"] == 2
    entry = next(e for e in home.journal() if any(hidden in what for what in e.what))
    assert home.she(f"GET /fhir/AuditEvent/{entry.id}").status == 404
    assert home.she(f"GET /journal/entry/{entry.id}").status == 404
    assert home.world.call(f"GET /journal/entry/{entry.id}", home.father).status == 200


def test_her_look_at_his_journal_is_journalled_and_told(home: Home) -> None:
    home.delegate("journal")
    owed = len(home.notices())

    seen = home.she("GET /fhir/AuditEvent?patient={id}")
    leaf = home.she(f"GET /journal/entry/{ids(seen)[0]}")

    assert (seen.status, leaf.status) == (200, 200)
    assert [(e.action, e.rule) for e in home.journal() if "related" in e.who] == [
        ("search", "delegate"), ("read", "delegate"),
    ]  # fmt: skip
    assert [n.kind for n in home.notices()[owed:]] == ["access"]


def test_he_asks_who_could_read_and_she_does_for_him(home: Home) -> None:
    home.delegate("consent", "read")
    about = [{"name": "patient", "valueReference": {"reference": f"Patient/{home.id}"}}]
    body = {"resourceType": "Parameters", "parameter": about}
    empty: dict[str, Any] = {"resourceType": "Parameters"}

    assert home.she("POST /fhir/Consent/$explain", body).status == 200
    own = home.she("POST /fhir/Consent/$explain", empty)
    assert home.id not in json.dumps(own.json)
    stranger = home.world.open_record()
    assert home.world.call("POST /fhir/Consent/$explain", stranger, body).status == 404


def test_an_app_of_hers_is_for_her_own_record(home: Home) -> None:
    home.delegate()
    app = replace(home.daughter, app="a1", session=None, client_id="app-100000001")
    for key in ("app#a1", "client#app-100000001"):
        home.world.put_row(key, active={"BOOL": True}, expires={"N": "4000000000"})

    assert home.world.call(f"GET /fhir/Patient/{home.hers}", app).status == 200
    assert home.world.call(f"GET /fhir/Patient/{home.id}", app).status == 404
