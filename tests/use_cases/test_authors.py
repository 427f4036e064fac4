"""Who may change an entry: its author and nobody else; what is left to an author shut out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clinic import Clinic
from tests.family import Family
from tests.world import BENNIS, Reply, World, observation

PATCH = {"Content_Type": "application/json-patch+json"}
ERROR = '[{"op":"replace","path":"/status","value":"entered-in-error"}]'
AMENDED = '[{"op":"replace","path":"/status","value":"amended"}]'
NUMBER = {"system": "urn:lab", "value": "7"}
WAYS = ["PUT", "PATCH", "DELETE", "PUT ?", "PATCH ?", "DELETE ?"]


@pytest.fixture
def family(world: World) -> Family:
    made = Family(world)
    made.clinic.grant(practitioner=BENNIS)
    made.delegate("read", "write")
    return made


def entry(family: Family, writer: str) -> str:
    content = {**observation(family.id), "identifier": [NUMBER]}
    return str(family.world.call("POST /fhir/Observation", who(family, writer), content).json["id"])


def who(family: Family, name: str) -> Any:
    return {
        "clinic": family.clinic.doctor, "hospital": family.world.doctor(BENNIS),
        "patient": family.father, "delegate": family.daughter,
    }[name]  # fmt: skip


def change(family: Family, way: str, name: str, caller: Any) -> Reply:
    method, mark, _ = way.partition(" ?")
    criteria = f"?identifier=urn:lab|7&patient={family.id}"
    url = f"Observation{criteria if mark else '/' + name}"
    body: Any = None
    if method == "PUT":
        body = {**observation(family.id), "identifier": [NUMBER]} | ({} if mark else {"id": name})
    headers = PATCH if method == "PATCH" else {}
    return family.world.call(
        f"{method} /fhir/{url}", caller, AMENDED if method == "PATCH" else body, **headers
    )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("writer", "others"),
    [("clinic", ("hospital", "patient", "delegate")), ("patient", ("clinic", "hospital"))],
    ids=["the clinic's", "the patient's"],
)
def test_others_are_refused_and_the_author_is_not(
    family: Family, way: str, writer: str, others: tuple[str, ...]
) -> None:
    name = entry(family, writer)

    for other in others:
        refused = change(family, way, name, who(family, other))
        assert refused.status == 403, (other, refused.body)
        assert refused.json["issue"][0]["details"]["coding"][0]["code"] == "not-author"
    author = "delegate" if writer == "patient" else writer
    assert change(family, way, name, who(family, author)).status in (200, 204)


@pytest.fixture
def clinic(world: World) -> Clinic:
    return Clinic(world)


def withdraw(clinic: Clinic, name: str, patch: str = ERROR, **headers: str) -> Reply:
    kind = {**PATCH, **headers}
    return clinic.world.call(f"PATCH /fhir/Observation/{name}", clinic.doctor, patch, **kind)


def test_a_revoked_author_withdraws_and_reads_nothing(clinic: Clinic) -> None:
    name = clinic.observe()
    clinic.revoke()
    owed = len(clinic.rows("N#"))

    done = withdraw(clinic, name, Prefer="return=representation")

    assert (done.status, done.body) == (200, "")
    assert not {"ETag", "Last-Modified", "Location"} & set(done.headers)
    now = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.patient).json
    assert (now["status"], now["valueQuantity"]["value"]) == ("entered-in-error", 72.5)
    assert clinic.told()[-1] == ("update", "permit", "author")
    assert len(clinic.rows("N#")) >= owed
    assert clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor).status == 403


FHIRPATH = json.dumps({"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
    {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Observation.status"},
    {"name": "value", "valueCode": "entered-in-error"}]}]})  # fmt: skip


def test_by_a_fhirpath_patch_too(clinic: Clinic) -> None:
    name = clinic.observe()
    clinic.revoke()
    url = f"PATCH /fhir/Observation/{name}"

    assert clinic.world.call(url, clinic.doctor, FHIRPATH).status == 200


TESTS = '{"op":"test","path":"/valueQuantity/value","value":72.5},'


@pytest.mark.parametrize(
    "patch",
    [
        AMENDED,
        ERROR.replace("[", "[" + TESTS),
        ERROR.replace("]", ',{"op":"add","path":"/note","value":[{"text":"x"}]}]'),
        ERROR.replace("]", ',{"op":"remove","path":"/valueQuantity"}]'),
    ],
    ids=["another status", "a question", "something added", "something removed"],
)
def test_nothing_else_is_done_or_asked_by_it(clinic: Clinic, patch: str) -> None:
    name = clinic.observe()
    clinic.revoke()

    assert withdraw(clinic, name, patch).status == 403
    now = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.patient).json
    assert (now["status"], now["meta"]["versionId"]) == ("final", "1")


def test_anothers_entry_and_none_are_answered_alike(clinic: Clinic) -> None:
    clinic.grant(practitioner=BENNIS)
    body = observation(clinic.id)
    bennis = clinic.world.doctor(BENNIS)
    theirs = clinic.world.call("POST /fhir/Observation", bennis, body).json["id"]
    clinic.revoke()

    one, other = withdraw(clinic, theirs), withdraw(clinic, theirs[:-4] + "0000")

    assert (one.status, one.body) == (403, other.body)
