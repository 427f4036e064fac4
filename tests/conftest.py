"""Fixtures shared by every test, and the rule that no test is skipped unseen."""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from infra.template import load
from tests.stack import Stack
from tests.stack import stack as deployed
from tests.world import World

# Data that lies beside the project, not in it, may be absent; nothing else may be skipped.
MAY_BE_ABSENT = "not at hand"

# Powertools reads these when a module of the edge is first imported, whoever imports it.
_shared = load()["Globals"]["Function"]["Environment"]["Variables"]
for _name in ("POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME"):
    os.environ[_name] = _shared[_name]

# What spares a cold start its garbage collections would cost a run of all tests gigabytes.
gc.set_threshold(20_000, 10, 10)

# Tests have a sandbox of their own, beside the developer's.
os.environ.setdefault("DMP_LOCAL", ".local/tests")

settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("prove", parent=settings.get_profile("default"), max_examples=10_000)
settings.load_profile(os.environ.get("DMP_HYPOTHESIS", "default"))


@pytest.fixture
def stack() -> Iterator[Stack]:
    """The template's resources under moto, fresh for each test."""
    with deployed() as made:
        yield made


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """One deployment for a module, its people registered; each test opens records of its own."""
    with deployed() as made:
        yield World(made)


@pytest.fixture(scope="session")
def place() -> Iterator[Any]:
    """The one sandbox of all end-to-end tests, a `tests.e2e.place.Place`."""
    running: Any = importlib.import_module("tests.e2e.place").running  # reads DMP_LOCAL
    with running() as made:
        yield made


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Under DMP_NO_SKIPS a skipped test fails the run, unless its data is not at hand."""
    if not os.environ.get("DMP_NO_SKIPS") or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", []) if reporter else []
    wrong = [r.nodeid for r in skipped if MAY_BE_ABSENT not in str(r.longrepr)]
    if wrong and exitstatus == 0:
        reporter.write_line(f"skipped, but should run: {', '.join(wrong)}", red=True)
        session.exitstatus = 1
