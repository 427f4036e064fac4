"""Labels proposed by code: the table, what it finds, and that labels are only ever added."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import pytest

from dmp.domain.labels import SENSITIVE
from dmp.domain.record import Version
from dmp.fhir import json_reader
from dmp.fhir.labelling import labelled
from dmp.fhir.sensitivity import proposed, rows_of

ICD, ATC, LOINC, SNOMED = (
    "http://hl7.org/fhir/sid/icd-10", "http://www.whocc.no/atc", "http://loinc.org",
    "http://snomed.info/sct",
)  # fmt: skip
TABLE = files("dmp.fhir").joinpath("sensitivity.csv").read_text("utf-8")
HEAD = "system,code,match,label,source\n"


def condition(system: str, code: str) -> dict[str, Any]:
    return {"resourceType": "Condition", "code": {"coding": [{"system": system, "code": code}]}}


@pytest.mark.parametrize(
    ("system", "code", "labels"),
    [
        (ICD, "B20", {"HIV"}),
        (ICD, "B23.8", {"HIV"}),
        (ICD, "Z21", {"HIV"}),
        (ICD, "Z21.1", set()),
        (ICD, "F10.2", {"ETHUD"}),
        (ICD, "F17.2", set()),
        (ICD, "F32.9", {"PSY"}),
        (ICD, "F52.0", {"PSY", "SEX"}),
        (ICD, "Q90.9", {"GDIS"}),
        (ICD, "T74.1", {"SDV"}),
        (ICD, "X95", {"VIO"}),
        (ICD, "E11", set()),
        (ATC, "J05AR13", {"HIV"}),
        (ATC, "J05AE03", {"HIV"}),
        (ATC, "J05AE30", set()),
        (ATC, "N07BC02", {"OPIOIDUD"}),
        (ATC, "A10BA02", set()),
        (LOINC, "56888-1", {"HIV"}),
        (LOINC, "2339-0", set()),
        (SNOMED, "86406008", {"HIV"}),
        (SNOMED, "412734009", {"GDIS"}),
        ("urn:other", "B20", set()),
    ],
)
def test_a_code_proposes(system: str, code: str, labels: set[str]) -> None:
    assert proposed(condition(system, code)) == labels
    contained = {"resourceType": "List", "contained": [condition(system, code)]}
    assert proposed(contained) == labels


def test_what_stands_in_meta_proposes_nothing() -> None:
    assert not proposed({"resourceType": "List", "meta": {"tag": [{"system": ICD, "code": "B20"}]}})


def test_the_shipped_table_is_sound() -> None:
    rows = list(rows_of(TABLE))

    assert len(rows) == len(set(rows)) == len(TABLE.splitlines()) - 1
    assert {label for *_, label in rows} <= SENSITIVE
    assert {"HIV", "PSY", "SEX", "ETHUD", "SUD", "GDIS", "VIO", "SDV"} <= {r[3] for r in rows}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "system,code\n",
        HEAD + "urn:x,1,exact,HIV\n",
        HEAD + "urn:x,1,exact,HIV,source,more\n",
        HEAD + "urn:x,1,regex,HIV,source\n",
        HEAD + "urn:x,1,exact,hiv,source\n",
        HEAD + "urn:x,,prefix,HIV,source\n",
        HEAD + ",1,exact,HIV,source\n",
        HEAD + "urn:x,1,exact,HIV,\n",
    ],
)
def test_a_row_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"columns|line"):
        list(rows_of(text))


R = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
HIV = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}
OURS = {"system": "urn:clinic", "code": "vip", "display": "VIP"}


@pytest.mark.parametrize(
    ("sent", "kept", "before", "security", "labels"),
    [
        ({}, (), None, None, ()),
        ({"meta": {"security": [R]}}, (), None, [R], ("R",)),
        (condition(ICD, "B20"), (), None, [HIV], ("HIV",)),
        ({**condition(ICD, "B20"), "meta": {"security": [R]}}, (), None, [R, HIV], ("HIV", "R")),
        ({"meta": {"security": [HIV]}}, ("HIV", "R"), None, [HIV, R], ("HIV", "R")),
        ({}, ("vip",), {"meta": {"security": [OURS]}}, [OURS], ("vip",)),
        ({}, ("vip",), None, [{"code": "vip"}], ("vip",)),
    ],
)
def test_labels_are_only_ever_added(
    sent: dict[str, Any], kept: tuple[str, ...], before: Any, security: Any, labels: tuple[str, ...]
) -> None:
    body = json_reader.write(before) if before else b""
    made, codes = labelled(sent, Version("List", "a", 1, "", "", "", "", body, labels=kept))

    assert codes == labels
    assert made.get("meta", {}).get("security") == security
    assert {k: v for k, v in made.items() if k != "meta"} == {
        k: v for k, v in sent.items() if k != "meta"
    }
