"""The scene of tests/scenes.py, with consents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.memory import memory_of, remembered
from tests.never_again.stage import Stage
from tests.scenarios import consented
from tests.scenes import guests, scene, seeded


@pytest.fixture(scope="module")
def made() -> Iterator[Stage]:
    with seeded(), remembered() as world:
        the = scene(world)
        everybody = {guest.name: guest for guest in guests(the)}
        consented(the)
        tables = memory_of(world).snapshot()
        yield Stage(the, everybody, tables, tables)


@pytest.fixture
def stage(made: Stage) -> Stage:
    """As it was made."""
    return made.begin()
