"""Make the tables of dmp.fhir from the official FHIR R4 4.0.1 definitions.

    python -m infra.definitions.generate ../shared/data/fhir-r4-core shared/dmp/fhir

with `shared` on PYTHONPATH. Units come from `ucum` beside the first folder. The same definitions
give the same text (tests/fhir/test_generated.py compares); how it is packed depends on the
machine's zlib.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from infra.definitions.codes import code_systems_of
from infra.definitions.invariants import invariants_of
from infra.definitions.search_tables import modifiers_of, search_table
from infra.definitions.structures import Json, types_of, value_sets_of
from infra.definitions.units import unit_table

SOURCE = "hl7.fhir.r4.core 4.0.1, CC0-1.0"


def read(folder: Path, resource_type: str) -> list[Json]:
    """The definitions of one type, one a line."""
    with gzip.open(folder / f"{resource_type}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def tables(folder: Path) -> dict[str, bytes]:
    """Each file to write, by name, before it is packed."""
    definitions = read(folder, "StructureDefinition")
    types = types_of(definitions)
    systems = read(folder, "CodeSystem")
    value_sets = value_sets_of(types, read(folder, "ValueSet"), systems)
    search = search_table(types, value_sets, read(folder, "SearchParameter"))
    search["modifiers"] = modifiers_of(definitions)
    structures = {"types": types, "valueSets": value_sets}
    return {
        "r4.json.gz": text_of(structures),
        "r4-search.json.gz": text_of(search),
        "r4-invariants.json.gz": text_of({"invariants": invariants_of(types, definitions)}),
        "r4-codes.json.gz": text_of({"systems": code_systems_of(systems)}),
        "ucum.json.gz": text_of(unit_table(folder.parent / "ucum" / "ucum-essence.xml")),
    }


def text_of(table: Json) -> bytes:
    """Compact JSON, in the order that the tables are made in."""
    text = json.dumps({"source": SOURCE} | table, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8")


def main(arguments: list[str]) -> None:
    """Write every table into the folder given second."""
    source, target = map(Path, arguments)
    for name, content in tables(source).items():
        packed = gzip.compress(content, mtime=0)
        (target / name).write_bytes(packed)
        sys.stdout.write(f"{name}: {len(packed)} bytes\n")


if __name__ == "__main__":
    main(sys.argv[1:])
