"""The public data beside the project, read for tests; its absence is a failure, not a skip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dmp.fhir.json_reader import read_object

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def folder(name: str) -> Path:
    """One folder of the data; fails with what to do when it is not there."""
    found = DATA / name
    if not found.is_dir():
        raise FileNotFoundError(f"{found} is missing: put the public data in ../shared/data")
    return found


def files(name: str) -> list[Path]:
    """The JSON files of a folder, in order."""
    return sorted(folder(name).glob("*.json"))


def resource(path: Path) -> dict[str, Any]:
    """A file read as the API reads a body."""
    return read_object(path.read_bytes())


def example(name: str) -> dict[str, Any]:
    """An official example by its file's name (`Observation-example`)."""
    return resource(folder("hl7-r4-examples") / f"{name}.json")


def validator_cases() -> list[dict[str, Any]]:
    """The cases of HL7's own validator, each with what it is expected to say."""
    cases: list[dict[str, Any]] = json.loads(
        (folder("validator-cases") / "cases.json").read_bytes()
    )
    return cases
