"""The security page on moto: PIN, passkeys, recovery codes, sessions, apps; each change is told."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest

from dmp.adapters.dynamodb.directory import Registry
from dmp.domain.directory import Client
from infra.template import ROOT
from tests import oauth, patients
from tests.authenticator import Authenticator
from tests.guests import CIN, Guest, at_home, known_by, still
from tests.post import Post
from tests.proving import PIN, Prover, directory
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.tabs import CALLBACK, VERIFIER, Page, Tab
from tests.world import AMRANI, CLINIC, World

PAGE = "/account/security"
FIREFOX = "Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0"


@dataclass
class Scene:
    """A patient, signed in by code at the security page."""

    stack: Stack
    world: World
    prover: Prover
    guest: Guest
    handlers: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The record's pseudonym."""
        return self.prover.patient.patient or ""

    def press(self, action: str, **values: str) -> Page:
        """A button of the page, with the form it leads to filled in."""
        self.prover.later(1)
        self.guest.open(PAGE)
        return self.send(action, **values)

    def send(self, action: str, **values: str) -> Page:
        """A form of the page that is shown."""
        self.prover.later(1)
        return self.guest.give(self.guest.named(action), **values)

    def another(self, agent: str = "") -> Guest:
        """Another browser of the patient's, signed in."""
        self.prover.later(61)
        guest = Guest(self.guest.handler, address="192.0.2.77", agent=agent)
        guest.open("/account/preferences")
        guest.sign_in()
        return guest

    def add(self, device: Authenticator, name: str = "Téléphone", **lies: Any) -> Page:
        """What the page's script does with a device."""
        page = self.press("passkey")
        given = re.search(r'data-creation="([^"]*)"', page.text)
        assert given is not None
        answer = device.create(json.loads(html.unescape(given[1])), **lies)
        return self.send("add-passkey", credential=json.dumps(answer), name=name)

    def owed(self) -> int:
        """How many notices were owed since the record was opened."""
        return len(Post(self.world, None).notices(self.id))

    def rules(self) -> list[str]:
        """What the journal tells, oldest first."""
        reply = self.world.call(f"GET /fhir/AuditEvent?patient={self.id}&_sort=date&_count=100",
                                self.prover.patient)  # fmt: skip
        return [e["resource"]["extension"][0]["valueCode"] for e in reply.json["entry"]]


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def scene(system: Stack) -> Iterator[Scene]:
    patients.empty(system)
    with still() as clock, mock.patch("dmp.edge.account_sign_in.lasting", nullcontext):
        world = World(system)
        prover = Prover(world, clock)
        known_by(system, world, prover.patient, CIN)
        handlers = {n: world.app(n, n.title()).handler for n in ("account", "security")}

        def answer(event: Any, context: Any) -> Any:
            name = "security" if event["resource"] == PAGE else "account"
            return handlers[name](event, context)

        guest = Guest(answer)
        guest.open(PAGE)
        guest.sign_in()
        yield Scene(system, world, prover, guest)


def held(text: str) -> list[str]:
    """The items of the page's lists, their markup taken out."""
    found = re.findall(r"<li>\n<p><b>.*?</li>", text, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", one).split()) for one in found]


def test_who_is_not_signed_in_comes_back_here_after_it(scene: Scene) -> None:
    event = json.loads((ROOT / "events" / "security" / "shown.json").read_text("utf-8"))
    answered = scene.guest.handler(event, Context("Security"))
    assert answered["headers"]["Location"] == "/test/account/sign-in?to=security"
    assert scene.guest.address_shown == PAGE


def test_a_first_pin_is_set_and_then_asked_for_before_another(scene: Scene) -> None:
    assert "No PIN is set." in scene.guest.page.text
    owed = scene.owed()
    scene.press("pin")
    page = scene.send("set-pin", new_pin=PIN, new_pin_again=PIN)
    assert "A PIN is set." in page.text
    assert (scene.rules()[-1], scene.owed()) == ("pin-changed", owed + 1)

    scene.prover.later()
    asked = scene.press("pin")
    assert "Prove that it is you" in asked.text
    form = scene.send("prove-pin", pin=PIN)
    assert "A new PIN" in form.text
    assert "Your PIN is set" in scene.send("set-pin", new_pin="593826", new_pin_again="593826").text
    scene.prover.later()
    assert scene.prover.call("POST /oauth2/pin", {"pin": "593826"}).status == 200


@pytest.mark.parametrize(
    ("new", "again", "told"),
    [
        ("860413", "860414", "The two are not the same."),
        ("12", "12", "This PIN is not taken"),
        ("123456", "123456", "This PIN is not taken"),
        ("", "", "This PIN is not taken"),
        ("é" * 400, "é" * 400, "This PIN is not taken"),
    ],
)
def test_a_pin_that_is_guessed_or_mistyped_is_not_set(
    scene: Scene, new: str, again: str, told: str
) -> None:
    scene.press("pin")
    page = scene.send("set-pin", new_pin=new, new_pin_again=again)

    assert (page.status, told in page.text) == (422, True)
    assert len(new) < 6 or new not in page.text
    assert "No PIN is set." in scene.guest.open(PAGE).text


def test_a_pin_whose_proof_is_over_is_typed_again_and_stands_in_no_page(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    scene.press("pin")
    scene.send("prove-pin", pin=PIN)
    scene.prover.later()
    asked = scene.send("set-pin", new_pin="593826", new_pin_again="593826")

    assert "Prove that it is you" in asked.text
    assert "593826" not in asked.text
    assert "This PIN is not taken" in scene.send("prove-pin", pin=PIN).text


def test_removing_the_pin_asks_for_it_once_more(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    assert "Prove that it is you" in scene.press("remove-pin").text
    assert "The PIN is removed." in scene.send("prove-pin", pin=PIN).text
    assert "pin-changed" in scene.rules()[-2:]


def test_a_passkey_is_added_shown_and_removed(scene: Scene) -> None:
    device = Authenticator()
    page = scene.add(device, "Téléphone <de> Nadia")
    assert "The passkey is made." in page.text
    assert held(page.text)[0].startswith("Téléphone &lt;de&gt; Nadia Added on 22 November 2026")
    scene.prover.later(1)
    assert scene.prover.sign_in(device).status == 200
    assert scene.rules()[-2:] == ["passkey-added", "passkey"]

    scene.prover.later()
    asked = scene.press("remove-passkey")
    assert "Prove that it is you" in asked.text
    answer = scene.prover.sign_in(device).json["refresh_token"]
    done = scene.send("prove-passkey", proof=answer)
    assert "The passkey is removed." in done.text
    assert scene.prover.sign_in(device).status == 400
    assert "passkey-removed" in scene.rules()[-2:]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": ""}, "A name has 1 to 60 letters"),
        ({"name": "x" * 61}, "A name has 1 to 60 letters"),
        ({"credential": ""}, "is not accepted here"),
        ({"credential": "[1]"}, "is not accepted here"),
        ({"credential": '{"id": "x"}'}, "is not accepted here"),
        ({"ceremony": "x"}, "Too much time has passed."),
        ({"ceremony": ""}, "Too much time has passed."),
    ],
)
def test_a_passkey_that_is_none_is_said_and_not_kept(
    scene: Scene, changes: dict[str, str], told: str
) -> None:
    page = scene.press("passkey")
    given = re.search(r'data-creation="([^"]*)"', page.text)
    assert given is not None
    answer = json.dumps(Authenticator().create(json.loads(html.unescape(given[1]))))
    page = scene.send("add-passkey", **{"credential": answer, "name": "Clé", **changes})

    assert (page.status, told in page.text) == (422, True)
    assert "None so far." in scene.guest.open(PAGE).text


def test_there_are_ten_passkeys_at_most(scene: Scene) -> None:
    for number in range(10):
        assert "The passkey is made." in scene.add(Authenticator(), f"Clé {number}").text

    page = scene.press("passkey")
    assert (page.status, "as many passkeys as there may be" in page.text) == (422, True)


def test_recovery_codes_are_shown_once_and_each_proves_once(scene: Scene) -> None:
    token = dict(scene.guest.named("pin").fields)["token"]
    early = scene.guest.to(PAGE, {"token": token, "action": "codes"})
    assert (early.status, "Set one of them first" in early.text) == (422, True)
    scene.press("pin")
    scene.send("set-pin", new_pin=PIN, new_pin_again=PIN)
    owed = scene.owed()
    page = scene.press("codes")
    codes = re.findall(r'<code dir="ltr">([0-9A-Z-]{19})</code>', page.text)
    assert (scene.rules()[-1], scene.owed()) == ("recovery-renewed", owed + 1)
    assert len(set(codes)) == 10
    assert "Left: <bdi>10</bdi> of <bdi>10" in scene.guest.open(PAGE).text
    assert codes[0] not in scene.guest.page.text

    scene.prover.later()
    scene.press("codes")
    newer = scene.send("prove-code", recovery=codes[0])
    assert "Your ten recovery codes" in newer.text
    assert codes[1] not in newer.text
    scene.prover.later()
    scene.press("codes")
    assert scene.send("prove-code", recovery=codes[1]).status == 422


def test_every_place_is_shown_and_can_be_ended(scene: Scene) -> None:
    other = scene.another(FIREFOX)
    third = scene.another("curl/8")
    places = held(scene.guest.open(PAGE).text)
    assert [one.partition(" Since")[0] for one in places] == [
        "A browser", "Firefox · Android", "A browser Here",
    ]  # fmt: skip
    assert "Since 22 November 2026, 12:0" in places[0]

    forms = [dict(scene.guest.named("end-place").fields)["place"]]
    assert "Signed out there." in scene.send("end-place").text
    assert scene.rules()[-1] == "signed-out"
    assert third.open("/account/preferences").text.count('id="who"') == 1
    assert other.open("/account/preferences").text.count('id="who"') == 0
    token = dict(scene.guest.named("pin").fields)["token"]
    gone = scene.guest.to(PAGE, {"token": token, "action": "end-place", "place": forms[0]})
    assert gone.status == 404

    scene.another()
    assert "Signed out everywhere but here." in scene.press("end-others").text
    assert len(held(scene.guest.page.text)) == 1
    assert other.open("/account/preferences").text.count('id="who"') == 1


def test_a_program_that_signed_in_by_code_is_told_from_a_browser(scene: Scene) -> None:
    scene.prover.later(61)
    tokens = scene.world.app("tokens", "Tokens")
    asked = tokens.sign_in.start("urn:ma:cin", CIN, "192.0.2.3")
    code = patients.code_of(patients.texts()[-1])
    tokens.sign_in.exchange(asked.challenge, code)

    assert held(scene.guest.open(PAGE).text)[0].startswith("A program, by a code of yours Since")


def test_yesterdays_session_is_still_shown_and_an_ended_one_is_not(scene: Scene) -> None:
    rows = scene.stack.client("dynamodb")
    scene.prover.later(13 * 3600)  # past midnight UTC
    scene.guest.open(PAGE)
    scene.guest.sign_in()
    assert [one for one in held(scene.guest.page.text) if "Here" in one]
    scene.prover.later(1500)
    assert len(held(scene.guest.open(PAGE).text)) == 1
    listed = rows.scan(TableName=scene.stack.output("RegistryTable"))["Items"]
    days = [row["pk"]["S"][-10:] for row in listed if row["pk"]["S"].startswith("sessions#")]
    assert sorted(days) == ["2026-11-22", "2026-11-23"]


def test_an_app_is_shown_with_what_it_may_do_and_is_put_out(scene: Scene) -> None:
    directory(scene.world, AMRANI, "physician")
    Registry(scene.stack.output("RegistryTable")).put([Client(
        id="diary", name="Mon carnet", active=True, organizations=(CLINIC,), prefix="dry",
        jwks="", scopes="patient/*.cruds launch/patient openid fhirUser offline_access",
        redirect_uris=(CALLBACK,),
    )])  # fmt: skip
    tab = Tab(scene.world.app("authorization", "Authorization").handler, scene.guest.cookies)
    tab.ask()
    page = tab.fill("", button="allow")
    let_in(scene, page)

    [app] = [one for one in held(scene.guest.open(PAGE).text) if "carnet" in one]
    assert "It may read: Medicines, Results and measurements" in app
    assert "It may write: Medicines" in app
    assert "It goes on when you are away, until 20 February 2027" in app
    assert "The app is out." in scene.send("end-app").text
    assert held(scene.guest.page.text)[-1].startswith("A browser Here")
    assert scene.rules()[-1] == "app-ended"
    token = dict(scene.guest.named("pin").fields)["token"]
    gone = scene.guest.to(PAGE, {"token": token, "action": "end-app", "app": "x" * 43})
    assert gone.status == 404


def let_in(scene: Scene, page: Page) -> None:
    """The app takes its code to the token endpoint."""
    code = parse_qs(urlsplit(page.location).query)["code"][0]
    form = {
        "grant_type": "authorization_code", "client_id": "diary", "code": code,
        "redirect_uri": CALLBACK, "code_verifier": VERIFIER,
    }  # fmt: skip
    tokens = scene.world.app("tokens", "Tokens").handler
    assert oauth.answered(tokens, oauth.event("tokens/refresh", **form))[0] == 200


def test_nothing_is_done_for_a_form_that_is_not_ours_or_asks_for_nothing(scene: Scene) -> None:
    token = dict(scene.guest.named("pin").fields)["token"]
    assert scene.guest.to(PAGE, {"token": token, "action": "erase"}).status == 400
    forged = {"token": "0" * 86, "action": "end-others"}
    assert "nothing was done" in scene.guest.to(PAGE, forged).text
    away = {"Sec-Fetch-Site": "cross-site"}
    assert scene.guest.to(PAGE, {"token": token, "action": "pin"}, **away).status == 403


def test_another_patients_places_keys_and_apps_are_not_to_be_had(scene: Scene) -> None:
    theirs = scene.add(Authenticator()).text
    key = re.search(r'name="passkey" value="([0-9a-f]{32})"', theirs)
    assert key is not None
    scene.another()
    scene.guest.open(PAGE)
    place = dict(scene.guest.named("end-place").fields)["place"]
    at_home(scene.stack, scene.world, "AB999111")
    scene.prover.later(61)
    stranger = Guest(scene.guest.handler, address="192.0.2.99")
    stranger.open(PAGE)
    stranger.sign_in("AB999111")
    token = dict(stranger.named("pin").fields)["token"]

    for action, name, value in (
        ("remove-passkey", "passkey", key[1]),
        ("end-place", "place", place),
    ):
        sent = stranger.to(PAGE, {"token": token, "action": action, name: value})
        assert sent.status == 404
    assert "Téléphone" in scene.guest.open(PAGE).text
