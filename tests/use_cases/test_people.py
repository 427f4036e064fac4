"""What the patient's page of people asks for is what the API's own requests do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dmp.adapters.dynamodb.directory import Registry
from dmp.domain.directory import Organization, Practitioner
from dmp.domain.refusals import TooMany
from dmp.fhir.choices import Listed, deny, permit, related
from dmp.fhir.explanations import explanation
from dmp.fhir.validator import validate
from dmp.use_cases.directory_queries import AN_HOUR
from dmp.use_cases.people import Choice, Form, People
from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.world import BENNIS, HOSPITAL, NAMES, World

NOW, ENDS = "2026-11-22T10:00:00.000Z", "2027-01-01T00:00:00.000Z"
GONE = "200000009"
WHO = Listed("Practitioner", BENNIS, NAMES[BENNIS])


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    made.observe()
    Registry(world.tables["REGISTRY_TABLE"]).put([
        Practitioner(BENNIS, "pb", "Bennis", ("Youssef",), NAMES[BENNIS]),
        Practitioner(GONE, "pg", "Naciri", ("Hicham",), "Dr Hicham Naciri", active=False),
        Organization(HOSPITAL, "oh", NAMES[HOSPITAL]),
    ])  # fmt: skip
    yield made
    forget(made.id)


def people(clinic: Clinic) -> People:
    """As the function assembles it."""
    made: People = clinic.world.app("people", "People").people
    return made


def form(clinic: Clinic, key: str = "") -> Form:
    """A form of the patient's."""
    return Form(clinic.patient, "test-request", key, key)


def asked(clinic: Clinic, operation: str, *given: Any) -> bytes:
    body = {"resourceType": "Parameters", **({"parameter": [*given]} if given else {})}
    answer = clinic.world.call(f"POST /fhir/Consent/{operation}", clinic.patient, body)
    assert answer.status == 200, answer.body
    return str(answer.body).encode()


def test_the_page_is_told_what_explain_tells(clinic: Clinic) -> None:
    seen = people(clinic).today(form(clinic), "fr")

    assert explanation(seen.findings, seen.names, seen.say) == asked(clinic, "$explain")
    assert seen.standing.owner == clinic.id


def test_the_outlook_is_what_explain_tells_once_it_is_done(clinic: Clinic) -> None:
    made, choice = people(clinic), Choice(WHO, ENDS, writing=True)
    outlook = made.outlook(form(clinic), choice)
    before, rows = made.today(form(clinic), "fr"), len(clinic.rows("K#"))
    readable = [max(one.readable for one in some if one.known.practitioner == BENNIS)
                for some in (outlook.before, outlook.after)]  # fmt: skip

    assert readable == [0, outlook.items]
    assert len(clinic.rows("K#")) == rows
    assert [f for f in outlook.before if f in before.findings] == list(before.findings)
    made.let_in(form(clinic), choice)
    told = made.today(form(clinic), "fr").findings
    assert [(f.known, f.readable) for f in told] == [
        (f.known, f.readable) for f in outlook.after
    ]  # fmt: skip


@pytest.mark.parametrize(
    "resource",
    [
        permit("0" * 20, WHO, NOW, ENDS, writing=True),
        permit("0" * 20, WHO, NOW, ENDS, writing=False),
        deny("0" * 20, Listed("Organization", HOSPITAL, "H"), NOW),
        related("0" * 20, ("urn:ma:cin", "AB1"), "Salma", ("read",), ""),
        related("0" * 20, ("urn:ma:cin", "AB1"), "Salma", ("read",), ENDS),
    ],
)
def test_what_a_page_sends_is_valid(resource: dict[str, Any]) -> None:
    assert validate(resource) == []


def test_somebody_is_found_by_their_number_and_only_while_active(clinic: Clinic) -> None:
    made = people(clinic)
    with counted() as calls:
        assert made.listed(form(clinic), BENNIS) == WHO

    assert calls == ["UpdateItem", "BatchGetItem"]
    assert made.listed(form(clinic), HOSPITAL) == Listed("Organization", HOSPITAL, NAMES[HOSPITAL])
    assert made.listed(form(clinic), GONE) is None
    assert made.listed(form(clinic), "12") is None


def test_numbers_are_not_tried_without_end(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp.use_cases.people.AN_HOUR", 2)
    assert AN_HOUR > 2
    made = people(clinic)
    for _ in range(2):
        made.listed(form(clinic), "999999999")
    with pytest.raises(TooMany):
        made.listed(form(clinic), BENNIS)


def test_a_form_does_its_work_once(clinic: Clinic) -> None:
    made, choice = people(clinic), Choice(WHO, ENDS, writing=True)
    before = len(clinic.rows("K#"))
    first, again = (made.let_in(form(clinic, "n" * 22), choice) for _ in range(2))

    assert len(clinic.rows("K#")) == before + 1
    assert first == again
