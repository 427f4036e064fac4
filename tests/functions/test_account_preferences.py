"""How a patient is told, chosen on the page: rhythm, quiet hours, a new address by its code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any
from unittest import mock

import pytest

from tests import patients
from tests.guests import Guest, at_home, still
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import World

PAGE = "/account/preferences"
CHOICE = {"language": "fr", "channel": "sms", "rhythm": "each", "hour": "18", "quiet_from": "",
          "quiet_until": ""}  # fmt: skip


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Stack, Any]]:
    with deployed() as stack:
        yield stack, stack.app("account", "Account")


@pytest.fixture
def guest(made: tuple[Stack, Any]) -> Iterator[Guest]:
    stack, app = made
    patients.empty(stack)
    with still() as clock, mock.patch("dmp.edge.account_sign_in.lasting", nullcontext):
        world = World(stack)
        patient = at_home(stack, world)
        visitor = Guest(app.handler)
        visitor.open(PAGE)
        visitor.sign_in()
        visitor.world, visitor.clock = world, clock  # type: ignore[attr-defined]
        visitor.patient = patient.patient  # type: ignore[attr-defined]
        yield visitor


def send(guest: Guest, action: str, **values: str) -> Any:
    guest.open(PAGE)
    token = dict(guest.named("/account/sign-out").fields)["token"]
    return guest.to(PAGE, {"token": token, "action": action, **values})


def test_the_page_shows_what_is_in_force_and_no_whole_address(guest: Guest) -> None:
    text = guest.page.text
    assert guest.address_shown == PAGE
    assert 'id="language-fr" name="language" value="fr" checked' in text
    assert "+2126••••••78" in text
    assert "612345678" not in text
    assert "Always told at once, whatever you choose" in text


def test_a_choice_is_kept(guest: Guest) -> None:
    page = send(guest, "prefer", **{**CHOICE, "rhythm": "daily", "hour": "7",
                                    "quiet_from": "22:00", "quiet_until": "06:30"})  # fmt: skip

    assert "Your choice is kept." in page.text
    assert 'value="daily" checked' in page.text
    assert '<option value="7" selected>' in page.text
    assert 'name="quiet_until" value="06:30"' in page.text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"channel": "email"}, "No address is known for this."),
        ({"quiet_from": "22:00"}, "Give two different times, or none."),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "Give two different times, or none."),
        ({"rhythm": "weekly"}, "How often"),
        ({"rhythm": "daily", "hour": "9" * 5000}, "Once a day"),
        ({"language": "de"}, "Language of messages"),
    ],
)
def test_a_choice_that_cannot_be_kept_is_said(
    guest: Guest, changes: dict[str, str], told: str
) -> None:
    page = send(guest, "prefer", **{**CHOICE, **changes})

    assert page.status == 422
    assert told in page.text
    assert 'value="each" checked' in guest.open(PAGE).text


def test_a_new_number_proves_itself_by_its_code(guest: Guest) -> None:
    page = send(guest, "address", address="0661 23 45 67")
    assert "A code is on its way" in page.text
    code = patients.code_of(patients.texts()[-1])
    token = dict(guest.named("code").fields)["token"]
    wrong = guest.to(PAGE, {"token": token, "action": "code", "code": patients.wrong(code)})
    assert "Tries left: <bdi>2" in wrong.text
    right = guest.to(PAGE, {"token": token, "action": "code", "code": code})

    assert "Messages go to the new address" in right.text
    assert "+2126••••••67" in right.text


@pytest.mark.parametrize("typed", ["", "12", "nadia@", "+33612345678", "x" * 200])
def test_what_is_no_address_is_not_written_to(guest: Guest, typed: str) -> None:
    before = len(patients.texts())
    page = send(guest, "address", address=typed)

    assert page.status == 422
    assert "neither a Moroccan mobile number" in page.text
    assert len(patients.texts()) == before


def test_codes_cannot_be_asked_for_without_end(guest: Guest) -> None:
    send(guest, "address", address="0661234567")
    page = send(guest, "address", address="0661234568")

    assert page.status == 429
    assert "asked for too often" in page.text


def test_a_code_of_yesterday_is_over(guest: Guest) -> None:
    page = send(guest, "code", code="123456")
    assert page.status == 410
    assert "can no longer be used" in page.text


def test_what_the_form_never_asks_for_is_refused(guest: Guest) -> None:
    assert send(guest, "erase").status == 400
