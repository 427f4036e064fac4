"""One sandbox for the whole session: fresh, on a port and in a folder of its own."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator

import pytest

from infra.local.emulator import LOCAL
from infra.local.sandbox import emulator
from infra.local.visitors import Sandbox
from tests.e2e.place import CODE_SECONDS, Place, command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the deployed template."""
    for item in items:
        if "/tests/e2e/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    """The sandbox, started by the command that people use; a second session waits for the first."""
    LOCAL.mkdir(parents=True, exist_ok=True)
    with (LOCAL / "session").open("w") as session:
        fcntl.flock(session, fcntl.LOCK_EX)
        port = _free_port()
        os.environ.update(DMP_PORT=str(port), DMP_CODE_SECONDS=str(CODE_SECONDS))
        command("stop")  # what an interrupted session left
        started = command("start", "--fresh")
        assert started.returncode == 0, started.stdout + started.stderr
        try:
            made = Place(json.loads((LOCAL / "sandbox.json").read_text("utf-8")), port)
            yield made
            made.http.close()
        finally:
            emulator().stop()
            for name in ("DMP_PORT", "DMP_CODE_SECONDS"):
                del os.environ[name]


@pytest.fixture(scope="module")
def sandbox(request: pytest.FixtureRequest, place: Place) -> Sandbox:
    """The sandbox as this module reaches it, from the module's ADDRESS."""
    return place.sandbox(request.module.ADDRESS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
