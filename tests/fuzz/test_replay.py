"""Every seed and every find of the fuzz targets, without the fuzzer: only declared refusals."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.fuzz.seeds import SEEDS

HERE = Path(__file__).parent
FINDS = sorted(p for p in (HERE / "finds").glob("*/*") if p.is_file())


def passes(target: str, data: bytes) -> bool:
    """Whether the target took the input; a declared refusal is no. Anything else raises."""
    checked = importlib.import_module(f"tests.fuzz.targets.{target}")
    try:
        checked.check(data)
    except checked.REFUSALS:
        return False
    return True


def test_every_target_has_seeds() -> None:
    assert sorted(SEEDS) == sorted(p.stem for p in (HERE / "targets").glob("*.py"))


@pytest.mark.parametrize("target", sorted(SEEDS))
def test_seeds_reach_what_they_are_for(target: str) -> None:
    taken = [passes(target, seed) for seed in SEEDS[target]()]

    assert sum(taken) >= len(taken) // 4, f"{sum(taken)} of {len(taken)} taken"


@pytest.mark.parametrize("find", FINDS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_find_stays_mended(find: Path) -> None:
    assert passes(find.parent.name, find.read_bytes()) in (True, False)
