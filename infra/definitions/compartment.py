"""Writes the types of the Patient compartment, from the official CompartmentDefinition.

Usage: python -m infra.definitions.compartment ../shared/data/fhir-r4-core
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

TARGET = Path(__file__).parents[2] / "shared/dmp/fhir/compartment.json"


def compartment(source: Path) -> str:
    """JSON of type -> search parameters that tie it to a patient; types without any left out."""
    with gzip.open(source / "CompartmentDefinition.jsonl.gz", "rt") as lines:
        definitions = [json.loads(line) for line in lines]
    patient = next(d for d in definitions if d["code"] == "Patient")
    tied = {r["code"]: r["param"] for r in patient["resource"] if r.get("param")}
    return json.dumps(dict(sorted(tied.items())), indent=1) + "\n"


if __name__ == "__main__":
    TARGET.write_text(compartment(Path(sys.argv[1])))
