"""Real bundles, whole: Synthea's patients sent as a partner app would, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.aws_calls import counted, forget
from tests.clinic import Clinic
from tests.fhir import examples
from tests.world import World

FILES = examples.files("synthea")  # absent, this fails: the data are part of the acceptance
BASE = "https://dmp.test/test/fhir/"
Bundle = dict[str, Any]


@pytest.fixture
def clinic(world: World) -> Iterator[Clinic]:
    made = Clinic(world)
    yield made
    forget(made.id)


def sent_for(path: Path, patient: str) -> Bundle:
    """The file without its Patient entry, its subject rewritten."""
    content: Bundle = json.loads(path.read_bytes())
    (own,) = [e for e in content["entry"] if e["resource"]["resourceType"] == "Patient"]
    text = path.read_text("utf-8").replace(own["fullUrl"], f"Patient/{patient}")
    content = json.loads(text)
    content["entry"] = [e for e in content["entry"] if e["resource"]["resourceType"] != "Patient"]
    return content


def conditional(value: object) -> Iterator[str]:
    """Every conditional reference."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "reference" and isinstance(inner, str) and "?" in inner:
                yield inner
            else:
                yield from conditional(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from conditional(inner)


def direct(world: World, content: Bundle) -> set[str]:
    """The directory learns everyone that the file refers to."""
    texts = set(conditional(content))
    for i, text in enumerate(sorted(texts)):
        kind, _, query = text.partition("?")
        identifier = parse_qsl(query)[0][1]
        world.put_row(f"directory#{kind}#{identifier}", reference={"S": f"{kind}/known-{i}"})
    return texts


def everything(clinic: Clinic, count: int) -> list[dict[str, Any]]:
    """$everything, page by page."""
    request, found = f"GET /fhir/Patient/{clinic.id}/$everything?_count={count}", []
    while request:
        page = clinic.world.call(request, clinic.doctor)
        assert page.status == 200, page.body[:500]
        found += [entry["resource"] for entry in page.json.get("entry", [])]
        links = {link["relation"]: link["url"] for link in page.json["link"]}
        request = f"GET /fhir/{links['next'].removeprefix(BASE)}" if "next" in links else ""
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem[:20])
def test_a_real_bundle_is_kept_whole_and_read_back(clinic: Clinic, path: Path) -> None:
    content = sent_for(path, clinic.id)
    texts = direct(clinic.world, content)
    before = len(clinic.rows("K#"))

    with counted() as calls:
        reply = clinic.world.call("POST /fhir", clinic.doctor, content)

    assert reply.status == 200, reply.body[:1000]
    assert calls.count("TransactWriteItems") == 1
    statuses = {entry["response"]["status"] for entry in reply.json["entry"]}
    assert statuses == {"201 Created"}
    assert len([r for r in clinic.rows("K#") if "n" in r]) == before + 1

    found = everything(clinic, 200)
    names = [f"{r['resourceType']}/{r['id']}" for r in found]
    created = [e["response"]["location"].partition("/_history")[0] for e in reply.json["entry"]]
    assert len(names) == len(set(names))
    assert set(names) == {*created, f"Patient/{clinic.id}"}
    told = json.dumps(found)
    assert "urn:uuid:" not in "".join(references(found))
    assert not any(json.dumps(text)[1:-1] in told for text in texts)


def references(value: object) -> Iterator[str]:
    """Every literal reference."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "reference" and isinstance(inner, str):
                yield inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_without_the_directory_a_real_bundle_is_refused_whole(clinic: Clinic) -> None:
    path = next(p for p in FILES if "?identifier=" in p.read_text("utf-8"))
    text = json.dumps(sent_for(path, clinic.id)).replace("?identifier=", "?identifier=urn:other:")
    before = clinic.rows("K#")

    reply = clinic.world.call("POST /fhir", clinic.doctor, text)

    assert reply.status == 422
    assert 1 <= len(reply.json["issue"]) <= 20
    assert clinic.rows("K#") == before
