"""Fuzzes: `python -m tests.fuzz [--seconds N] [target …]`, each target in a process of its own.

A find (anything but the target's declared refusals, or an input that takes seconds) ends the run
and is written to tests/fuzz/finds/<target>/, from where `make test` replays it for good.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
from pathlib import Path

import atheris

from infra.template import ROOT
from tests.fuzz import mutations

FINDS = Path(__file__).parent / "finds"
CORPUS = ROOT / ".build" / "fuzz"
SLOW_S = 5
LENGTH_MAX = 16_384
AS_TEXT = ("search", "token")


def main() -> int:
    """The exit code of the first target that found something, or 0."""
    parser = argparse.ArgumentParser(prog="tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*")
    asked = parser.parse_args()
    if asked.inside:
        _fuzz(asked.targets[0], asked.seconds)
    known = sorted(p.stem for p in (Path(__file__).parent / "targets").glob("*.py"))
    for target in asked.targets or known:
        sys.stdout.write(f"{target}: {asked.seconds} s\n")
        sys.stdout.flush()
        again = [sys.executable, "-m", "tests.fuzz", "--inside", "--seconds", str(asked.seconds)]
        code = subprocess.run([*again, target], check=False).returncode  # noqa: S603
        if code:
            return code
    return 0


def _fuzz(name: str, seconds: int) -> None:
    """Never returns: libFuzzer ends the process."""
    with atheris.instrument_imports(include=["dmp"]):
        target = importlib.import_module(f"tests.fuzz.targets.{name}")
        seeds = importlib.import_module("tests.fuzz.seeds")

    def check(data: bytes) -> None:
        try:
            target.check(data)
        except target.REFUSALS:
            return

    begun, finds = CORPUS / name, FINDS / name
    for folder in (begun, finds):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds.SEEDS[name]()):
        (begun / f"seed-{number:04}").write_bytes(seed)
    options = (f"-max_total_time={seconds}", f"-timeout={SLOW_S}", f"-max_len={LENGTH_MAX}")
    prefix = f"-artifact_prefix={finds}/"
    shape = {} if name in AS_TEXT else {"custom_mutator": _by_value}
    atheris.Setup([name, *options, prefix, "-print_final_stats=1", str(begun), str(finds)], check,
                  **shape)  # fmt: skip
    atheris.Fuzz()


def _by_value(data: bytes, most: int, seed: int) -> bytes:
    return mutations.mutated(data, most, seed, atheris.Mutate)


if __name__ == "__main__":
    sys.exit(main())
