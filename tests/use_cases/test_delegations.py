"""A patient names who acts for them: who may, what it takes, who is told, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest

from dmp.domain.refusals import ContactJustChanged
from tests.family import NAME, POWER, Family, person, weak
from tests.world import BENNIS, World, consent


@pytest.fixture
def family(world: World) -> Family:
    return Family(world)


def move_contact(family: Family, until: int) -> None:
    family.world.stack.client("dynamodb").update_item(
        TableName=family.world.tables["RECORDS_TABLE"],
        Key={"pk": {"S": family.id}, "sk": {"S": "CONTACT"}},
        UpdateExpression="SET #u = :u",
        ExpressionAttributeNames={"#u": "until"},
        ExpressionAttributeValues={":u": {"N": str(until)}},
    )


def test_it_is_in_force_with_its_own_commit(family: Family) -> None:
    before = family.standing().version
    name = family.delegate("read", "journal", period={"start": "2026-01-01", "end": "2026-12-31"})

    standing = family.standing()
    (one,) = standing.delegates
    assert standing.version == before + 1
    assert (one.person, one.powers, one.related) == (family.hers, ("read", "journal"), name)
    assert (one.starts, one.ends) == ("2026-01-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z")
    assert (one.kind, one.name) == ("delegate", NAME)


def test_both_are_told_at_once(family: Family) -> None:
    name = family.delegate("read")

    told = family.notices()[-1]
    assert (told.kind, told.practitioner) == ("new-delegate", NAME)
    assert family.notices(family.hers)[-1].kind == "chosen-delegate"
    entry = family.journal(family.hers)[-1]
    assert (entry.rule, entry.what) == ("chosen-delegate", (f"RelatedPerson/{name}/_history/1",))
    assert entry.who == {"kind": "person", "patient": family.id}
    event = family.she("GET /fhir/AuditEvent").json["entry"][0]["resource"]
    assert {"reference": f"Patient/{family.id}"} in [a["who"] for a in event["agent"]]


def test_who_has_no_record_is_answered_alike_and_acts_once_they_have(family: Family) -> None:
    known = family.name("read")
    cin = f"ZZ{family.world.clock.random_bits(32)}"
    nobody = family.name("read", cin=cin)
    his = family.clinic.observe()

    assert (known.status, nobody.status) == (201, 201)
    assert set(known.json) == set(nobody.json)
    assert set(known.headers) == set(nobody.headers)
    son = family.world.open_record(cin=cin)
    assert family.world.call(f"GET /fhir/Observation/{his}", son).status == 200


def test_without_powers_it_is_an_ordinary_resource(family: Family) -> None:
    before = family.standing()

    made = family.world.call(
        "POST /fhir/RelatedPerson", family.clinic.doctor, person(family.id, family.cin)
    )

    assert made.status == 201, made.body
    assert family.standing() == before
    assert family.she("GET /fhir/Patient/{id}").status == 404


def test_a_change_and_a_deletion_hold_from_their_acknowledgement(family: Family) -> None:
    name = family.delegate("read", "journal")
    assert family.she("GET /fhir/AuditEvent?patient={id}").status == 200
    body = {**person(family.id, family.cin, "read"), "id": name}

    assert family.world.call(f"PUT /fhir/RelatedPerson/{name}", family.father, body).status == 200
    assert family.she("GET /fhir/AuditEvent?patient={id}").status == 404
    assert family.she("GET /fhir/Patient/{id}").status == 200
    gone = family.world.call(f"DELETE /fhir/RelatedPerson/{name}", family.father)

    assert gone.status == 204
    assert family.she("GET /fhir/Patient/{id}").status == 404
    assert family.standing().delegates == ()
    assert [n.kind for n in family.notices()][-1] == "ended-delegate"


def test_a_patch_that_sets_it_inactive_ends_it(family: Family) -> None:
    name = family.delegate()
    patch = '[{"op":"add","path":"/active","value":false}]'
    headers = {"Content_Type": "application/json-patch+json"}

    done = family.world.call(f"PATCH /fhir/RelatedPerson/{name}", family.father, patch, **headers)

    assert done.status == 200, done.body
    assert family.she("GET /fhir/Patient/{id}").status == 404


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("unknown power", {"extension": [{"url": POWER, "valueCode": "all"}]}, "extension[0]"),
    ("no name", {"name": []}, "name"),
    ("no identifier", {"identifier": [{"system": "urn:x", "value": "1"}]}, "identifier"),
    ("two identifiers", {"identifier": [{"system": "urn:ma:cin", "value": "A1"},
                                        {"system": "urn:ma:idcs", "value": "B2"}]}, "identifier"),
    ("a guardian", {"extension": [{"url": "urn:dmp:guardianship", "extension": [
        {"url": "reason", "valueCode": "minor"}]}]}, "extension[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "place"), [c[1:] for c in WRONG], ids=[c[0] for c in WRONG])
def test_what_cannot_be_a_delegate_is_refused_by_element(
    family: Family, changes: dict[str, Any], place: str
) -> None:
    content = {k: v for k, v in {**person(family.id, family.cin, "read"), **changes}.items() if v}

    refused = family.world.call("POST /fhir/RelatedPerson", family.father, content)

    assert refused.status == 422, refused.body
    assert any(place in e for i in refused.json["issue"] for e in i.get("expression", ()))
    assert family.standing().delegates == ()


def test_powers_come_from_the_patient_alone(family: Family) -> None:
    family.delegate("read", "write")
    more = person(family.id, f"ZZ{family.world.clock.random_bits(32)}", "read")
    for caller in (family.clinic.doctor, family.daughter):
        refused = family.world.call("POST /fhir/RelatedPerson", caller, more)

        assert refused.status == 422, refused.body
        assert refused.json["issue"][0]["expression"] == ["RelatedPerson.extension[0]"]
    assert len(family.standing().delegates) == 1


def test_a_delegate_changes_no_delegate(family: Family) -> None:
    name = family.delegate("read", "write")
    same = {**person(family.id, family.cin), "id": name}

    assert family.she(f"PUT /fhir/RelatedPerson/{name}", same).status == 403
    assert family.she(f"DELETE /fhir/RelatedPerson/{name}").status == 403
    assert len(family.standing().delegates) == 1


def test_in_a_transaction_one_at_a_time(family: Family) -> None:
    def entry(cin: str) -> dict[str, Any]:
        request = {"method": "POST", "url": "RelatedPerson"}
        return {"request": request, "resource": person(family.id, cin, "read")}

    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry(family.cin)]}
    assert family.world.call("POST /fhir", family.father, bundle).status == 200
    assert len(family.standing().delegates) == 1
    two = {**bundle, "entry": [entry("AA1"), entry("AA2")]}
    refused = family.world.call("POST /fhir", family.father, two)

    assert refused.status == 422
    assert refused.json["issue"][0]["expression"] == ["Bundle.entry[1].resource"]
    assert len(family.standing().delegates) == 1


def test_to_widen_asks_for_a_stronger_sign_in_and_to_narrow_does_not(family: Family) -> None:
    name = family.delegate("read")
    wider = {**person(family.id, family.cin, "read", "write"), "id": name}
    with weak(family.father):
        refused = family.world.call(f"PUT /fhir/RelatedPerson/{name}", family.father, wider)
        another = family.name("read", cin="ZZ1")
        ended = family.world.call(f"DELETE /fhir/RelatedPerson/{name}", family.father)

    assert (refused.status, another.status, ended.status) == (403, 403, 204)
    assert "stronger-sign-in" in refused.body
    assert family.standing().delegates == ()


def test_none_is_made_within_a_day_of_a_change_of_contact(family: Family) -> None:
    name = family.delegate("read")
    move_contact(family, 4_000_000_000)

    refused = family.name("read", cin="ZZ1")
    ended = family.world.call(f"DELETE /fhir/RelatedPerson/{name}", family.father)

    assert (refused.status, ended.status) == (403, 204)
    assert ContactJustChanged.code in refused.body
    assert family.journal()[-2].rule == ContactJustChanged.code


def test_no_consent_is_widened_within_that_day_either(family: Family) -> None:
    move_contact(family, 4_000_000_000)
    body = consent(family.id, BENNIS)

    refused = family.world.call("POST /fhir/Consent", family.father, body)
    family.clinic.revoke()

    assert refused.status == 403, refused.body
    assert ContactJustChanged.code in refused.body
