"""npm's clients as scripts: installed once from their lock, each told what it needs as JSON."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.build import ROOT

CLIENTS = Path(__file__).parent / "clients"


def run(script: str, told: dict[str, Any]) -> dict[str, Any]:
    """What a script of tests/e2e/clients saw of the deployed stack."""
    folder = _installed()
    shutil.copyfile(CLIENTS / script, folder / script)
    done = subprocess.run(  # noqa: S603
        ["node", script],  # noqa: S607
        cwd=folder,
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _installed() -> Path:
    """The pinned clients, installed once for each content of the lock."""
    if shutil.which("npm") is None:
        pytest.skip("Node.js is not at hand")
    lock = CLIENTS / "package-lock.json"
    key = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    folder = ROOT / ".local" / f"npm-{key}"
    if not (folder / "node_modules" / ".package-lock.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(CLIENTS / name, folder / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder
