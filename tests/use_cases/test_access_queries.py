"""Reading doors: versions, pages that continue what was seen, and the look-up of a patient."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from dmp.adapters.dynamodb import identifiers
from dmp.adapters.macs import Macs
from tests.aws_calls import failing, forget
from tests.clinic import Clinic
from tests.world import BENNIS, Reply, World, observation

BASE = "https://dmp.test/test/fhir/"


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def ids(reply: Reply) -> list[str]:
    return [entry["resource"]["id"] for entry in reply.json.get("entry", [])]


def following(reply: Reply) -> str:
    """The next page's request, or nothing."""
    links = {link["relation"]: link["url"] for link in reply.json["link"]}
    return f"GET /fhir/{links['next'].removeprefix(BASE)}" if "next" in links else ""


def test_versions_are_kept_and_told(clinic: Clinic) -> None:
    name = clinic.observe()
    url = f"/fhir/Observation/{name}"
    second = {**observation(clinic.id, value=80.10), "id": name}
    assert clinic.world.call(f"PUT {url}", clinic.doctor, second).status == 200
    assert clinic.world.call(f"DELETE {url}", clinic.doctor).status == 204

    now = clinic.world.call(f"GET {url}", clinic.doctor)
    assert (now.status, now.json["issue"][0]["code"]) == (410, "deleted")
    first, changed, gone, none = (
        clinic.world.call(f"GET {url}/_history/{i}", clinic.doctor) for i in (1, 2, 3, 4)
    )
    assert (first.json["valueQuantity"]["value"], first.headers["ETag"]) == (72.5, 'W/"1"')
    assert (changed.json["valueQuantity"]["value"], changed.headers["ETag"]) == (80.1, 'W/"2"')
    assert (gone.status, none.status) == (410, 404)
    every = clinic.world.call(f"GET {url}/_history", clinic.doctor)
    assert [e["request"]["method"] for e in every.json["entry"]] == ["DELETE", "PUT", "POST"]
    assert every.json["total"] == 3


def test_decimals_keep_their_precision(clinic: Clinic) -> None:
    value = observation(clinic.id, value=-7250)
    body = json.dumps(value).replace("-7250", "72.50")
    made = clinic.world.call("POST /fhir/Observation", clinic.doctor, body)
    assert made.status == 201, made.body

    read = clinic.world.call(f"GET /fhir/Observation/{made.json['id']}", clinic.doctor)

    assert '"value":72.50' in read.body


def test_an_unchanged_resource_is_not_sent_again(clinic: Clinic) -> None:
    name = clinic.observe()

    reply = clinic.world.call(f"GET /fhir/Observation/{name}", clinic.doctor, If_None_Match='W/"1"')

    assert (reply.status, reply.body) == (304, "")
    assert clinic.told()[-1] == ("read", "permit", "consent-permit")


@pytest.mark.parametrize("listing", ["Observation?patient={id}&", "Patient/{id}/$everything?"])
def test_pages_show_everything_once_whatever_is_written_meanwhile(
    clinic: Clinic, listing: str
) -> None:
    names = [clinic.observe() for _ in range(5)]
    page = clinic.world.call(
        f"GET /fhir/{listing.replace('{id}', clinic.id)}_count=2", clinic.doctor
    )
    seen = ids(page)
    while request := following(page):
        clinic.observe()
        clinic.world.call(f"DELETE /fhir/Observation/{names[-1]}", clinic.doctor)
        page = clinic.world.call(request, clinic.doctor)
        assert page.status == 200, page.body
        seen += ids(page)

    assert len(seen) == len(set(seen))
    assert [name for name in seen if name != clinic.id] == names


def test_a_page_link_is_its_callers_own_and_for_its_own_search(clinic: Clinic) -> None:
    clinic.grant(actor=None)
    for _ in range(3):
        clinic.observe()
    request = f"GET /fhir/Observation?patient={clinic.id}&_count=1"
    onward = following(clinic.world.call(request, clinic.doctor))
    token = onward.partition("_page=")[2].partition("&")[0]
    assert clinic.world.call(onward, clinic.doctor).status == 200
    other = Clinic(clinic.world)

    for caller, url in (
        (clinic.world.doctor(BENNIS), onward),
        (clinic.patient, onward),
        (clinic.doctor, onward.replace("_count=1", "_count=2")),
        (clinic.doctor, onward.replace("Observation", "Condition")),
        (clinic.doctor, onward.replace(clinic.id, other.id)),
        (clinic.doctor, f"{request}&_page={token[:-2]}"),
        (clinic.doctor, f"{request}&_page=AAAA"),
        (clinic.doctor, f"{request}&_page=é"),
        (clinic.doctor, f"{request}&_page="),
        (clinic.doctor, f"{onward}&_page={token}"),
    ):
        reply = clinic.world.call(url, caller)
        assert (reply.status, reply.json["issue"][0]["expression"]) == (400, ["_page"])


def test_a_revoked_reader_gets_no_further_page(clinic: Clinic) -> None:
    for _ in range(3):
        clinic.observe()
    first = clinic.world.call(f"GET /fhir/Observation?patient={clinic.id}&_count=1", clinic.doctor)
    clinic.revoke()

    assert clinic.world.call(following(first), clinic.doctor).status == 403


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("GET /fhir/Observation", 400),
        ("GET /fhir/Observation?patient=x", 400),
        ("GET /fhir/Observation?patient={id}&patient=Patient/zzzzzzzzzzzzzzzzzzzz", 400),
        ("GET /fhir/Observation?patient={id}&nonsense=1", 400),
        ("GET /fhir/Patient/{id}/$everything?_type=Nonsense", 400),
        ("GET /fhir/Patient/{id}/$everything?start=soon", 400),
        ("GET /fhir/Patient/{id}/$everything?_since=2026-13-01", 400),
        ("GET /fhir/Patient/{id}/$everything?_count=0", 400),
        ("GET /fhir/Patient/{id}/$nothing", 404),
        ("GET /fhir/Starship?patient={id}", 404),
        ("GET /fhir/Starship/{id}.x-1", 404),
        ("GET /fhir/Observation/x", 404),
        ("GET /fhir/AuditEvents/{id}", 404),
    ],
)
def test_a_query_that_cannot_be_served_is_refused(
    clinic: Clinic, request_: str, status: int
) -> None:
    reply = clinic.world.call(request_.replace("{id}", clinic.id), clinic.doctor)

    assert reply.status == status, reply.body
    assert reply.json["resourceType"] == "OperationOutcome"


def test_scopes_narrow_everything_by_type(clinic: Clinic) -> None:
    clinic.observe()
    narrow = clinic.world.doctor(scopes=("user/Patient.r",))

    everything = clinic.world.call(f"GET /fhir/Patient/{clinic.id}/$everything", narrow)

    assert ids(everything) == [clinic.id]
    assert clinic.world.call(f"GET /fhir/Observation?patient={clinic.id}", narrow).status == 403


@pytest.fixture
def known(clinic: Clinic) -> str:
    """A CIN that leads to the record."""
    env = clinic.world.stack.environment("AccessQueries")
    value = f"BE{clinic.world.clock.random_bits(30)}"
    mac = Macs(clinic.world.stack.client("kms"), env["IDENTIFIER_KEY_ARN"])
    clinic.world.put_row(
        f"identifier#{mac.identifier('urn:ma:cin', value)}", patient={"S": clinic.id}
    )
    return value


def test_a_practitioner_learns_the_id_behind_an_identifier_and_no_more(
    clinic: Clinic, known: str
) -> None:
    stranger = clinic.world.doctor(BENNIS)

    found = clinic.world.call(f"GET /fhir/Patient?identifier=urn:ma:cin|{known.lower()}", stranger)

    assert found.status == 200, found.body
    assert [e["resource"] for e in found.json["entry"]] == [
        {"resourceType": "Patient", "id": clinic.id}
    ]
    assert clinic.told()[-1] == ("search", "permit", "identifier-lookup")
    assert known not in clinic.entries()[-1].canonical().decode()
    assert len(clinic.rows("N#")) == 1


def test_a_person_without_a_record_is_found_by_nobody(clinic: Clinic) -> None:
    reply = clinic.world.call("GET /fhir/Patient?identifier=urn:ma:cin|ZZ999999", clinic.doctor)

    assert (reply.status, reply.json["total"], ids(reply)) == (200, 0, [])


def test_the_lookup_is_journalled_before_it_is_told(clinic: Clinic, known: str) -> None:
    with failing("PutItem", "InternalServerError", times=9):
        reply = clinic.world.call(f"GET /fhir/Patient?identifier=urn:ma:cin|{known}", clinic.doctor)

    assert reply.status == 503
    assert clinic.id not in reply.body


def test_only_a_live_practitioner_looks_up(clinic: Clinic, known: str) -> None:
    request = f"GET /fhir/Patient?identifier=urn:ma:cin|{known}"

    assert clinic.world.call(request, clinic.patient).status == 403
    expired = clinic.world.doctor(expires=1)
    assert clinic.world.call(request, expired).status == 401
    unscoped = clinic.world.doctor(scopes=("user/Patient.r",))
    assert clinic.world.call(request, unscoped).status == 403


@pytest.mark.parametrize(
    "query", ["identifier=BE1", "identifier=urn:x|BE1", "identifier=urn:ma:cin|",
              "identifier=urn:ma:cin|BE1&name=x"],
)  # fmt: skip
def test_a_lookup_is_by_one_national_identifier(clinic: Clinic, query: str) -> None:
    assert clinic.world.call(f"GET /fhir/Patient?{query}", clinic.doctor).status == 400


def test_a_practitioner_looks_up_so_often_an_hour(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert identifiers.LOOKUPS_MAX == 60
    monkeypatch.setattr(identifiers, "LOOKUPS_MAX", 2)
    clinic.world.put_role("200000009", "100000001")
    caller = replace(clinic.doctor, practitioner="200000009")
    request = "GET /fhir/Patient?identifier=urn:ma:cin|ZZ999999"

    statuses = [clinic.world.call(request, caller).status for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert int(clinic.world.call(request, caller).headers["Retry-After"]) <= 3600


def test_a_search_by_form_is_the_same_search(clinic: Clinic) -> None:
    name = clinic.observe()

    reply = clinic.world.call(
        "POST /fhir/Observation/_search", clinic.doctor, f"patient={clinic.id}&code=2339-0",
        Content_Type="application/x-www-form-urlencoded",
    )  # fmt: skip

    assert ids(reply) == [name]
