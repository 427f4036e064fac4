"""The patient's own pages on moto: sign-in, the journal by access, filters, and who is let in."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from dmp.domain.caller import Caller
from infra.template import ROOT
from tests import patients
from tests.guests import CIN, Guest, at_home, still
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.world import BENNIS, World, consent, observation


@dataclass
class Scene:
    """A patient with a record, a browser, and a clock."""

    stack: Stack
    world: World
    app: Any
    patient: Caller
    guest: Guest
    clock: Any

    @property
    def id(self) -> str:
        """The record's pseudonym."""
        return self.patient.patient or ""

    def called(self, request: str, caller: Caller, body: object = None) -> Any:
        """A request that another function answers, a second later."""
        self.clock.shift(1)
        return self.world.call(request, caller, body)


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, Any]]:
    with deployed() as stack:
        yield stack, stack.app("account", "Account")


@pytest.fixture
def scene(made: tuple[Stack, Any]) -> Iterator[Scene]:
    stack, app = made
    patients.empty(stack)
    with still() as clock, mock.patch("dmp.edge.account_sign_in.lasting", nullcontext):
        world = World(stack)
        yield Scene(stack, world, app, at_home(stack, world), Guest(app.handler), clock)


def test_who_comes_without_a_session_signs_in_and_goes_on_to_where_they_meant(
    scene: Scene,
) -> None:
    page = scene.guest.open("/account/journal?ref=ABCD1234")
    assert scene.guest.address_shown.startswith("/account/sign-in?to=journal")
    assert "see who used your record" in page.text.lower()
    assert "the app" not in page.text

    page = scene.guest.sign_in()

    assert scene.guest.address_shown == "/account/journal?ref=ABCD1234"
    assert page.status == 200


@pytest.mark.parametrize(
    "to",
    ["https://evil.example", "//evil.example", "../oauth2/authorize", "journal/../x", "a\r\nb",
     "journal?next=//evil.example"],
)  # fmt: skip
def test_no_address_but_a_page_of_ours_follows_the_sign_in(scene: Scene, to: str) -> None:
    scene.guest.open("/account/sign-in")
    form = scene.guest.named("identify")
    form.fields = [(n, to if n == "a" else v) for n, v in form.fields]
    scene.guest.to("/account/sign-in", [(n, CIN if n == "who" else v) for n, v in form.fields])
    code = patients.code_of(patients.texts()[-1])

    page = scene.guest.give(scene.guest.named("enter"), code=code)

    assert page.status == 200
    assert scene.guest.address_shown == "/account/journal"


def journal_of(scene: Scene) -> str:
    """A doctor reads with consent, writes, another one is refused; the page that shows it."""
    doctor, other = scene.world.doctor(), scene.world.doctor(BENNIS)
    scene.called("POST /fhir/Consent", scene.patient, consent(scene.id))
    written = scene.called("POST /fhir/Observation", doctor, observation(scene.id)).json["id"]
    scene.called(f"GET /fhir/Observation/{written}", doctor)
    scene.called(f"GET /fhir/Observation?patient={scene.id}&code=2339-0", doctor)
    scene.called(f"GET /fhir/Observation/{written}", other)
    scene.clock.shift(1)
    scene.guest.open("/account")
    return scene.guest.sign_in().text


def uses(text: str) -> list[str]:
    """Each access of a page, its markup taken out."""
    found = re.findall(r'<li class="use.*?</li>', text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]


def test_accesses_are_told_in_plain_words(scene: Scene) -> None:
    shown = uses(journal_of(scene))

    refused, doctor = shown[0], shown[1]
    assert "Dr Youssef Bennis" in refused
    assert "Refused: you gave no permission." in refused
    assert "Seen" not in refused
    assert doctor.startswith("Dr Salma Amrani Clinique Atlas")
    assert "Care" in doctor
    assert "Seen: Results and measurements" in doctor
    assert "Written: Results and measurements" in doctor
    assert "You gave permission." in doctor
    assert sum("Salma" in one for one in shown) == 1  # three requests, one access
    assert any(one.startswith("You ") for one in shown)


def test_no_clinical_content_leaves_with_the_journal(scene: Scene) -> None:
    text = journal_of(scene)
    assert "2339-0" not in text
    assert "72.5" not in text
    line = re.search(r'href="/test(/account/journal/[^"]+)"', text)
    assert line is not None
    assert "2339-0" not in scene.guest.open(line[1]).text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("only=refused", ["Dr Youssef Bennis"]),
        ("only=break-glass", []),
        ("who=AMRANI+clinique", ["Dr Salma Amrani"]),
        ("who=ibn+s%C3%AEna", ["Dr Youssef Bennis"]),
        ("to=2026-11-21", []),
        ("from=2030-01-01", []),
        ("from=2026-11-18&to=2026-11-30&only=refused", ["Dr Youssef Bennis"]),
    ],
)
def test_filters_need_no_script(scene: Scene, query: str, names: list[str]) -> None:
    journal_of(scene)
    page = scene.guest.open(f"/account/journal?{query}")

    assert page.status == 200
    assert [one for one in uses(page.text) if "Dr " in one] == [
        one for one in uses(page.text) if any(name in one for name in names)
    ]
    assert len(uses(page.text)) == len(names)
    if not names:
        assert "Nothing in your journal matches." in page.text


def test_a_look_at_the_journal_is_in_the_journal(scene: Scene) -> None:
    assert "Seen: Your journal" not in " ".join(uses(journal_of(scene)))
    scene.clock.shift(1)
    again = uses(scene.guest.open("/account/journal").text)

    assert [one[:4] for one in again if "Your journal" in one] == ["You "]


