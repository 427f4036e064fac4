"""Chromium and letters for four languages: the machine's, else Debian's packages unpacked here.

Playwright's own download is not used: Debian's build is signed and patched with the system. What
is missing is fetched with apt-get, which needs no root to download, and unpacked under .build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from infra.build import ROOT

FOLDER = ROOT / ".build" / "chromium"
PACKAGES = ("chromium", "fonts-noto-core")
# No sandbox, as tests run as root in containers; no talk with anybody but the page.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
_LIBRARIES = ("usr/lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib/x86_64-linux-gnu")


class NotAtHand(Exception):
    """Chromium could not be had; the text says why."""


@dataclass(frozen=True)
class Chromium:
    """The program, and what its environment needs besides."""

    path: str
    environment: dict[str, str] = field(default_factory=dict)


def chromium() -> Chromium:
    """Chromium of this machine, or unpacked here; NotAtHand when there is none to be had."""
    if installed := shutil.which("chromium"):
        return Chromium(installed)
    unpacked = FOLDER / "usr" / "lib" / "chromium" / "chromium"
    if not unpacked.exists():
        _fetch()
    if not unpacked.exists():
        raise NotAtHand("Debian's package chromium holds no chromium")
    libraries = [FOLDER / place for place in _LIBRARIES]
    found = [str(p) for place in libraries for p in (place, place / "pulseaudio")]
    environment = {"LD_LIBRARY_PATH": ":".join(found), "XDG_DATA_HOME": str(FOLDER / "usr/share")}
    return Chromium(str(unpacked), environment)


def _fetch() -> None:
    """Download the packages that an installation would add, and unpack them."""
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise NotAtHand("there is no chromium, and no apt-get to fetch it with")
    archives = FOLDER / "archives"
    archives.mkdir(parents=True, exist_ok=True)
    _run(["apt-get", "download", "-qq", *_needed()], archives)
    for archive in sorted(archives.glob("*.deb")):
        _run(["dpkg", "-x", str(archive), str(FOLDER)], archives)
    shutil.rmtree(archives)


def _needed() -> list[str]:
    command = ["apt-get", "install", "--simulate", "-qq", "--no-install-recommends", *PACKAGES]
    names = re.findall(r"^Inst (\S+)", _run(command, ROOT), re.MULTILINE)
    if not names:
        raise NotAtHand("apt-get knows no package chromium: apt-get update, as root, lists them")
    return names


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(  # noqa: S603
        command, cwd=folder, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    return done.stdout
