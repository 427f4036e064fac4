"""Asking for a record, as anybody on the network may: who gets one, and what others come to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.visitors import Person, Sandbox, code_in
from tests.e2e.place import CODE_SECONDS, Place

ADDRESS = "203.0.113.31"
NOT_CONFIRMED = {"status": "refused", "reason": "not-confirmed"}


@pytest.fixture(scope="module", autouse=True)
def silent(place: Place) -> list[tuple[Person, str]]:
    """A right and a wrong person who never say a code: their time runs while the others try."""
    right = place.person("J194627", "203.0.113.32")
    wrong = place.person("JA683301", "203.0.113.32")
    return [
        (right, begun(right)),
        (wrong, begun(wrong, birthDate="2000-01-01")),
    ]


@pytest.fixture
def untouched(place: Place) -> Iterator[None]:
    """After this test no key, record or identifier stands that did not before."""
    before = standing(place)
    yield
    assert standing(place) == before


def standing(place: Place) -> set[tuple[str, str]]:
    """Every record, key and identifier: (table, partition key)."""
    rows = {
        (table, pk) for table in ("RecordsTable", "KeysTable") for pk, _ in place.keys_of(table)
    }
    registry = {pk for pk, _ in place.keys_of("RegistryTable") if pk.startswith("identifier#")}
    return rows | {("RegistryTable", pk) for pk in registry}


def begun(person: Person, **changes: Any) -> str:
    asked = person.request(**changes)
    assert asked.status_code == 202, asked.text
    name: str = asked.json()["id"]
    assert asked.json() == {"id": name, "status": "verifying"}
    assert asked.headers["Location"] == f"/activations/{name}"
    assert len(name) >= 26, "unguessable"
    return name


def row_of(place: Place, activation: str) -> dict[str, Any]:
    """The operator's view."""
    got = place.client("dynamodb").get_item(
        TableName=place.outputs["RegistryTable"], Key={"pk": {"S": f"activation#{activation}"}}
    )
    return {name: next(iter(value.values())) for name, value in got["Item"].items()}


def finding(place: Place, activation: str) -> str:
    """The true reason, once the workflow has ended it: what was asked is forgotten then."""
    deadline = time.monotonic() + 20
    while "asked" in (row := row_of(place, activation)) and time.monotonic() < deadline:
        time.sleep(0.3)
    assert not {"asked", "token", "code_mac"} & set(row), "nothing of the person is kept"
    return str(row["finding"])


