"""Tests of the deployed system; its one sandbox is the fixture `place` of tests/conftest.py."""

from __future__ import annotations

import pytest

from infra.local.visitors import Sandbox
from tests.e2e.place import Place


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the deployed template."""
    for item in items:
        if "/tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest, place: Place) -> Sandbox:
    """The sandbox as this module reaches it, from the module's ADDRESS."""
    return place.sandbox(request.module.ADDRESS)
