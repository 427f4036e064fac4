"""Fixtures shared by every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.stack import Stack
from tests.stack import stack as deployed


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The template's resources under moto, fresh for each test."""
    with deployed() as made:
        yield made
