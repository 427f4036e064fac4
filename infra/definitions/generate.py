"""Make the tables of dmp.fhir from the official FHIR R4 4.0.1 definitions.

    python infra/definitions/generate.py ../shared/data/fhir-r4-core shared/dmp/fhir

The same definitions give the same bytes (tests/fhir/test_generated.py compares).
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from structures import Json, types_of, value_sets_of  # noqa: E402

SOURCE = "hl7.fhir.r4.core 4.0.1, CC0-1.0"


def read(folder: Path, resource_type: str) -> list[Json]:
    """The definitions of one type, one a line."""
    with gzip.open(folder / f"{resource_type}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def structure_table(folder: Path) -> Json:
    """The table behind dmp.fhir.definitions."""
    types = types_of(read(folder, "StructureDefinition"))
    value_sets = value_sets_of(types, read(folder, "ValueSet"), read(folder, "CodeSystem"))
    return {"source": SOURCE, "types": types, "valueSets": value_sets}


def packed(table: Json) -> bytes:
    """Deterministic gzip: sorted by construction, no file name, no time."""
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8"), mtime=0)


def tables(folder: Path) -> dict[str, bytes]:
    """Each file to write, by name."""
    return {"r4.json.gz": packed(structure_table(folder))}


def main(arguments: list[str]) -> None:
    """Write every table into the folder given second."""
    source, target = map(Path, arguments)
    for name, content in tables(source).items():
        (target / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
