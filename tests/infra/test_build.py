"""Layers are built from the lock, for Lambda on any machine, and deployed in the right order."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra import build, deploy
from infra.template import ROOT

AARCH64 = 183  # e_machine of an ELF file


@pytest.mark.parametrize("layer", build.LAYERS)
def test_a_layer_for_lambda_needs_neither_docker_nor_its_python(layer: str) -> None:
    python = build.build(layer, build.lambda_platform()) / "python"

    compiled = list(python.rglob("*.so"))
    assert compiled or layer in ("dmp", "viewer")
    for library in compiled:
        head = library.read_bytes()[:20]
        assert int.from_bytes(head[18:20], "little") == AARCH64, library.name
        assert "x86_64" not in library.name


def test_the_dmp_layer_is_the_package_with_its_data() -> None:
    built = build.build("dmp", build.here()) / "python"
    there = {p.relative_to(built) for p in built.rglob("*") if p.suffix != ".pyc" and p.is_file()}
    source = ROOT / "shared"
    here = {
        p.relative_to(source)
        for p in (source / "dmp").rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }

    assert there == here


def test_a_layers_archive_is_the_same_for_the_same_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", "utf-8")
    first = build.archive(tmp_path)
    (tmp_path / "a").touch()

    assert build.archive(tmp_path) == first


class Aws:
    """The SAM command and the stack's address, as `deploy` sees them."""

    def __init__(self, addresses: list[str | None]) -> None:
        self.addresses = addresses
        self.commands: list[list[str]] = []

    def run(self, command: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        """Note the command."""
        self.commands.append(command[1:])
        return subprocess.CompletedProcess(command, 0)

    def address(self, _: str) -> str | None:
        """The address before, then after."""
        return self.addresses.pop(0)


def _deployed(monkeypatch: pytest.MonkeyPatch, *addresses: str | None) -> list[list[str]]:
    aws = Aws(list(addresses))
    monkeypatch.setattr(subprocess, "run", aws.run)
    monkeypatch.setattr(deploy, "_address", aws.address)
    assert deploy.deploy("MA-06", "prod") == addresses[-1]
    return aws.commands


def test_a_first_deployment_is_told_its_address_by_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built, first, second = _deployed(monkeypatch, None, "https://a.example/prod")

    assert built == ["build"]
    assert first[:3] == ["deploy", "--stack-name", "dmp-prod-ma-06"]
    assert not any(part.startswith("BaseUrl=") for part in first)
    assert second[-1] == "BaseUrl=https://a.example/prod"
    assert any(part.endswith("infra/regions/MA-06.yaml") for part in second)


def test_a_later_deployment_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _, only = _deployed(monkeypatch, "https://a.example/prod", "https://a.example/prod")

    assert only[-1] == "BaseUrl=https://a.example/prod"


def test_the_lock_has_every_name_that_is_installed_from_it() -> None:
    names: dict[str, Any] = {
        "runtime": build.requirements("runtime"),
        "crypto": build.requirements("crypto"),
        "pages": build.requirements("pages"),
        "passkeys": build.requirements("passkeys"),
        "viewer": build.requirements("viewer"),
        "emulator": ROOT / "infra" / "local" / "requirements.txt",
    }
    for path in names.values():
        blocks = build.pinned(path)
        assert blocks.count("--hash=sha256:") >= blocks.count("==") > 0
    assert "mpl" not in json.dumps(build.pinned(names["crypto"]))
