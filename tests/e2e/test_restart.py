"""The emulator is killed and started again: whoever was at work goes on where they were."""

from __future__ import annotations

import os
import signal
import time

import pytest

from infra.local.visitors import Sandbox
from tests.e2e.place import Home, Place, command
from tests.e2e.test_accesses_told import everything, told, told_within
from tests.world import observation

ADDRESS = "203.0.113.71"


@pytest.fixture(scope="module")
def written(place: Place, sandbox: Sandbox) -> tuple[str, str]:
    """A token and what was written with it, before the kill."""
    home, biologist = place.home("ar"), place.practitioner("biologist")
    home.grant(biologist)
    token = place.app("laboratory", ADDRESS).token(biologist)
    url = f"{place.base}/Observation"
    made = sandbox.send("POST", url, token, json=observation(home.id))
    assert made.status_code == 201, made.text
    _saved(place, made.json()["id"].split(".")[1])
    _killed(place)
    started = command("start")
    assert started.returncode == 0, started.stdout + started.stderr
    return token, made.json()["id"]


def _saved(place: Place, commit: str) -> None:
    """Wait for the emulator's next save, and for the quiet one after it."""
    state = place.emulator.folder / "state" / "dynamodb.json"
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if state.exists() and commit in state.read_text("utf-8"):
            return
        time.sleep(0.3)
    raise TimeoutError("the state was not saved")


def _killed(place: Place) -> None:
    pid = place.emulator.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while place.emulator.pid() is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert place.emulator.pid() is None


def test_record_token_and_consent_are_still_there(
    place: Place, sandbox: Sandbox, written: tuple[str, str]
) -> None:
    token, name = written
    read = sandbox.send("GET", f"{place.base}/Observation/{name}", token)
    assert (read.status_code, read.json()["id"]) == (200, name)
    again = sandbox.send("POST", f"{place.base}/Observation", token, json=read_as_new(read.json()))
    assert again.status_code == 201
    found = sandbox.send("GET", f"{place.base}/Observation?patient={place.home('ar').id}", token)
    assert {name, again.json()["id"]} <= {e["resource"]["id"] for e in found.json()["entry"]}


def read_as_new(resource: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in resource.items() if k not in ("id", "meta")}


def test_sessions_and_journal_are_still_there(place: Place, written: tuple[str, str]) -> None:
    home: Home = place.home("ar")
    assert any(written[1] in str(entry["entity"]) for entry in home.journal())


def test_notices_still_flow(place: Place, written: tuple[str, str]) -> None:
    assert written
    home, cardiologist = place.home("ar"), place.practitioner("cardiologist")
    name = cardiologist["name"].split()[-1]
    before = len(told(home, name))
    home.grant(cardiologist)

    assert everything(place.app("hospital", ADDRESS), home, cardiologist).status_code == 200
    assert len(told_within(home, name, before)) == 1


def test_a_second_start_leaves_what_runs(place: Place, written: tuple[str, str]) -> None:
    assert written
    pid = place.emulator.pid()

    started = command("start")
    assert started.returncode == 0, started.stdout + started.stderr
    assert place.emulator.pid() == pid
    elsewhere = command("start", DMP_PORT=str(place.port - 1))
    assert elsewhere.returncode == 1
    assert f"runs on port {place.port}" in elsewhere.stdout
    assert place.emulator.pid() == pid
