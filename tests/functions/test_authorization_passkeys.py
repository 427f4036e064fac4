"""Passkeys, PIN and recovery codes at the pages: who is signed in, and what asks for more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest
import time_machine

from dmp.adapters.dynamodb.client import bind
from dmp.adapters.dynamodb.directory import Registry
from dmp.adapters.dynamodb.tables import IdentifierItem
from dmp.adapters.macs import Macs
from dmp.domain.authorization import Launch
from dmp.domain.directory import Client
from dmp.use_cases.authorization import hashed
from tests import oauth, patients
from tests.authenticator import Authenticator
from tests.proving import PIN, Prover, directory
from tests.stack import Context, Stack
from tests.stack import stack as deployed
from tests.tabs import CALLBACK, Page, Tab
from tests.world import AMRANI, CLINIC, World

NOW = 1_795_345_200
SCOPES = "patient/*.cruds user/*.cruds launch launch/patient openid fhirUser offline_access"
READS = "patient/Observation.rs launch/patient"
EHR = "launch patient/Observation.rs user/Condition.rs openid fhirUser"


@pytest.fixture(scope="module")
def system() -> Iterator[Stack]:
    with deployed() as made:
        yield made


class Desk:
    """A browser at the pages, a patient who proves themselves, devices, an app."""

    def __init__(self, stack: Stack, travel: time_machine.Traveller) -> None:
        patients.empty(stack)
        world = World(stack)
        self.prover = Prover(world, travel)
        self.app = world.app("authorization", "Authorization")
        self.tab = Tab(self.app.handler)
        self.patient = self.prover.patient.patient or ""
        macs = Macs(stack.client("kms"), stack.output("IdentifierKeyArn"))
        bind(IdentifierItem, stack.output("RegistryTable"))
        name = macs.identifier(*patients.CIN)
        IdentifierItem(f"identifier#{name}", patient=self.patient).save()
        directory(world, AMRANI, "physician")
        Registry(stack.output("RegistryTable")).put([Client(
            id="diary", name="Mon carnet", active=True, organizations=(CLINIC,), prefix="dry",
            jwks="", scopes=SCOPES, redirect_uris=(CALLBACK,),
        )])  # fmt: skip

    def sign_in(self, **changes: str) -> Page:
        """With the code of an SMS, to the consent."""
        self.tab.ask(**changes)
        self.tab.fill("identify", who=patients.CIN[1])
        return self.tab.fill("enter", code=patients.code_of(patients.texts()[-1]))

    def passkey(self, device: Authenticator, action: str = "passkey") -> Page:
        """What the page's script does with a device."""
        answer = self.prover.sign_in(device).json
        return self.tab.fill(action, proof=answer.get("session") or answer["refresh_token"])

    def practitioner(self, inpe: str = AMRANI) -> Authenticator:
        """Somebody enrolled at the clinic."""
        device = Authenticator()
        assert self.prover.join(self.prover.enrolled(inpe), device).status == 201
        return device

    def launch(self, practitioner: str = AMRANI) -> str:
        """What an EHR made for that practitioner."""
        made = "L" * 43
        launch = Launch(self.patient, practitioner, CLINIC, f"{self.patient}.enc")
        self.app.pages.authorization.rows.keep_launch(hashed(made), launch, NOW + 300)
        return made


@pytest.fixture
def desk(system: Stack) -> Iterator[Desk]:
    with time_machine.travel(NOW, tick=False) as travel:
        made = Desk(system, travel)
        with mock.patch.object(made.app, "pages", replace(made.app.pages, answer_ms=0)):
            yield made


def came_back(page: Page) -> bool:
    return page.status == 303 and page.location.startswith(f"{CALLBACK}?code=")


def test_a_passkey_signs_a_patient_in_and_lets_an_app_write(desk: Desk) -> None:
    device = Authenticator()
    desk.prover.add(device)
    desk.tab.ask()
    before = dict(desk.tab.cookies)
    page = desk.passkey(device)

    assert "May this app use your record?" in page.text
    assert desk.tab.cookies != before
    assert patients.texts() == []
    assert came_back(desk.tab.fill("", button="allow"))


def test_what_the_script_was_given_is_good_once(desk: Desk) -> None:
    device = Authenticator()
    desk.prover.add(device)
    proof = desk.prover.sign_in(device).json["refresh_token"]
    desk.tab.ask()
    desk.tab.fill("passkey", proof=proof)
    thief = Tab(desk.app.handler)
    thief.ask()

    page = thief.fill("passkey", proof=proof)

    assert page.status == 422
    assert "This passkey is not accepted here" in page.text
    form = {"grant_type": "refresh_token", "refresh_token": proof}
    tokens = desk.prover.world.app("tokens", "Tokens").handler
    assert oauth.answered(tokens, oauth.event("tokens/refresh", **form))[0] == 400


@pytest.mark.parametrize(
    "proof",
    ["", "x", f"{'a' * 43}.{'b' * 43}", f"{'a' * 43}.{'b' * 86}", "a" * 500,
     json.dumps({"session": "s"})],
)  # fmt: skip
def test_what_no_sign_in_gave_signs_nobody_in(desk: Desk, proof: str) -> None:
    desk.tab.ask()
    page = desk.tab.fill("passkey", proof=proof[:190])

    assert page.status == 422
    assert "Sign in" in page.text


