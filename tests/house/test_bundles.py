"""Each function imports from its bundle and its layers alone, in a bare interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from infra import build
from infra.template import ROOT, Resolver, load, of_type

TEMPLATE = load()
FUNCTIONS = of_type(TEMPLATE, "AWS::Serverless::Function")
LAYERS = {"DmpLayer": "dmp", "RuntimeLayer": "runtime", "CryptoLayer": "crypto",
          "PagesLayer": "pages", "ViewerLayer": "viewer", "PasskeysLayer": "passkeys"}  # fmt: skip
# What the encryption SDK brings with it; only functions that open payloads or contacts have it.
SEALING = ("aws_encryption_sdk", "wrapt")
BARE = """
import json, os, sys
asked = json.load(sys.stdin)
sys.path[:] = [*asked["path"], *(p for p in sys.path if "-packages" not in p)]
os.environ.clear()
os.environ.update(asked["environment"])
module, _, name = asked["handler"].partition(".")
assert callable(getattr(__import__(module), name))
print(json.dumps(sorted({m if m.startswith("dmp.") else m.partition(".")[0] for m in sys.modules})))
"""
# What a door that only reads has no use for, and would pay for at each cold start.
WRITING = {"jsonpatch", "dmp.edge.writes", "dmp.fhir.validator", "dmp.use_cases.record_writes"}
READERS = {"AccessQueries", "Account", "Journal"}


def layers_of(resource: dict[str, Any]) -> list[str]:
    """The layers of a function, those of Globals first."""
    own = resource["Properties"].get("Layers", [])
    given = [*TEMPLATE["Globals"]["Function"]["Layers"], *own]
    return [LAYERS[layer["Ref"]] for layer in given]


def environment_of(resource: dict[str, Any]) -> dict[str, str]:
    """The function's environment, with made-up names for what the template creates."""
    merged = dict(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    merged |= resource["Properties"].get("Environment", {}).get("Variables", {})
    resolver = Resolver(TEMPLATE, {}, lambda name, _: f"arn:aws:x:eu-west-1:1:{name}")
    values = {k: str(v) for k, v in resolver.value(merged).items()}
    return {**values, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_imports_from_its_bundle_and_layers_alone(name: str) -> None:
    resource = FUNCTIONS[name]
    properties = resource["Properties"]
    folders = [str(build.build(layer, build.here()) / "python") for layer in layers_of(resource)]
    asked = {
        "path": [str(ROOT / properties["CodeUri"]), *folders],
        "environment": environment_of(resource),
        "handler": properties.get("Handler", TEMPLATE["Globals"]["Function"]["Handler"]),
    }

    done = subprocess.run(  # noqa: S603
        [sys.executable, "-I", "-S", "-B", "-c", BARE],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-1500:]
    loaded = set(json.loads(done.stdout))
    assert "crypto" in layers_of(resource) or not loaded & set(SEALING)
    assert "passkeys" in layers_of(resource) or "webauthn" not in loaded
    assert name not in READERS or not loaded & WRITING


def test_every_function_of_the_template_has_its_folder() -> None:
    used = {r["Properties"]["CodeUri"].strip("/") for r in FUNCTIONS.values()}

    assert used == {f"functions/{p.parent.name}" for p in (ROOT / "functions").glob("*/app.py")}


@pytest.mark.parametrize("layer", ["runtime", "crypto", "passkeys", "pages", "viewer"])
def test_a_layer_names_what_the_lock_pins(layer: str) -> None:
    pinned = build.pinned(build.requirements(layer))

    assert pinned.count("==") == pinned.count("\n    # via") or "--hash=sha256:" in pinned
    assert all("==" in b for b in pinned.split("\n") if b and b[0].isalpha())


def test_layers_are_built_once() -> None:
    first = build.build("dmp", build.here())
    made = first.stat().st_mtime_ns

    assert build.build("dmp", build.here()).stat().st_mtime_ns == made


def test_chalice_is_its_runtime_alone() -> None:
    chalice = build.build("runtime", build.here()) / "python" / "chalice"

    assert {p.name for p in chalice.glob("*.py")} == {"__init__.py", "app.py"}
    assert not (
        build.build("crypto", build.here()) / "python" / "aws_cryptographic_material_providers"
    ).exists()
