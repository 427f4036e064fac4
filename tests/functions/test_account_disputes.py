"""`I do not recognise this access`: the form, the officer's task, what the patient sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from dmp.domain.caller import Caller
from tests import patients
from tests.guests import Guest, at_home, still
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import AMRANI, BENNIS, World, consent, observation

WORDS = "Je n'ai jamais été <b>là-bas</b>"


class Home:
    """A patient whose record a doctor used twice, signed in on their pages."""

    def __init__(self, stack: Stack, app: Any, clock: Any) -> None:
        self.stack, self.clock = stack, clock
        self.world = World(stack)
        self.patient: Caller = at_home(stack, self.world)
        pid = self.patient.patient or ""
        doctor = self.world.doctor()
        self.world.call("POST /fhir/Consent", self.patient, consent(pid, AMRANI))
        for _ in range(2):
            clock.shift(60)
            self.world.call("POST /fhir/Observation", doctor, observation(pid))
        clock.shift(60)
        self.guest = Guest(app.handler)
        self.guest.open("/account")
        self.guest.sign_in()

    def access(self, name: str = "Salma") -> str:
        """The address of somebody's access."""
        text = self.guest.open("/account/journal").text
        found = re.search(rf'href="/test(/account/journal/[^"]+)">\s*<bdi>[^<]*{name}', text)
        assert found is not None
        return found[1]

    def dispute(self, code: str = "unknown-person", text: str = WORDS, at: str = "") -> str:
        """The form, filled in and sent; the page that follows."""
        address = at or self.access()
        self.guest.open(address)
        token = dict(self.guest.named("/account/sign-out").fields)["token"]
        fields = {"token": token, "code": code, "text": text}
        return self.guest.to(address, fields).text

    def officer(self, request: str, body: Any = None, **headers: str) -> Any:
        """What the region's officer asks."""
        who = self.world.doctor(BENNIS, role="auditor", purpose="HOPERAT")
        return self.world.call(request, who, body, **headers)

    def reviews(self) -> list[dict[str, Any]]:
        """What waits for the officer."""
        listed: list[dict[str, Any]] = self.officer("GET /reviews").json["reviews"]
        return listed

    def rules(self) -> list[str]:
        """The rules of the journal, newest first."""
        found = self.world.call(
            f"GET /fhir/AuditEvent?patient={self.patient.patient}", self.patient
        )
        return [e["resource"]["extension"][0]["valueCode"] for e in found.json["entry"]]


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, Any]]:
    with deployed() as stack:
        yield stack, stack.app("account", "Account")


@pytest.fixture
def home(made: tuple[Stack, Any]) -> Iterator[Home]:
    patients.empty(made[0])
    with still() as clock, mock.patch("dmp.edge.account_sign_in.lasting", nullcontext):
        yield Home(*made, clock)


def test_an_access_is_disputed_answered_and_the_answer_is_read(home: Home) -> None:
    text = home.dispute()
    assert "was asked to look at this access" in text
    assert "has not answered yet" in text
    assert "Je n&#39;ai jamais été &lt;b&gt;là-bas&lt;/b&gt;" in text
    assert "dispute" in home.rules()

    (task,) = home.reviews()
    assert set(task) == {"id", "kind", "opened", "state"}
    assert (task["kind"], task["state"]) == ("dispute", "open")
    read = home.officer(f"GET /reviews/{task['id']}").json
    assert read["who"]["name"] == "Dr Salma Amrani"
    assert read["contest"] == WORDS
    answer = {"outcome": "unjustified", "answer": "L'établissement n'a pas pu l'expliquer"}
    home.clock.shift(30)
    sent = {"If_Match": '"open"', "Content_Type": "application/json"}
    assert home.officer(f"PUT /reviews/{task['id']}", answer, **sent).status == 200

    page = home.guest.open(home.access("Salma")).text
    assert "the access was NOT justified" in page
    assert "L&#39;établissement n&#39;a pas pu l&#39;expliquer" in page
    assert "the access was NOT justified" in home.guest.open("/account/journal").text
    assert home.reviews() == []


def test_the_answer_is_told_by_a_notice_with_a_reference(home: Home) -> None:
    home.dispute()
    (task,) = home.reviews()
    answer = {"outcome": "justified", "answer": "Analyse demandée par votre médecin"}
    sent = {"If_Match": '"open"', "Content_Type": "application/json"}
    home.officer(f"PUT /reviews/{task['id']}", answer, **sent)

    found = home.stack.client("dynamodb").query(
        TableName=home.world.tables["RECORDS_TABLE"],
        KeyConditionExpression="pk = :p AND begins_with(sk, :n)",
        ExpressionAttributeValues={":p": {"S": home.patient.patient}, ":n": {"S": "N#"}},
    )["Items"]
    newest = max(found, key=lambda item: item["sk"]["S"])
    reference = newest["ref"]["S"]
    page = home.guest.open(f"/account/journal?ref={reference}").text
    assert "officer looked into an access" in page


def test_an_access_has_one_dispute_through_whichever_of_its_entries(home: Home) -> None:
    first = home.access()
    page = home.guest.open(first).text
    others = re.findall(r'<li[^>]*><a href="/test(/account/journal/[\w.]+)"><bdi>', page)
    assert len(set(others)) == 2
    for address in [*others, first]:
        home.clock.shift(1)
        home.dispute(at=address)

    assert len(home.reviews()) == 1
    assert home.rules().count("dispute") == 1
    assert "I do not recognise this access" not in home.guest.open(first).text


@pytest.mark.parametrize(
    ("code", "text", "told"),
    [("", "", "Choose what fits best."), ("else", "", "Choose what fits best."),
     ("other", "x" * 501, "This is too long.")],
)  # fmt: skip
def test_a_form_that_cannot_be_taken_says_why_and_keeps_what_was_typed(
    home: Home, code: str, text: str, told: str
) -> None:
    page = home.dispute(code, text)

    assert told in page
    assert home.guest.page.status == 422
    assert text in page
    assert home.reviews() == []


def test_ones_own_access_is_not_disputed(home: Home) -> None:
    text = home.guest.open("/account/journal").text
    own = re.search(r'<li class="use mine">.*?href="/test([^"]+)"', text, re.DOTALL)
    assert own is not None
    assert "I do not recognise" not in home.guest.open(own[1]).text
    home.dispute("other", "", own[1])

    assert home.guest.page.status == 422
    assert home.reviews() == []


def test_a_dispute_of_another_site_is_none(home: Home) -> None:
    address = home.access()
    token = dict(home.guest.named("/account/sign-out").fields)["token"]
    fields = {"token": token, "code": "other", "text": ""}
    refused = home.guest.to(address, fields, **{"Sec-Fetch-Site": "cross-site"})
    home.guest.to(address, {**fields, "token": "x" * 86})

    assert refused.status == 403
    assert home.reviews() == []


def test_nobody_but_the_officer_reads_a_dispute(home: Home) -> None:
    home.dispute()
    (task,) = home.reviews()
    for caller in (home.world.doctor(), home.patient):
        assert home.world.call(f"GET /reviews/{task['id']}", caller).status == 403
    stranger = replace(home.world.doctor(role="auditor", purpose="HOPERAT"))
    assert home.world.call(f"GET /reviews/{'0' * 20}.{'0' * 16}", stranger).status == 404
