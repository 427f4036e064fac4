"""On the patient's own pages: sign-in by passkey, and more than a code before certain acts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest

from dmp.domain.authorization import SignedIn
from dmp.domain.caller import Caller
from dmp.domain.refusals import Unauthenticated
from dmp.edge.account_desk import Desk
from dmp.use_cases.browsers import Held
from dmp.use_cases.step_up import StepUp
from tests import patients
from tests.authenticator import Authenticator
from tests.guests import CIN, Guest, known_by, still
from tests.proving import PIN, Prover
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.tabs import Page
from tests.world import AMRANI, World

PAGE = "/account/preferences"
NEW, MASKED = "0661 23 45 67", "+2126••••••67"
WRONG = "908172"


@dataclass
class Scene:
    """A patient who can prove themselves, and a browser that nobody is signed in with."""

    world: World
    prover: Prover
    guest: Guest
    app: Any

    @property
    def patient(self) -> Caller:
        """Who it is."""
        return self.prover.patient

    def passkey(self, device: Authenticator, form: str = "passkey") -> Page:
        """What the page's script does with a device."""
        answer = self.prover.sign_in(device).json
        proof = answer.get("session") or answer["refresh_token"]
        return self.guest.give(self.guest.named(form), proof=proof)

    def ask(self, address: str = NEW) -> Page:
        """Where messages go is to change."""
        self.guest.open(PAGE)
        return self.guest.give(self.guest.named("address"), address=address)

    def signed_in(self) -> None:
        """By code."""
        self.guest.open(PAGE)
        self.guest.sign_in()

    def rules(self) -> list[str]:
        """What the journal tells of proofs, oldest first."""
        reply = self.world.call(f"GET /fhir/AuditEvent?patient={self.patient.patient}&_sort=date",
                                self.patient)  # fmt: skip
        rules = [e["resource"]["extension"][0]["valueCode"] for e in reply.json["entry"]]
        return [rule for rule in rules if rule in ("proved", "recovery-used", "pin-locked")]


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
        app = world.app("account", "Account")
        yield Scene(world, prover, Guest(app.handler), app)


def test_a_passkey_signs_a_patient_in_and_on_to_where_they_meant(scene: Scene) -> None:
    device = Authenticator()
    scene.prover.add(device)
    scene.guest.open(PAGE)
    before = dict(scene.guest.cookies)
    page = scene.passkey(device)

    assert scene.guest.address_shown == PAGE
    assert "How you are told" in page.text
    assert scene.guest.cookies != before
    assert patients.texts() == []


def test_a_language_that_was_asked_for_is_kept_on_the_way_to_the_sign_in(scene: Scene) -> None:
    page = scene.guest.open("/account?lang=ar")

    assert scene.guest.address_shown == "/account/sign-in?to=journal"
    assert 'lang="ar" dir="rtl"' in page.text


@pytest.mark.parametrize("proof", ["", "x", f"{'a' * 43}.{'b' * 86}", "a" * 500])
def test_what_no_sign_in_gave_signs_nobody_in(scene: Scene, proof: str) -> None:
    scene.guest.open(PAGE)
    page = scene.guest.give(scene.guest.named("passkey"), proof=proof)

    assert page.status == 422
    assert "This passkey is not accepted here" in page.text
    assert scene.guest.open(PAGE).text.count('id="who"') == 1


def test_a_practitioners_passkey_opens_no_patients_pages(scene: Scene) -> None:
    device = Authenticator()
    assert scene.prover.join(scene.prover.enrolled(AMRANI), device).status == 201
    scene.guest.open(PAGE)
    answer = scene.prover.sign_in(device).json
    page = scene.guest.give(scene.guest.named("passkey"), proof=answer["session"])

    assert (page.status, "not accepted here" in page.text) == (422, True)
    ended = scene.prover.call("GET /oauth2/session", bearer=answer["session"])
    assert ended.status == 401


