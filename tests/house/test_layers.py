"""Who may import whom: functions → (edge | adapters) → use_cases → fhir → domain."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.house.sources import imports, name, python_files, tree

DMP = {
    "domain": {"domain"},
    "fhir": {"domain", "fhir"},
    "use_cases": {"domain", "fhir", "use_cases"},
    "adapters": {"domain", "fhir", "use_cases", "adapters"},
    "edge": {"domain", "fhir", "use_cases", "edge"},
    "settings.py": set(),
    "__init__.py": set(),
}
FUNCTION = {"domain", "fhir", "use_cases", "adapters", "edge", "settings"}
OUTSIDE = {
    "domain": set(),
    "fhir": {"jsonpatch", "nh3", "orjson"},
    "use_cases": set(),
    "adapters": {
        "aws_encryption_sdk",
        "babel",
        "boto3",
        "botocore",
        "cryptography",
        "joserfc",
        "orjson",
        "phonenumbers",
        "pynamodb",
        "rfc8785",
        "webauthn",
    },
    "edge": {"aws_lambda_powertools", "babel", "chalice", "jinja2", "markupsafe", "orjson"},
    "settings.py": set(),
    "__init__.py": set(),
}
# A pure module knows neither time nor chance nor the world.
IMPURE = {"time", "random", "secrets", "os", "sys", "socket", "subprocess", "logging", "uuid"}
CLOCKS = {"now", "utcnow", "today"}

SHARED = python_files("shared/dmp")


def _package(path: Path) -> str:
    return path.parts[path.parts.index("dmp", path.parts.index("shared")) + 1]


@pytest.mark.parametrize("path", SHARED, ids=name)
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    package, wrong = _package(path), []
    for module, line in imports(path):
        top, _, rest = module.partition(".")
        if top == "dmp":
            allowed = rest.partition(".")[0] in DMP[package] or rest == ""
        elif top in sys.stdlib_module_names:
            allowed = not (package in ("domain", "fhir") and top in IMPURE)
        else:
            allowed = top in OUTSIDE[package]
        if not allowed:
            wrong.append(f"line {line}: {module}")
    assert not wrong, f"{package} may not import: {wrong}"


@pytest.mark.parametrize("path", python_files("functions"), ids=name)
def test_a_function_assembles_and_answers(path: Path) -> None:
    assert path.name == "app.py", "a function's folder is one file"
    wrong = [
        f"line {line}: {module}"
        for module, line in imports(path)
        if not (
            (module.partition(".")[0] in sys.stdlib_module_names)
            or module == "orjson"
            or (module.startswith("dmp.") and module.split(".")[1] in FUNCTION)
        )
    ]
    assert not wrong


@pytest.mark.parametrize(
    "path", [p for p in SHARED if _package(p) in ("domain", "fhir", "use_cases")], ids=name
)
def test_the_core_reads_no_clock(path: Path) -> None:
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    read = [f for f in calls if isinstance(f, ast.Attribute) and f.attr in CLOCKS]
    wrong = [
        f"line {f.lineno}"
        for f in read
        if isinstance(f.value, ast.Name) and f.value.id in ("datetime", "date")
    ]
    assert not wrong, "time comes in as an argument or a port"


@pytest.mark.parametrize("path", [*SHARED, *python_files("functions")], ids=name)
def test_only_settings_reads_the_environment(path: Path) -> None:
    if path.name == "settings.py":
        return
    reads = [
        node.lineno
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]
    assert not reads
