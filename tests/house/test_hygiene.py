"""The repository tells nothing about the machine it was written on, and its README is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.sources import ROOT, name, tracked

TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".sh", ".mk", ".cfg", ".po", ".js"}
# Written in two parts, so that this file does not contain what it forbids.
MACHINE = re.compile("/" + r"(work|root|home/\w+|Users/\w+|tmp/dmp)\b/")
HOSTS = re.compile(
    "|".join(
        re.escape(a + b)
        for a, b in [
            ("pypi", ".org"),
            ("files.python", "hosted.org"),
            ("registry.npm", "js.org"),
            ("npm", "js.com"),
        ]
    )
)
REQUIRED = ("README.md", "DECISIONS.md", "CHANGELOG.md", "SECURITY.md", "LICENSE", "Makefile")


def _texts() -> list[Path]:
    small = [p for p in tracked() if p.stat().st_size < 1_000_000]
    return [p for p in small if p.suffix in TEXT or p.name in ("Makefile", "LICENSE", "run")]


@pytest.mark.parametrize("path", _texts(), ids=name)
def test_a_file_names_no_machine_and_no_registry(path: Path) -> None:
    text = path.read_text("utf-8", errors="replace")

    assert not MACHINE.search(text)
    assert not HOSTS.search(text)


@pytest.mark.parametrize("wanted", REQUIRED)
def test_the_root_holds_what_people_look_for(wanted: str) -> None:
    assert (ROOT / wanted).is_file()


def _readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")


def test_every_make_target_that_readme_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))

    assert set(re.findall(r"`?make ([a-z]+)", _readme())) - {"sure"} <= targets


@pytest.mark.parametrize("page", ["README.md", "SECURITY.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    named = re.findall(
        r"`([\w.-]+/[\w./*<>{}-]*|[\w-]+\.(?:md|py|yaml|toml|json|lock))`",
        (ROOT / page).read_text("utf-8"),
    )
    assert named
    made = (".local/", ".build/", ".venv/", "../")
    files = {p.name for p in tracked()}  # a bare name is a file somewhere in the tree
    missing = [
        path
        for path in named
        if not path.startswith(made)
        and not re.search(r"[*<>{}]", path)
        and not (ROOT / path).exists()
        and path not in files
    ]
    assert not missing


def test_the_first_two_commands_of_readme_are_demo_and_test() -> None:
    assert re.findall(r"make ([a-z]+)", _readme())[:2] == ["demo", "test"]