def test_the_reference_of_a_message_finds_its_access(scene: Scene) -> None:
    text = journal_of(scene)
    access = next(one for one in uses(text) if "Salma" in one)
    reference = access.rpartition("Ref. ")[2]

    page = scene.guest.open(f"/account/journal?ref={reference.lower()}")

    assert len(uses(page.text)) == 1
    assert "Salma" in uses(page.text)[0]


@pytest.mark.parametrize("query", ["ref=short", "from=yesterday", "to=2026-13-01", "only=else"])
def test_a_filter_that_cannot_be_read_is_said_and_shows_nothing(scene: Scene, query: str) -> None:
    journal_of(scene)
    page = scene.guest.open(f"/account/journal?{query}")

    assert page.status == 422
    assert "could not be read" in page.text
    assert uses(page.text) == []


def test_pages_of_fifty_show_every_access_once(scene: Scene) -> None:
    doctor = scene.world.doctor()
    for _ in range(60):
        scene.clock.shift(3601)
        scene.world.call(f"GET /fhir/Patient/{scene.id}", doctor)
    scene.guest.open("/account")
    first = scene.guest.sign_in()
    assert len(gzip.compress(first.text.encode())) < 40_000
    older = re.search(r'class="button" href="/test([^"]+)"', first.text)
    assert older is not None
    second = scene.guest.open(older[1].replace("&amp;", "&"))

    both = [*uses(first.text), *uses(second.text)]
    references = [one.rpartition("Ref. ")[2] for one in both]
    assert (len(uses(first.text)), len(set(references))) == (50, len(references))
    assert sum("Salma" in one for one in both) == 60
    assert "Older ones" not in second.text


def test_another_patients_cookie_shows_their_own_journal_alone(scene: Scene) -> None:
    text = journal_of(scene)
    line = re.search(r'href="/test(/account/journal/[^"/]+)"', text)
    assert line is not None
    at_home(scene.stack, scene.world, "AB999111")
    scene.clock.shift(120)
    stranger = Guest(scene.app.handler, address="192.0.2.99")
    stranger.open("/account")
    page = stranger.sign_in("AB999111")

    assert "Salma" not in page.text
    for address in (line[1], f"{line[1]}/entry", f"{line[1]}/proof"):
        assert stranger.open(address).status == 404
    disputed = stranger.to(line[1], {"token": token_of(stranger), "code": "other", "text": ""})
    assert disputed.status in (403, 404)


def token_of(guest: Guest) -> str:
    guest.open("/account/journal")
    return dict(guest.named("/account/sign-out").fields)["token"]


def test_a_session_ends_by_itself_and_by_its_button(scene: Scene) -> None:
    journal_of(scene)
    scene.guest.give(scene.guest.named("/account/sign-out"))
    assert "You are signed out." in scene.guest.page.text
    scene.guest.open("/account/journal")
    assert "Salma" not in scene.guest.page.text

    scene.clock.shift(120)
    scene.guest.sign_in()
    assert "Salma" in scene.guest.page.text
    scene.clock.shift(1801)
    assert "Salma" not in scene.guest.open("/account/journal").text


def test_a_form_of_another_site_or_page_does_nothing(scene: Scene) -> None:
    journal_of(scene)
    refused = scene.guest.to("/account/sign-out", {"token": token_of(scene.guest)},
                             **{"Sec-Fetch-Site": "cross-site"})  # fmt: skip
    assert refused.status == 403
    scene.guest.to("/account/sign-out", {"token": "0" * 86})
    assert "nothing was done" in scene.guest.page.text
    assert "Salma" in scene.guest.open("/account/journal").text


def test_pages_are_kept_by_nobody_and_framed_by_nobody(scene: Scene) -> None:
    journal_of(scene)
    page = scene.guest.page

    assert page.headers["Cache-Control"] == "no-store"
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "Access-Control-Allow-Origin" not in page.headers


def test_the_event_of_a_visitor_without_a_session_leads_to_the_sign_in(scene: Scene) -> None:
    event = json.loads((ROOT / "events" / "account" / "journal.json").read_text("utf-8"))
    answered = scene.app.handler(event, Context("Account"))

    assert answered["statusCode"] == 303
    assert answered["headers"]["Location"].endswith("/account/sign-in?to=journal%3Fonly%3Drefused")


def test_a_wrong_code_lets_nobody_in_and_three_end_it(scene: Scene) -> None:
    scene.guest.open("/account")
    scene.guest.give(scene.guest.named("identify"), who=CIN)
    code = patients.wrong(patients.code_of(patients.texts()[-1]))
    told = [scene.guest.give(scene.guest.named("enter"), code=code).text for _ in range(3)]

    assert "Tries left: <bdi>2" in told[0]
    assert "can no longer be used" in told[2]
    assert scene.guest.page.status == 422


def test_the_policy_is_a_page_in_four_languages_for_everybody(scene: Scene) -> None:
    for language, said in (
        ("ar", "في حالة الاستعجال"),
        ("fr", "En urgence"),
        ("zgh", "urn:dmp:policy:1"),
        ("en", "In an emergency"),
    ):
        page = scene.guest.open(f"/account/policy?lang={language}")
        assert page.status == 200
        assert "urn:dmp:policy:1" in page.text
        assert said in page.text
        assert "**" not in page.text
        assert f'lang="{language}"' in page.text
