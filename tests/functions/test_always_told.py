"""What is told whatever the patient chose, and to whom: whole way, act by act."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import time_machine

from dmp.domain.caller import Caller
from dmp.domain.contact import Channel, Contact, Rhythm
from dmp.edge.caller import context_of
from tests.family import person
from tests.patients import code_of
from tests.post import Post
from tests.register import mails, sms
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.world import BENNIS, World, consent, event_of

PHONE, MAIL, NEW = "+212612345678", "nadia@example.org", "+212661234567"
AT_NOON = 1_795_345_200
QUIET = ("00:00", "23:59")


class Home:
    """A patient who wants to be told of nothing, with a phone and a mailbox."""

    def __init__(self, world: World, post: Post, contact: Contact) -> None:
        self.world, self.post = world, post
        self.patient: Caller = world.open_record(contact=contact)
        self.id = self.patient.patient or ""
        self.told()

    def ok(self, request: str, caller: Caller, body: object = None, **headers: str) -> Any:
        """An answer that must be good."""
        reply = self.world.call(request, caller, body, **headers)
        assert reply.status < 300, reply.body
        return reply

    def prefer(self, path: str, body: object) -> dict[str, Any]:
        """A POST under /preferences by the patient."""
        headers = {"Content-Type": "application/json"}
        event = event_of("POST", f"/preferences/{path}", {}, "", headers, json.dumps(body))
        event["requestContext"]["authorizer"] = context_of(self.patient)
        app = self.world.app("notifications", "NotificationsApi")
        answered = app.handler(event, Context("NotificationsApi"))
        assert answered["statusCode"] < 300, answered["body"]
        answer: dict[str, Any] = json.loads(answered["body"])
        return answer

    def told(self) -> list[tuple[str, str]]:
        """(address, text) of what was sent since the last look."""
        before = len(sms()), len(mails())
        stream = self.post.stream()
        self.post.announce([r for r in stream if r["dynamodb"]["Keys"]["pk"]["S"] == self.id])
        while self.post.waiting():
            self.post.deliver()
        new = [(to, text) for to, text in sms()[before[0] :]]
        return new + [(m.destinations["ToAddresses"][0], m.body) for m in mails()[before[1] :]]


def break_glass(home: Home) -> None:
    values = {
        "patient": {"valueReference": {"reference": f"Patient/{home.id}"}},
        "reason": {"valueCode": "UNCONSCIOUS"},
        "text": {"valueString": "Trouvée inconsciente"},
    }
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": name, **value} for name, value in values.items()],
    }
    doctor = home.world.doctor(BENNIS, purpose="BTG")
    home.ok("POST /fhir/Consent/$break-glass", doctor, body)


def by_registrar(home: Home) -> None:
    who = home.world.doctor(role="registrar", purpose="HOPERAT", scopes=("system/Patient.u",))
    body = {"phone": NEW, "reason": "lost", "document": "CIN AB12345"}
    home.ok(f"POST /contacts/{home.id}", who, body, Content_Type="application/json")


def by_patient(home: Home) -> None:
    before = len(sms())
    home.prefer("contact", {"phone": NEW})
    home.prefer("contact/confirmation", {"code": code_of(sms()[before][1])})


def export(home: Home) -> None:
    home.ok("GET /journal/export", home.patient)


def new_delegate(home: Home) -> None:
    home.ok("POST /fhir/RelatedPerson", home.patient, person(home.id, "BK1234567", "read"))


def access(home: Home) -> None:
    home.ok("POST /fhir/Consent", home.patient, consent(home.id))
    home.ok(f"GET /fhir/Patient/{home.id}", home.world.doctor())


CHOSEN = ("chosen",)
ACTS: dict[str, tuple[Callable[[Home], None], str, tuple[str, ...]]] = {
    "break-glass": (break_glass, "URGENT access to your record by Dr Youssef Bennis", CHOSEN),
    "contact by registrar": (by_registrar, "go to another address", (PHONE, NEW)),
    "contact by patient": (by_patient, "go to another address", (PHONE,)),
    "export": (export, "a copy of your journal was taken", CHOSEN),
    "new delegate": (new_delegate, "may act for you", CHOSEN),
    "access": (access, "", ()),
}


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.mark.parametrize("rhythm", ["none", "daily", "each"])
@pytest.mark.parametrize("channel", ["sms", "email"])
@pytest.mark.parametrize("name", sorted(ACTS))
def test_what_guards_the_record_is_told_at_once_whatever_was_chosen(
    system: Stack, name: str, channel: str, rhythm: str
) -> None:
    act, text, addresses = ACTS[name]
    contact = Contact(PHONE, MAIL, "en", cast("Channel", channel), cast("Rhythm", rhythm),
                      quiet=QUIET)  # fmt: skip
    with time_machine.travel(AT_NOON, tick=False) as travel:
        world = World(system)
        home = Home(world, Post(world, travel), contact)
        act(home)
        told = home.told()

    chosen = {"sms": PHONE, "email": MAIL}[channel]
    assert sorted(to for to, _ in told) == sorted(
        chosen if to == "chosen" else to for to in addresses
    )
    assert all(text in one for _, one in told)