def other_code(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def refused_after_three(person: Person, activation: str, code: str = "123456") -> None:
    """Three wrong codes, told one by one; then it is over and says nothing more."""
    for left in (2, 1, 0):
        said = person.confirm(activation, code)
        assert (said.status_code, said.json()["tries_left"]) == (422, left)
    seen = person.wait_status(activation, "refused")
    assert seen == {"id": activation, **NOT_CONFIRMED}
    over = person.confirm(activation, code)
    assert over.status_code == 410
    assert over.headers["Content-Type"] == "application/problem+json"


def test_the_right_person_has_a_record(place: Place) -> None:
    person = place.person("H473920", ADDRESS)
    before = standing(place)
    activation = begun(person)
    sms = person.sandbox.wait_message(person.phone, 0)
    assert person.wait_status(activation, "awaiting-code") == {
        "id": activation, "status": "awaiting-code"
    }  # fmt: skip

    wrong = person.confirm(activation, other_code(code_in(sms)))
    assert (wrong.status_code, wrong.json()["tries_left"]) == (422, 2)
    said = person.confirm(activation, code_in(sms))
    assert (said.status_code, said.json()) == (202, {"id": activation, "status": "opening"})
    seen = person.wait_status(activation, "active")
    assert set(seen) == {"id", "status", "patient"}
    patient = seen["patient"]
    assert person.known["cin"] not in patient

    new = standing(place) - before
    assert {("KeysTable", patient), ("RecordsTable", patient)} < new
    assert len(new) == 4, "and two identifiers, CIN and IDCS"
    assert {sk for pk, sk in place.keys_of("RecordsTable") if pk == patient} > {
        "GUARD", "STANDING", "CONTACT",
    }  # fmt: skip
    welcome = person.sandbox.wait_message(person.phone, 1)
    assert person.known["family"] not in welcome["text"]
    assert person.confirm(activation, code_in(sms)).status_code == 410, "once"


@pytest.mark.parametrize(
    ("cin", "changes", "truth"),
    [
        ("L417285", {"family": "Quelqu'un"}, "differs"),
        ("M308866", {"telecom": {"phone": "+212661111111"}}, "other-phone"),
        ("U357640", {"telecom": {"phone": "+212661111112"}}, "in-person"),
        ("N529074", {"identifier": {"system": "urn:ma:cin", "value": "ZZ999999"}}, "unknown"),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_who_does_not_match_looks_like_anybody_and_comes_to_nothing(
    place: Place, cin: str, changes: dict[str, Any], truth: str
) -> None:
    person = place.person(cin, ADDRESS)
    phones = {person.known["phone"], changes.get("telecom", {}).get("phone")}
    activation = begun(person, **changes)
    person.wait_status(activation, "awaiting-code")

    refused_after_three(person, activation)
    assert finding(place, activation) == truth
    assert not [m for m in person.sandbox.messages() if m["to"] in phones], "nobody was told"


@pytest.mark.usefixtures("untouched")
def test_a_second_record_for_the_same_person_is_not_opened(place: Place) -> None:
    known = next(p for p in place.described["patients"] if p["language"] == "fr")
    person = Person(place.sandbox(ADDRESS), known)
    sent = [m for m in person.sandbox.messages(person.phone) if code_like(m["text"])]
    activation = begun(person)
    person.wait_status(activation, "awaiting-code")

    refused_after_three(person, activation)
    assert finding(place, activation) == "duplicate"
    assert [m for m in person.sandbox.messages(person.phone) if code_like(m["text"])] == sent


def code_like(text: str) -> bool:
    return any(word.isdigit() and len(word) == 6 for word in text.replace(".", " ").split())


@pytest.mark.usefixtures("untouched")
def test_three_wrong_codes_end_it_for_the_right_person_too(place: Place) -> None:
    person = place.person("P731148", ADDRESS)
    activation = begun(person)
    code = code_in(person.sandbox.wait_message(person.phone, 0))

    refused_after_three(person, activation, other_code(code))
    assert person.confirm(activation, code).status_code == 410, "the right one comes too late"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"birthDate": "1984-02-30"}, "birthDate"),
        ({"family": ""}, "family"),
        ({"given": "Nadia"}, "given"),
        ({"telecom": {"phone": "0033612345678"}}, "telecom.phone"),
        ({"identifier": {"system": "urn:ma:passport", "value": "X1"}}, "identifier.system"),
        ({"language": "de"}, "language"),
        ({"notify": "email"}, "telecom.email"),
        ({"policy": "everything"}, "policy"),
    ],
)
def test_bad_input_names_its_field(place: Place, changes: dict[str, Any], field: str) -> None:
    answered = place.person("R615033", ADDRESS).request(**changes)

    assert answered.status_code == 422, answered.text
    assert answered.headers["Content-Type"] == "application/problem+json"
    assert [e["field"] for e in answered.json()["errors"]] == [field]
    assert answered.json()["request_id"]


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b'{"identifier": ', "application/json", 400),
        (b'{"a": 1, "a": 2}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"family=Alaoui", "application/x-www-form-urlencoded", 415),
    ],
)
def test_what_is_no_request_is_told_so(
    sandbox: Sandbox, content: bytes, media_type: str, status: int
) -> None:
    url = sandbox.described["activation_url"]
    headers = {"Content-Type": media_type}
    answered = sandbox.send("POST", url, content=content, headers=headers)

    assert answered.status_code == status, answered.text
    assert answered.json()["status"] == status


def test_an_activation_that_does_not_exist_is_not_found(sandbox: Sandbox) -> None:
    url = f"{sandbox.described['activation_url']}/{'0' * 32}"

    assert sandbox.send("GET", url).status_code == 404
    assert sandbox.send("POST", f"{url}/confirmation", json={"code": "123456"}).status_code == 404


def test_one_asks_five_times_an_hour_for_a_person_and_twenty_from_an_address(place: Place) -> None:
    crowd = place.person("T488219", "203.0.113.33")
    statuses = [crowd.request().status_code for _ in range(5)]
    assert statuses == [202] * 5
    sixth = crowd.request()
    assert sixth.status_code == 429
    assert 0 < int(sixth.headers["Retry-After"]) <= 3600
    assert sixth.json()["code"]

    others = [
        crowd.request(identifier={"system": "urn:ma:cin", "value": f"ZY{i:06}"}) for i in range(15)
    ]
    assert [a.status_code for a in others] == [202] * 14 + [429]
    assert 0 < int(others[-1].headers["Retry-After"]) <= 3600
    elsewhere = place.person("R615033", "203.0.113.34").request()
    assert elsewhere.status_code == 202, "others are not kept from asking"


@pytest.mark.usefixtures("untouched")
def test_when_time_is_up_it_is_over_for_everybody(
    place: Place, silent: list[tuple[Person, str]]
) -> None:
    for person, activation in silent:
        seen = person.wait_status(activation, "expired", within_s=CODE_SECONDS + 20)
        assert seen == {"id": activation, "status": "expired"}
        assert person.confirm(activation, "123456").status_code == 410
    (right, first), (_, second) = silent
    code = code_in(right.sandbox.messages(right.phone)[0])
    assert right.confirm(first, code).status_code == 410, "the right code too"
    assert (finding(place, first), finding(place, second)) == ("expired", "differs")
