"""The sandbox's command: what it says when it cannot, and the file that it leaves."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from infra.local import deployment, emulator, sandbox
from infra.local.emulator import CannotRun

OUTPUTS = {"BaseUrl": "http://127.0.0.1:1/x/sandbox", "RegionCode": "MA-06"}
ADDRESSES = {
    "fhir_base", "token_url", "activation_url", "account_url", "journal_url", "messages_url",
    "region",
}  # fmt: skip


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A .local of the test's own, and nothing running."""
    monkeypatch.setattr(sandbox, "LOCAL", tmp_path)
    monkeypatch.setattr(sandbox, "FILE", tmp_path / "sandbox.json")
    monkeypatch.delenv("DMP_PORT", raising=False)
    return tmp_path


def _running(folder: Path, port: int) -> None:
    noted = {"pid": os.getpid(), "port": port}
    (folder / "emulator.pid").write_text(json.dumps(noted), "utf-8")


def test_it_is_found_where_it_runs(elsewhere: Path) -> None:
    assert sandbox.emulator().port == sandbox.DEFAULT_PORT
    _running(elsewhere, 15001)
    assert sandbox.emulator().port == 15001


def test_another_port_than_the_running_ones_is_refused(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _running(elsewhere, 15001)
    monkeypatch.setenv("DMP_PORT", "15002")

    with pytest.raises(CannotRun, match="runs on port 15001"):
        sandbox.emulator()


def test_a_process_that_is_gone_is_not_running(elsewhere: Path) -> None:
    (elsewhere / "emulator.pid").write_text('{"pid": 999999999, "port": 1}', "utf-8")

    assert emulator.living(elsewhere) is None
    assert sandbox.status() == 1


def _start(monkeypatch: pytest.MonkeyPatch, deploy: Any) -> None:
    monkeypatch.setattr(sandbox, "_emulate", lambda *_, **__: None)
    monkeypatch.setattr(sandbox, "_answers", lambda _: None)
    monkeypatch.setattr(sandbox.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(deployment.Deployment, "deploy", deploy)
    for name in emulator.Emulator(Path(), 1).environment():
        monkeypatch.setenv(name, "")  # put back afterwards


def test_the_file_is_written_whole_with_every_address(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _start(monkeypatch, lambda _: OUTPUTS)

    sandbox.start()

    written = json.loads((elsewhere / "sandbox.json").read_text("utf-8"))
    assert written.keys() >= ADDRESSES
    assert written["token_url"] == "http://127.0.0.1:1/x/sandbox/oauth2/token"
    assert [p.name for p in elsewhere.glob("sandbox*")] == ["sandbox.json"]


def test_a_stop_in_the_middle_says_how_to_go_on(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    _start(monkeypatch, interrupted)

    with pytest.raises(CannotRun, match="goes on from here"):
        sandbox.start()
    assert not (elsewhere / "sandbox.json").exists()


def test_an_emulator_that_was_stopped_meanwhile_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(_: object) -> None:
        raise ConnectionRefusedError

    _start(monkeypatch, refused)

    with pytest.raises(CannotRun, match="stopped meanwhile"):
        sandbox.start()


def test_region_and_code_time_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_REGION", "MA-11")
    monkeypatch.setenv("DMP_CODE_SECONDS", "5")

    assert sandbox.parameters()["RegionCode"] == "MA-11"
    assert sandbox.parameters()["CodeSeconds"] == "5"
