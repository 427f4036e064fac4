"""An app that a patient lets in is told once, and again for what it may do besides; whole way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dmp.domain.marks import KNOWN_S
from tests.apps import Door, letting_in
from tests.patients import PATIENT, PHONE, signed_in
from tests.post import Post
from tests.register import sms
from tests.stack import Stack, stack
from tests.world import World

READ, MORE = "patient/Observation.rs", "patient/Observation.rs patient/Condition.rs"
NAME = "Clinic software"  # of every client of the tests


@pytest.fixture(scope="module")
def deployed() -> Iterator[tuple[Stack, Any, Any]]:
    with stack() as made:
        yield made, made.app("tokens", "Tokens"), made.app("apps", "Apps")


class Home:
    """A patient, the apps that they let in, and what they are told."""

    def __init__(self, made: Stack, door: Door) -> None:
        self.door = door
        self.post = Post(World(made), door.app.traveller)
        self.told()

    def let_in(self, scope: str) -> str:
        """What the patient is told when an app exchanges its code."""
        self.door.app.traveller.shift(1)
        self.door.tokens(scope=scope)
        told = self.told()
        assert all(to == PHONE for to, _ in told)
        return " ".join(text for _, text in told)

    def told(self) -> list[tuple[str, str]]:
        """The messages since the last look."""
        before = len(sms())
        self.post.announce(self.post.stream())
        while self.post.waiting():
            self.post.deliver()
        return sms()[before:]


@pytest.fixture
def home(deployed: tuple[Stack, Any, Any]) -> Iterator[Home]:
    with letting_in(*deployed) as door:
        made = Home(deployed[0], door)
        yield made


def test_the_first_token_of_an_app_is_told_by_its_name(home: Home) -> None:
    told = home.let_in(READ)

    assert told.startswith(f"DMP : l'application {NAME} a été admise dans votre dossier le ")
    assert PATIENT not in told


def test_what_was_told_is_not_told_again_and_what_is_new_is(home: Home) -> None:
    assert home.let_in(READ)
    assert not home.let_in(READ)
    assert home.let_in(MORE)
    assert not home.let_in(READ)
    assert home.let_in(f"{MORE} openid")


def test_a_year_later_it_is_told_again(home: Home) -> None:
    assert home.let_in(READ)
    home.door.app.traveller.shift(KNOWN_S)
    home.door.session = signed_in(home.door.app)
    home.told()
    assert home.let_in(READ)


def test_what_a_practitioner_lets_in_is_not_the_patients_to_be_told(home: Home) -> None:
    home.door.tokens(home.door.nurse, PATIENT, scope="launch/patient patient/*.rs")

    assert home.told() == []
