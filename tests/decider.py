"""A patient at the page of who may see the record: a doctor let in, a browser, forms to send."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

from dmp.adapters.dynamodb.directory import Registry
from dmp.domain.directory import Organization, Practitioner
from tests import patients
from tests.guests import CIN, Guest, known_by, still
from tests.proving import Prover
from tests.stack import Stack
from tests.tabs import Page
from tests.world import AMRANI, BENNIS, HOSPITAL, NAMES, World, consent, observation

PEOPLE = "/account/people"


class Home:
    """A patient with one entry, a doctor let in, and a browser that they are signed in with."""

    def __init__(self, stack: Stack, handlers: dict[str, Any], clock: Any) -> None:
        self.world, self.clock, self.stack = World(stack), clock, stack
        self.prover = Prover(self.world, clock)
        self.patient = self.prover.patient
        self.id = self.patient.patient or ""
        known_by(stack, self.world, self.patient, CIN)
        entries = [Practitioner(AMRANI, "pa", "Amrani", ("Salma",), NAMES[AMRANI]),
                   Practitioner(BENNIS, "pb", "Bennis", ("Youssef",), NAMES[BENNIS]),
                   Organization(HOSPITAL, "oh", NAMES[HOSPITAL])]  # fmt: skip
        Registry(self.world.tables["REGISTRY_TABLE"]).put(entries)
        granted = self.world.call("POST /fhir/Consent", self.patient, consent(self.id))
        self.consent = granted.json["id"]
        self.doctor, self.other = self.world.doctor(), self.world.doctor(BENNIS)
        made = self.world.call("POST /fhir/Observation", self.doctor, observation(self.id))
        self.entry = f"Observation/{made.json['id']}"
        clock.shift(60)

        def handler(event: dict[str, Any], context: object) -> Any:
            people = event["requestContext"]["resourcePath"] == PEOPLE
            return handlers["people" if people else "account"](event, context)

        self.guest = Guest(handler)
        self.guest.open(PEOPLE)
        self.guest.sign_in()

    def page(self) -> str:
        """The page, as text without markup."""
        self.clock.shift(1)
        return plain(self.guest.open(PEOPLE))

    def send(self, action: str, **fields: str) -> Page:
        """A form of the page, filled in and sent a second later."""
        self.guest.open(PEOPLE)
        token = dict(self.guest.named("/account/sign-out").fields)["token"]
        self.clock.shift(1)
        return self.guest.to(PEOPLE, {"token": token, "action": action, **fields})

    def sure(self, action: str, **fields: str) -> Page:
        """The same for a form that shows first what it does; then it is done."""
        self.send(action, **fields)
        self.clock.shift(1)
        return self.guest.give(self.guest.named(PEOPLE))

    def reads(self, caller: Any) -> int:
        """What the doctor's door answers."""
        self.clock.shift(1)
        return self.world.call(f"GET /fhir/{self.entry}", caller).status

    def consents(self) -> list[dict[str, Any]]:
        """Those the API shows."""
        found = self.world.call(f"GET /fhir/Consent?patient={self.id}", self.patient).json
        return [e["resource"] for e in found.get("entry", ())]

    def rules(self) -> list[tuple[str, str]]:
        """Action and rule of the journal, newest first."""
        found = self.world.call(f"GET /fhir/AuditEvent?patient={self.id}", self.patient).json
        events = [e["resource"] for e in found["entry"]]
        return [(e["action"], e["extension"][0]["valueCode"]) for e in events]


def plain(page: Page) -> str:
    """What is to be read, on one line."""
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page.text, flags=re.DOTALL)
    text = re.sub(r"[\u2068\u2069]", "", re.sub(r"<[^>]+>", " ", text))
    return " ".join(text.replace("&#39;", "'").split())


def broken_glass(home: Home) -> None:
    """The other doctor opens the record in an emergency."""
    given = [{"name": "patient", "valueReference": {"reference": f"Patient/{home.id}"}},
             {"name": "reason", "valueCode": "UNCONSCIOUS"},
             {"name": "text", "valueString": "Trouvée inconsciente"}]  # fmt: skip
    urgent = home.world.doctor(BENNIS, purpose="BTG")
    body = {"resourceType": "Parameters", "parameter": given}
    assert home.world.call("POST /fhir/Consent/$break-glass", urgent, body).status == 201


def handlers_of(stack: Stack) -> dict[str, Any]:
    """Both functions that a browser goes to and fro between."""
    return {
        "account": stack.app("account", "Account").handler,
        "people": stack.app("people", "People").handler,
    }


@contextmanager
def at_home(stack: Stack, handlers: dict[str, Any]) -> Iterator[Home]:
    """The patient, signed in; time stands still."""
    patients.empty(stack)
    with still() as clock, mock.patch("dmp.edge.account_sign_in.lasting", nullcontext):
        yield Home(stack, handlers, clock)
