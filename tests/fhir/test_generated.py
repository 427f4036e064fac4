"""The generated tables, against what they are generated from."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dmp.fhir.definitions import resource_types, table, type_of, value_set
from infra.definitions.generate import tables
from tests.fhir.examples import folder

FHIR = Path(__file__).resolve().parents[2] / "shared" / "dmp" / "fhir"


@pytest.mark.slow
def test_the_committed_tables_are_what_the_official_definitions_give() -> None:
    for name, content in tables(folder("fhir-r4-core")).items():
        committed = gzip.decompress((FHIR / name).read_bytes())
        assert committed == content, f"run infra/definitions/generate.py: {name}"


def test_every_type_that_an_element_names_is_there() -> None:
    types = table("r4.json.gz")["types"]
    known = set(types) | {"Resource"}
    for name, raw in types.items():
        for key, element in raw["elements"].items():
            kind = element["t"]
            assert kind in known or kind[0].islower(), f"{name}.{key}: {kind}"


def test_the_r4_resource_types_are_all_there() -> None:
    assert len(resource_types()) == 146
    assert {"Patient", "Observation", "EffectEvidenceSynthesis", "Bundle"} <= resource_types()


def test_choices_are_spelled_out() -> None:
    observation = type_of("Observation")
    assert observation.choices == {"effective": 0, "value": 0}
    assert observation.elements["valueQuantity"].choice == "value"
    assert observation.elements["subject"].targets == ("Device", "Group", "Location", "Patient")
    assert observation.elements["id"].type == "id"


def test_required_value_sets_are_enumerated() -> None:
    status = value_set("http://hl7.org/fhir/ValueSet/observation-status")
    assert status is not None
    assert status.codes["http://hl7.org/fhir/observation-status"] >= {"final", "amended"}
    assert value_set("http://hl7.org/fhir/ValueSet/ucum-units") is None
