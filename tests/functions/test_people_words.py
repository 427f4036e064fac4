"""Whatever the patient decided through an app, the page of people tells it and stays up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.decider import PEOPLE, Home, at_home, handlers_of, plain
from tests.guests import CIN
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import AMRANI, consent

_RECIPIENT = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ROLE = {"coding": [{"system": _RECIPIENT, "code": "IRCP"}]}
READ_ONLY = {"url": "urn:dmp:consent-direction", "valueCode": "write"}


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, dict[str, Any]]]:
    with deployed() as stack:
        yield stack, handlers_of(stack)


@pytest.fixture
def home(made: tuple[Stack, dict[str, Any]]) -> Iterator[Home]:
    with at_home(*made) as there:
        yield there


def actor(**reference: Any) -> list[dict[str, Any]]:
    return [{"role": ROLE, "reference": reference}]


def granted(home: Home, **provision: Any) -> str:
    """What the page then says."""
    home.clock.shift(1)
    body = consent(home.id, AMRANI, **provision)
    if body["provision"]["actor"] is None:
        del body["provision"]["actor"]
    made = home.world.call("POST /fhir/Consent", home.patient, body)
    assert made.status == 201, made.body
    return home.page().partition("What you decided")[2].partition("Let somebody in")[0]


@pytest.mark.parametrize(
    ("provision", "told"),
    [
        ({"period": {"end": "9999-12-31"}}, "Without end"),
        ({"period": {"start": "2027-02-01", "end": "2027-03-01"}}, "From 1 February 2027, 01:00"),
        ({"purpose": [{"system": _REASON, "code": "HRESCH"}]}, "Research"),
        ({"purpose": [{"system": "urn:other", "code": "x"}]}, "Let in by you."),
        ({"securityLabel": [{"system": "urn:l", "code": "PSY"}]}, "for a part of your record"),
        ({"dataPeriod": {"start": "2020-01-01"}}, "for a part of your record"),
        ({"extension": [READ_ONLY]}, "only to write"),
        ({"provision": [{"type": "deny", "purpose": [{"code": "HRESCH"}]}]}, "with exceptions"),
        ({"actor": None}, "Everybody"),
        ({"type": "deny", "actor": None}, "Everybody Refused"),
        ({"actor": actor(identifier={"system": "urn:dmp:role", "value": "nurse"},
                         type="PractitionerRole")}, "nurse"),
        ({"actor": actor(reference="Organization/org-1", display="Clinique & Cie")},
         "Clinique &amp; Cie"),
    ],
)  # fmt: skip
def test_a_consent_of_whatever_form_is_told(
    home: Home, provision: dict[str, Any], told: str
) -> None:
    assert told in granted(home, **provision)


def test_teams_and_delegates_whom_a_consent_names_have_words(home: Home) -> None:
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "subject": {"reference": f"Patient/{home.id}"},
        "participant": [{"member": {"identifier": {"system": "urn:ma:inpe", "value": AMRANI}}}],
    }
    name = home.world.call("POST /fhir/CareTeam", home.patient, team).json["id"]
    assert "A care team of yours" in granted(home, actor=actor(reference=f"CareTeam/{name}"))

    home.send("name", name="Salma El Idrissi", who=CIN, power="read")
    found = home.world.call(f"GET /fhir/RelatedPerson?patient={home.id}", home.patient).json
    related = actor(reference=f"RelatedPerson/{found['entry'][0]['resource']['id']}")
    assert "Salma El Idrissi Refused" in granted(home, type="deny", actor=related)


def test_what_is_over_is_not_told(home: Home) -> None:
    before = home.page().count("End this permission")
    told = granted(home, period={"start": "2026-01-01", "end": "2026-01-31"})
    assert told.count("End this permission") == before
    assert plain(home.guest.open(f"{PEOPLE}?told=let-in")).count("They are let in") == 1


@pytest.mark.parametrize("path", ["/account/journal", "/account/export?format=csv"])
@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_the_first_and_the_last_day_there_is_break_no_page(home: Home, path: str, day: str) -> None:
    for name in ("from", "to"):
        page = home.guest.open(f"{path}{'&' if '?' in path else '?'}{name}={day}")
        assert page.status in (200, 422)
