"""Bad input: a status, a stable code, the place, and never what was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dmp.fhir import compartment
from dmp.fhir.definitions import type_of
from dmp.fhir.json_reader import read_object
from dmp.fhir.search_parameters import patient_path
from dmp.fhir.validator import validate
from tests.aws_calls import failing, forget
from tests.clinic import Clinic
from tests.world import Reply, World, observation

CANARY = "kanarienvogel-7f3a"


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def refused(reply: Reply, status: int, code: str, expression: str | None = None) -> None:
    """An OperationOutcome of that code and place, which repeats nothing."""
    assert reply.status == status, reply.body
    assert reply.headers["Content-Type"] == "application/fhir+json"
    outcome = read_object(reply.body.encode())
    assert validate(outcome) == []
    issue = outcome["issue"][0]
    assert issue["severity"] == "error"
    assert issue["details"]["coding"][0]["code"] == code
    assert issue["details"]["text"]
    assert "test-request" in issue["diagnostics"]
    if expression is not None:
        assert issue["expression"] == [expression]
    assert CANARY not in reply.body
    assert CANARY not in repr(reply.headers)


def nested(levels: int) -> str:
    return '{"resourceType":' + '{"x":' * (levels - 1) + "1" + "}" * levels


NOT_JSON: dict[str, str] = {
    "cut short": '{"resourceType":"Observation","note":"' + CANARY,
    "not an object": f'["{CANARY}"]',
    "a name twice": f'{{"resourceType":"Observation","status":"{CANARY}","status":"final"}}',
    "not a number": '{"resourceType":"Observation","valueQuantity":{"value":NaN}}',
    "33 levels": nested(33),
    "a lone surrogate": '{"resourceType":"Observation","id":"\\ud800"}',
    "a comment": f"// {CANARY}\n{{}}",
}


@pytest.mark.parametrize("name", NOT_JSON)
@pytest.mark.parametrize("request_", ["POST /fhir/Observation", "POST /fhir", "POST /fhir/Consent"])
def test_what_is_not_json_is_refused(clinic: Clinic, name: str, request_: str) -> None:
    caller = clinic.patient if "Consent" in request_ else clinic.doctor

    refused(clinic.world.call(request_, caller, NOT_JSON[name]), 400, "not-json")


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown element": ({CANARY: 1}, f"Observation.{CANARY}"),
    "wrong code": ({"status": CANARY}, "Observation.status"),
    "bad date": ({"effectiveDateTime": "2026-02-30"}, "Observation.effectiveDateTime"),
    "wrong type": ({"note": CANARY}, "Observation.note"),
    "wrong target": ({"specimen": {"reference": f"Patient/{CANARY}"}}, "Observation.specimen"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_not_fhir_is_refused_with_its_place(clinic: Clinic, name: str) -> None:
    members, expression = FAULTS[name]

    reply = clinic.world.call(
        "POST /fhir/Observation", clinic.doctor, {**observation(clinic.id), **members}
    )

    assert reply.status == 422
    assert reply.json["issue"][0]["expression"][0].startswith(expression.partition(CANARY)[0][:-1])
    if name != "unknown element":  # its name is the place
        refused(reply, 422, "invalid")


@pytest.mark.parametrize(
    "name", ["\u0000", "a\nb", " x ", "\u007f" * 2000], ids=["nul", "line", "blanks", "long"]
)
def test_a_name_that_no_text_may_hold_leaves_the_outcome_valid(clinic: Clinic, name: str) -> None:
    body = {**observation(clinic.id), name: 1}

    reply = clinic.world.call("POST /fhir/Observation", clinic.doctor, body)

    refused(reply, 422, "invalid")
    assert len(reply.body) < 2500


def test_a_missing_required_element_is_named(clinic: Clinic) -> None:
    body = {k: v for k, v in observation(clinic.id).items() if k != "status"}

    reply = clinic.world.call("POST /fhir/Observation", clinic.doctor, body)

    refused(reply, 422, "invalid", "Observation.status")


@pytest.mark.parametrize(
    ("members", "expression"),
    [
        ({"subject": {"reference": f"{CANARY}/1"}}, "Observation.subject.reference"),
        ({"subject": {"reference": f"{CANARY}?identifier=1"}}, "Observation.subject"),
        ({"focus": [{"reference": f"{CANARY}/1/_history/1"}]}, "Observation.focus[0].reference"),
        ({"subject": {"display": "somebody"}}, "Observation.subject"),
    ],
    ids=["unknown type", "unknown type by criteria", "of a version", "no reference"],
)
def test_a_reference_that_leads_to_no_type_is_named(
    clinic: Clinic, members: dict[str, Any], expression: str
) -> None:
    body = {**observation(clinic.id), **members}

    refused(
        clinic.world.call("POST /fhir/Observation", clinic.doctor, body), 422, "invalid", expression
    )


@pytest.mark.parametrize("kind", sorted(compartment.writable()))
def test_the_element_that_names_the_patient_is_known_for_every_type(kind: str) -> None:
    if compartment.needs_patient(kind):
        first = patient_path(kind).partition(".")[0]
        assert first in type_of(kind).elements


def test_a_large_body_is_refused_before_it_is_read(clinic: Clinic) -> None:
    body = json.dumps({"resourceType": "Binary", "data": "A" * (5 * 1024 * 1024)})

    refused(clinic.world.call("POST /fhir/Observation", clinic.doctor, body), 413, "too-large")


def test_one_resource_has_its_limit(clinic: Clinic) -> None:
    body = {**observation(clinic.id), "note": [{"text": "a" * (1024 * 1024)}]}

    refused(clinic.world.call("POST /fhir/Observation", clinic.doctor, body), 413, "too-large")


@pytest.mark.parametrize("request_", ["GET /fhir/Starship/x", "POST /fhir/Starship"])
def test_an_unknown_type_is_not_found(clinic: Clinic, request_: str) -> None:
    body = {"resourceType": "Starship"} if request_.startswith("POST") else None

    refused(clinic.world.call(request_, clinic.doctor, body), 404, "not-found")


def requests(clinic: Clinic) -> list[tuple[str, object]]:
    name = f"{clinic.id}.cli-1"
    return [
        (f"GET /fhir/Observation/{name}", None),
        (f"GET /fhir/Observation?patient={clinic.id}", None),
        (f"GET /fhir/Patient/{clinic.id}/$everything", None),
        ("POST /fhir/Observation", observation(clinic.id)),
        (f"PUT /fhir/Observation/{name}", {**observation(clinic.id), "id": name}),
        (f"DELETE /fhir/Observation/{name}", None),
    ]


@pytest.mark.parametrize("which", range(6))
def test_an_expired_token_is_out(clinic: Clinic, which: int) -> None:
    request, body = requests(clinic)[which]
    reply = clinic.world.call(request, replace(clinic.doctor, expires=1), body)

    refused(reply, 401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("gone", ["client", "role", "practitioner", "organization"])
def test_whoever_is_no_longer_active_is_out_at_once(clinic: Clinic, which: int, gone: str) -> None:
    world, (request, body) = clinic.world, requests(clinic)[which]
    caller = replace(clinic.doctor, practitioner="200000007", client_id="app-x")
    caller = replace(caller, organization="100000009")
    world.put_row("client#app-x", active={"BOOL": gone != "client"})
    world.put_role("200000007", "100000009", active=gone != "role")
    for kind, number in (("practitioner", "200000007"), ("organization", "100000009")):
        world.put_row(f"{kind}#{number}", active={"BOOL": gone != kind})

    refused(world.call(request, caller, body), 401, "unauthenticated")


def test_a_patient_whose_session_ended_is_out(clinic: Clinic) -> None:
    clinic.world.put_row(f"session#s-{clinic.id}", active={"BOOL": False})

    for request in (f"GET /fhir/Patient/{clinic.id}", "GET /fhir/Consent", "GET /fhir/AuditEvent"):
        refused(clinic.world.call(request, clinic.patient), 401, "unauthenticated")


@pytest.mark.parametrize("which", range(6))
def test_without_the_scope_nothing_is_done(clinic: Clinic, which: int) -> None:
    request, body = requests(clinic)[which]
    entries = len(clinic.rows("J#"))

    reply = clinic.world.call(request, replace(clinic.doctor, scopes=("openid",)), body)

    refused(reply, 403, "scope-missing")
    assert len(clinic.rows("J#")) == entries


def test_another_patients_id_and_a_made_up_one_are_answered_alike(clinic: Clinic) -> None:
    other = Clinic(clinic.world, granted=False)
    theirs = clinic.world.call("POST /fhir/Observation", other.patient, observation(other.id))
    nobody = "z" * 19 + "0"
    answers = []
    for patient in (other.id, nobody.replace("z", "v")):
        for path in (
            f"Patient/{patient}",
            f"Observation/{patient}.{theirs.json['id'][21:]}",
            f"Observation?patient={patient}",
            f"Patient/{patient}/$everything",
        ):
            reply = clinic.world.call(f"GET /fhir/{path}", clinic.doctor)
            refused(reply, 403, "no-permit")
            answers.append(reply.body)
        reply = clinic.world.call("POST /fhir/Observation", clinic.doctor, observation(patient))
        refused(reply, 403, "no-permit")
        answers.append(reply.body)

    assert len(set(answers)) == 1


def test_a_patient_reaches_no_other_record(clinic: Clinic) -> None:
    other = Clinic(clinic.world)
    name = other.observe()
    for path in (
        f"Patient/{other.id}", f"Observation/{name}", f"Observation?patient={other.id}",
        f"Patient/{other.id}/$everything", f"AuditEvent?patient={other.id}",
        f"Consent/{other.consent}",
    ):  # fmt: skip
        refused(clinic.world.call(f"GET /fhir/{path}", clinic.patient), 404, "not-found")
    written = clinic.world.call("POST /fhir/Observation", clinic.patient, observation(other.id))
    refused(written, 404, "not-found")


@pytest.mark.parametrize("which", range(6))
def test_when_kms_denies_the_service_is_unavailable(world: World, which: int) -> None:
    cold = Clinic(world, granted=False)  # none of the functions holds its keys
    request, body = requests(cold)[which]

    with failing("Decrypt", "AccessDeniedException", service="kms"):
        reply = world.call(request, cold.doctor, body)

    refused(reply, 503, "busy")
    assert reply.headers["Retry-After"]


@pytest.mark.parametrize("which", range(6))
def test_when_dynamodb_throttles_the_service_is_unavailable(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, which: int
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    request, body = requests(clinic)[which]

    with failing("BatchGetItem", "ProvisionedThroughputExceededException"):
        reply = clinic.world.call(request, clinic.doctor, body)

    refused(reply, 503, "busy")
    assert reply.headers["Retry-After"]


@pytest.mark.parametrize("key", ["", "k" * 129])
def test_an_idempotency_key_has_its_form(clinic: Clinic, key: str) -> None:
    reply = clinic.world.call(
        "POST /fhir/Observation", clinic.doctor, observation(clinic.id), Idempotency_Key=key
    )

    refused(reply, 400, "bad-parameter", "Idempotency-Key")