def test_writing_and_going_on_alone_ask_for_the_pin_once_there_is_one(desk: Desk) -> None:
    desk.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    desk.sign_in()
    asked = desk.tab.fill("", button="allow")
    assert "Prove that it is you" in asked.text
    assert asked.status == 200

    wrong = desk.tab.fill("prove-pin", pin="908172")
    assert wrong.status == 422
    assert "Tries left: <bdi>4" in wrong.text
    assert "6 to 12 digits" in desk.tab.fill("prove-pin", pin="12").text

    assert came_back(desk.tab.fill("prove-pin", pin=PIN))


def test_the_boxes_left_ticked_are_those_given_after_the_proof(desk: Desk) -> None:
    desk.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    desk.sign_in()
    fields = [f for f in desk.tab.page.form("").fields if f[1] not in ("choice-0", "offline")]
    desk.tab.post([*fields, ("action", "allow")])

    server = type(desk.app.pages.authorization)
    with mock.patch.object(server, "approve", return_value=f"{CALLBACK}?code=x") as approve:
        desk.tab.fill("prove-pin", pin=PIN)

    scopes = approve.call_args.args[2]
    assert "patient/MedicationRequest.cud" in scopes
    assert not {"patient/MedicationRequest.rs", "offline_access"} & set(scopes)


def test_reading_alone_asks_for_no_more_than_the_code(desk: Desk) -> None:
    desk.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    desk.sign_in(scope=READS)
    assert came_back(desk.tab.fill("", button="allow"))


def test_a_pin_wrong_five_times_is_asked_no_more_and_a_recovery_code_still_is(desk: Desk) -> None:
    desk.prover.ok("PUT /oauth2/pin", {"pin": PIN})
    codes = desk.prover.ok("POST /oauth2/recovery-codes", {})["recovery_codes"]
    desk.sign_in()
    desk.tab.fill("", button="allow")
    for _ in range(5):
        page = desk.tab.fill("prove-pin", pin="908172")
    assert "Tries left: <bdi>0" in page.text
    locked = desk.tab.fill("prove-pin", pin=PIN)
    assert "wrong five times" in locked.text
    assert "0000-0000-0000-0000" not in codes

    refused = desk.tab.fill("prove-code", recovery="0000-0000-0000-0000")
    assert (refused.status, "can still be used" in refused.text) == (422, True)
    assert came_back(desk.tab.fill("prove-code", recovery=codes[3].lower()))


def test_a_passkey_is_proof_for_its_own_patient_alone(desk: Desk) -> None:
    device, theirs = Authenticator(), desk.practitioner()
    desk.prover.add(device)
    desk.sign_in()
    desk.tab.fill("", button="allow")

    other = desk.passkey(theirs, "prove-passkey")
    assert (other.status, "not accepted here" in other.text) == (422, True)
    assert came_back(desk.passkey(device, "prove-passkey"))


def test_a_sign_in_of_long_ago_is_no_proof(desk: Desk) -> None:
    device = Authenticator()
    desk.prover.add(device)
    desk.sign_in()
    desk.tab.fill("", button="allow")
    weak = desk.prover.sign_in(device).json["refresh_token"]
    desk.prover.later()

    assert desk.tab.fill("prove-passkey", proof=weak).status == 422


def test_a_practitioner_approves_the_app_that_their_ehr_opened(desk: Desk) -> None:
    device = desk.practitioner()
    page = desk.tab.ask(scope=EHR, launch=desk.launch())
    assert "For practitioners" in page.text
    page = desk.passkey(device)

    assert "May this app work for you?" in page.text
    assert "Dr Salma Amrani" in page.text
    assert "Observation" not in page.text
    assert came_back(desk.tab.fill("", button="allow"))


def test_another_practitioner_than_the_one_who_opened_the_app_is_told_so(desk: Desk) -> None:
    device = desk.practitioner()
    desk.tab.ask(scope=EHR, launch=desk.launch("200000099"))
    page = desk.passkey(device)

    assert "Another practitioner opened this app" in page.text
    assert 'value="allow"' not in page.text


def test_an_app_of_another_organisation_is_not_approved(desk: Desk) -> None:
    device = desk.practitioner()
    Registry(desk.app.table).put([Client(
        id="diary", name="Mon carnet", active=True, organizations=("100000099",), prefix="dry",
        jwks="", scopes=SCOPES, redirect_uris=(CALLBACK,),
    )])  # fmt: skip
    desk.tab.ask(scope="user/Condition.rs")
    page = desk.passkey(device)

    assert "is not registered for" in page.text
    assert 'value="allow"' not in page.text


def test_without_an_ehr_the_practitioner_names_the_patient(desk: Desk) -> None:
    device = desk.practitioner()
    desk.tab.ask(scope="user/Condition.rs patient/Observation.rs launch/patient")
    desk.passkey(device)
    page = desk.tab.fill("", button="allow", patient="nobody")
    assert (page.status, "not the number of a record" in page.text) == (422, True)

    assert came_back(desk.tab.fill("", button="allow", patient=desk.patient))


def test_a_role_that_ended_is_signed_in_no_more(desk: Desk) -> None:
    device = desk.practitioner()
    desk.tab.ask(scope=EHR, launch=desk.launch())
    desk.passkey(device)
    directory(desk.prover.world, AMRANI, "physician", active=False)

    page = desk.tab.fill("", button="allow")

    assert "Sign in with a passkey" in page.text


def test_the_page_for_a_new_passkey_asks_nobody_anything(desk: Desk) -> None:
    event = oauth.event("authorization/enrolment")
    answered = desk.app.handler(event, Context("Authorization"))

    assert answered["statusCode"] == 200
    assert 'data-enrolment="/test/oauth2/enrolments"' in answered["body"]
    assert "connect-src 'self'" in answered["headers"]["Content-Security-Policy"]
