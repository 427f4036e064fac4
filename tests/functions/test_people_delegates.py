"""Who acts for the patient, on the patient's own page, on moto: named, shown, dismissed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.decider import PEOPLE, Home, at_home, handlers_of, plain
from tests.guests import CIN
from tests.stack import Stack
from tests.stack import stack as deployed


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, dict[str, Any]]]:
    with deployed() as stack:
        yield stack, handlers_of(stack)


@pytest.fixture
def home(made: tuple[Stack, dict[str, Any]]) -> Iterator[Home]:
    with at_home(*made) as there:
        yield there


def test_somebody_acts_for_the_patient_and_is_dismissed(home: Home) -> None:
    page = home.guest.open(PEOPLE)
    token = dict(home.guest.named("/account/sign-out").fields)["token"]
    fields = [("token", token), ("action", "name"), ("name", " Salma  El Idrissi"),
              ("who", "bk 226401"), ("power", "read"), ("power", "journal"),
              ("until", "2027-06-30")]  # fmt: skip
    page = home.guest.to(PEOPLE, fields)
    text = plain(page)

    assert "This person acts for you from now on" in text
    assert "Salma El Idrissi Read your record · See who used it Until 30 June 2027" in text
    found = home.world.call(f"GET /fhir/RelatedPerson?patient={home.id}", home.patient).json
    (person,) = [e["resource"] for e in found["entry"]]
    assert person["identifier"] == [{"system": "urn:ma:cin", "value": "BK226401"}]

    gone = home.send("dismiss", related=person["id"])

    assert "does not act for you any more" in plain(gone)
    assert plain(gone).partition("Who acts for you")[2].strip().startswith("Nobody.")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"name": "", "who": CIN, "power": "read"}, "Give a name."),
        ({"name": "x" * 101, "who": CIN, "power": "read"}, "Give a name."),
        ({"name": "A\x01B", "who": CIN, "power": "read"}, "Give a name."),
        ({"name": "A B", "who": "12", "power": "read"}, "This is neither."),
        ({"name": "A B", "who": CIN}, "Tick one thing at least."),
        ({"name": "A B", "who": CIN, "power": "all"}, "Tick one thing at least."),
        ({"name": "A B", "who": CIN, "power": "read", "until": "2020-01-01"}, "still to come"),
    ],
)
def test_a_delegate_who_cannot_be_named_is_said(
    home: Home, fields: dict[str, str], told: str
) -> None:
    page = home.send("name", **fields)

    assert page.status == 422
    assert told in plain(page)
    found = home.world.call(f"GET /fhir/RelatedPerson?patient={home.id}", home.patient).json
    assert "entry" not in found


def test_more_people_than_may_act_are_not_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmp.use_cases.delegations.DELEGATES_MAX", 0)
    page = home.send("name", name="Salma", who=CIN, power="read")

    assert page.status == 422
    assert "too many act for you already" in plain(page)
