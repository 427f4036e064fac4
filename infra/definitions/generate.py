"""Make the tables of dmp.fhir from the official FHIR R4 4.0.1 definitions.

    python -m infra.definitions.generate ../shared/data/fhir-r4-core shared/dmp/fhir

The same definitions give the same bytes (tests/fhir/test_generated.py compares).
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from infra.definitions.search_tables import search_table
from infra.definitions.structures import Json, types_of, value_sets_of

SOURCE = "hl7.fhir.r4.core 4.0.1, CC0-1.0"


def read(folder: Path, resource_type: str) -> list[Json]:
    """The definitions of one type, one a line."""
    with gzip.open(folder / f"{resource_type}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def tables(folder: Path) -> dict[str, bytes]:
    """Each file to write, by name."""
    types = types_of(read(folder, "StructureDefinition"))
    value_sets = value_sets_of(types, read(folder, "ValueSet"), read(folder, "CodeSystem"))
    search = search_table(types, value_sets, read(folder, "SearchParameter"))
    structures = {"types": types, "valueSets": value_sets}
    return {"r4.json.gz": packed(structures), "r4-search.json.gz": packed(search)}


def packed(table: Json) -> bytes:
    """Deterministic gzip: sorted by construction, no file name, no time."""
    text = json.dumps({"source": SOURCE} | table, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode("utf-8"), mtime=0)


def main(arguments: list[str]) -> None:
    """Write every table into the folder given second."""
    source, target = map(Path, arguments)
    for name, content in tables(source).items():
        (target / name).write_bytes(content)
        sys.stdout.write(f"{name}: {len(content)} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
