"""The Postman collection: of the format v2.1, every route in it, each address well formed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from dmp.fhir import capability
from dmp.fhir.openapi_parameters import types
from dmp.fhir.postman import SCHEMA, collection
from dmp.fhir.routes import BEHIND_TOKEN, PUBLIC

BASE = "https://dmp.test/test"
MADE = collection(BASE)
NAMES = {variable["key"] for variable in MADE["variable"]}
FOLDERS = {folder["name"]: folder for folder in MADE["item"]}


def requests(held: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every request in items and their folders."""
    for item in held:
        if "item" in item:
            assert set(item) == {"name", "item"}
            yield from requests(item["item"])
        else:
            yield item


EVERY = list(requests(MADE["item"]))


def test_it_is_a_collection_of_the_format() -> None:
    """What the v2.1 schema requires of the parts that are used."""
    assert MADE["info"]["schema"] == SCHEMA
    assert {"name", "schema"} <= set(MADE["info"])
    assert MADE["auth"]["bearer"] == [{"key": "token", "value": "{{token}}", "type": "string"}]
    assert json.loads(json.dumps(MADE)) == MADE
    for item in EVERY:
        request = item["request"]
        assert set(item) <= {"name", "request", "response", "event"}
        assert set(request) <= {"method", "header", "url", "auth", "body"}
        assert request["method"] in ("GET", "POST", "PUT", "PATCH", "DELETE")
        assert all(set(h) == {"key", "value"} for h in request["header"])
        assert request.get("body", {"mode": "raw"})["mode"] in ("raw", "urlencoded")
        for event in item.get("event", []):
            assert event["listen"] == "test"
            assert isinstance(event["script"]["exec"], list)


@pytest.mark.parametrize("part", ["raw", "path"])
def test_addresses_are_whole_and_their_variables_known(part: str) -> None:
    for item in EVERY:
        url = item["request"]["url"]
        text = url["raw"] if part == "raw" else "{{base}}/" + "/".join(url["path"])
        assert text.startswith("{{base}}/")
        assert url["raw"].startswith(text)
        assert not re.search(r"(?<!{){\w", text), text
        assert set(re.findall(r"{{(\w+)}}", text)) <= NAMES


def test_every_route_is_in_it_and_none_twice() -> None:
    flows = [f for f in MADE["item"] if f["name"] != "By resource type"]

    assert sum(1 for _ in requests(flows)) == len([*PUBLIC, *BEHIND_TOKEN])
    assert all(folder["item"] for folder in flows)


def test_each_type_has_a_folder_of_what_is_served_on_it() -> None:
    by_type = {folder["name"]: folder["item"] for folder in FOLDERS["By resource type"]["item"]}

    assert set(by_type) == types()
    methods = {name: {i["request"]["method"] for i in held} for name, held in by_type.items()}
    assert methods["Observation"] == {"GET", "POST", "PUT", "DELETE"}
    assert methods["Patient"] == {"GET"}
    assert "create" not in capability.interactions_of("Patient")


def test_what_needs_no_token_says_so() -> None:
    open_to_all = [i for i in EVERY if i["request"].get("auth") == {"type": "noauth"}]

    assert len(open_to_all) == len(PUBLIC)
