"""What the house tests look at: every source file, parsed once."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE = ("shared", "functions", "infra")


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository, those not yet committed included."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        return tuple(p for line in listed.stdout.splitlines() if (p := ROOT / line).is_file())
    hidden = {".git", ".venv", ".local", ".build", ".aws-sam", "node_modules", "__pycache__"}
    return tuple(p for p in sorted(ROOT.rglob("*")) if p.is_file() and not hidden & set(p.parts))


def python_files(*folders: str) -> list[Path]:
    """Python files below the folders, in order."""
    below = [ROOT / folder for folder in folders]
    return [
        p
        for p in sorted(tracked())
        if p.suffix == ".py" and any(folder in p.parents for folder in below)
    ]


def name(path: Path) -> str:
    """The path as a person writes it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """The file, parsed."""
    return ast.parse(path.read_text("utf-8"))


def imports(path: Path) -> list[tuple[str, int]]:
    """(module, line) of every import, `from a import b` as `a.b` too where a is ours."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)}:{node.lineno}: relative import"
            module = node.module or ""
            plain = module == "dmp" or (module.count(".") == 1 and module.startswith("dmp."))
            found += [(f"{module}.{a.name}" if plain else module, node.lineno) for a in node.names]
    return found
