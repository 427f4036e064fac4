"""CPU of importing each function from its bundle and layers, against boto3 with two clients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import build
from infra.build import ROOT
from tests.stack import AWS, Stack

LAYERS = {
    "CryptoLayer": "crypto", "PagesLayer": "pages", "PasskeysLayer": "passkeys",
    "ViewerLayer": "viewer",
}  # fmt: skip
RUNS = 7
# Times the import of boto3 with its clients: for a function that opens payloads, for any other.
OPENING, OTHER = 1.8, 1.3
# Several of the patient's doors at once, or webauthn: DECISIONS.md says why these cost more.
ALLOWED = {"Account": 2.05, "Passkeys": 1.9, "People": 2.15, "Security": 2.15}
NOISE = 1.03
Row = tuple[str, str, str, str, str, bool]


def imports(stack: Stack) -> Iterator[Row]:
    """A row for each function: the least of some runs, all functions taking turns."""
    layers = {name: build.build(name, build.here()) for name in build.LAYERS}
    clients = "import boto3; boto3.client('dynamodb'); boto3.client('kms')"
    asked: dict[str, tuple[str, list[Path], dict[str, str]]] = {
        "": (clients, [layers["runtime"]], {})
    }
    limits = {}
    for name, properties in sorted(_functions(stack).items()):
        refs = [layer["Ref"] for layer in properties.get("Layers", [])]
        limits[name] = ALLOWED.get(name, OPENING if "CryptoLayer" in refs else OTHER)
        shared = [layers["dmp"], layers["runtime"], *(layers[LAYERS[ref]] for ref in refs)]
        paths = [ROOT / properties["CodeUri"], *shared]
        asked[name] = "import app", paths, stack.environment(name)
    least = dict.fromkeys(asked, float("inf"))
    for _ in range(RUNS):
        for name, how in asked.items():
            least[name] = min(least[name], _cpu(*how))
    base = least.pop("")
    yield "boto3 with two clients", "", "", f"{1000 * base:.0f} ms", "the measure", False
    for name, cpu in least.items():
        ratio, limit = cpu / base, limits[name]
        yield (
            f"cold import {name}",
            "",
            "",
            f"{ratio:.2f} times",
            f"{limit:g}",
            ratio > NOISE * limit,
        )


def _functions(stack: Stack) -> dict[str, Any]:
    kind = "AWS::Serverless::Function"
    resources = stack.template["Resources"].items()
    return {name: r["Properties"] for name, r in resources if r["Type"] == kind}


def _cpu(code: str, paths: list[Path], env: dict[str, str]) -> float:
    """User and system seconds of an interpreter without packages of its own, its start taken off.

    With those of this environment (-S leaves them out) botocore would find pyOpenSSL and import it.
    """
    script = (
        f"import sys; sys.path[:0] = {[_python(p) for p in paths]!r}\n"
        f"import time; b = time.process_time(); {code}; print('CPU', time.process_time() - b)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-c", script],
        env={**os.environ, **AWS, **env}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return float(done.stdout.rsplit("CPU ", 1)[1])


def _python(path: Path) -> str:
    inside = path / "python"
    return str(inside if inside.exists() else path)