def test_the_pin_is_asked_for_and_the_same_act_goes_on(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    scene.signed_in()
    asked = scene.ask()
    assert (asked.status, "Prove that it is you" in asked.text) == (200, True)
    assert len(patients.texts()) == 1  # the code of the sign-in, and none to the new number

    wrong = scene.guest.give(scene.guest.named("prove-pin"), pin=WRONG)
    assert (wrong.status, "Tries left: <bdi>4" in wrong.text) == (422, True)
    short = scene.guest.give(scene.guest.named("prove-pin"), pin="12")
    assert (short.status, "6 to 12 digits" in short.text) == (422, True)
    assert WRONG not in wrong.text + short.text

    page = scene.guest.give(scene.guest.named("prove-pin"), pin=PIN)
    assert "A code is on its way" in page.text
    code = patients.code_of(patients.texts()[-1])
    done = scene.guest.give(scene.guest.named("code"), code=code)
    assert MASKED in done.text
    assert scene.rules() == ["proved"]


def test_a_proof_of_long_ago_is_asked_for_again_at_the_next_step(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    scene.signed_in()
    scene.ask()
    scene.guest.give(scene.guest.named("prove-pin"), pin=PIN)
    code = patients.code_of(patients.texts()[-1])
    scene.prover.later(299)
    fields = dict(scene.guest.named("code").fields)
    scene.prover.later(2)
    asked = scene.guest.to(PAGE, {**fields, "code": code})
    assert "Prove that it is you" in asked.text


def test_a_passkey_proves_and_so_does_a_recovery_code_once(scene: Scene) -> None:
    device, other = Authenticator(), Authenticator()
    scene.prover.add(device)
    codes = scene.prover.ok("POST /oauth2/recovery-codes", {})["recovery_codes"]
    assert scene.prover.join(scene.prover.enrolled(AMRANI), other).status == 201
    scene.signed_in()
    scene.ask()
    theirs = scene.passkey(other, "prove-passkey")
    assert (theirs.status, "not accepted here" in theirs.text) == (422, True)
    assert "A code is on its way" in scene.passkey(device, "prove-passkey").text

    scene.prover.later()
    scene.ask("0661 23 45 68")
    wrong = scene.guest.give(scene.guest.named("prove-code"), recovery="0000-0000-0000-0000")
    assert (wrong.status, "can still be used" in wrong.text) == (422, True)
    page = scene.guest.give(scene.guest.named("prove-code"), recovery=codes[0])
    assert "A code is on its way" in page.text
    scene.prover.later()
    scene.ask("0661 23 45 69")
    again = scene.guest.give(scene.guest.named("prove-code"), recovery=codes[0])
    assert again.status == 422


def test_a_pin_that_is_locked_says_until_when_and_does_nothing(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    scene.signed_in()
    scene.ask()
    fields = dict(scene.guest.named("prove-pin").fields)
    pages = [scene.guest.to(PAGE, {**fields, "pin": WRONG}) for _ in range(5)]
    locked = scene.guest.to(PAGE, {**fields, "pin": PIN})

    assert "Tries left: <bdi>0" in pages[-1].text
    assert (locked.status, "wrong five times" in locked.text) == (422, True)
    assert "proved" not in scene.rules()


def test_who_has_nothing_to_prove_with_is_asked_for_nothing(scene: Scene) -> None:
    scene.signed_in()
    assert "A code is on its way" in scene.ask().text


def test_a_proof_that_the_form_does_not_know_is_refused(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    scene.signed_in()
    scene.ask()
    fields = dict(scene.guest.named("prove-pin").fields)

    assert scene.guest.to(PAGE, {**fields, "prove": "by-word"}).status == 400
    forged = {**fields, "prove": "prove-pin", "pin": PIN, "token": "0" * 86}
    assert "nothing was done" in scene.guest.to(PAGE, forged).text
    assert "proved" not in scene.rules()


def test_a_session_that_ends_while_it_is_proved_leads_back_to_the_sign_in(scene: Scene) -> None:
    scene.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    scene.signed_in()
    scene.ask()
    ended = mock.patch.object(StepUp, "by_pin", side_effect=Unauthenticated("ended"))
    with ended, mock.patch.object(Desk, "patient", _once_more()):
        page = scene.guest.give(scene.guest.named("prove-pin"), pin=PIN)

    assert scene.guest.address_shown.startswith("/account/sign-in")
    assert page.text.count('id="who"') == 1


def _once_more() -> Callable[[Desk, Held | None], SignedIn | None]:
    """Signed in for this request, and for none after it."""
    whole, left = Desk.patient, [1]

    def patient(desk: Desk, held: Held | None) -> SignedIn | None:
        left[0] -= 1
        return whole(desk, held) if left[0] >= 0 else None

    return patient
