"""fhirclient, the SMART JS client (npm), does what its users do (clients/smart.mjs)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import node
from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.85"


@pytest.fixture(scope="module")
def seen(place: Place) -> dict[str, Any]:
    """What the client saw."""
    home, physician = place.home("en"), place.practitioner("physician")
    home.grant(physician)
    told = {
        "base": place.base,
        "token": place.app("clinic", ADDRESS).token(physician),
        "patient": home.id,
        "observation": observation(home.id, "8310-5", 37.5),
    }
    return node.run("smart.mjs", told)


def test_it_finds_the_way_to_the_authorization_server(place: Place, seen: dict[str, Any]) -> None:
    url = f"{place.base}/.well-known/smart-configuration"
    told = place.sandbox(ADDRESS).send("GET", url).json()

    assert seen["tokenUri"] == told["token_endpoint"]
    assert seen["status"] == 302
    query = seen["query"]
    if "authorization_endpoint" not in told:  # then, and only then, it asks for no leave
        assert (seen["way"], list(query)) == ("https://app.example.org/back", ["state"])
        return
    assert seen["way"] == told["authorization_endpoint"]
    assert (query["response_type"], query["aud"]) == ("code", place.base)
    assert (query["code_challenge_method"], len(query["code_challenge"])) == ("S256", 43)


def test_it_knows_the_version_and_the_patient(place: Place, seen: dict[str, Any]) -> None:
    assert (seen["version"], seen["release"]) == ("4.0.1", 4)
    assert seen["patientId"] == seen["patient"] == place.home("en").id


def test_it_creates_updates_and_patches(seen: dict[str, Any]) -> None:
    assert (seen["created"], seen["updated"], seen["patched"]) == ("1", "2", "corrected")
    assert seen["etag"] == 'W/"3"'


def test_it_follows_pages_and_resolves_references(place: Place, seen: dict[str, Any]) -> None:
    assert seen["pages"] > 2
    assert seen["found"]
    assert seen["resolved"] == place.home("en").id
    assert seen["graph"] == "Patient"


def test_it_tells_its_user_what_was_refused(seen: dict[str, Any]) -> None:
    assert seen["gone"]["status"] == 410
    assert "the resource was deleted" in seen["gone"]["text"]
    assert seen["out"]["status"] == 401
    assert "a valid bearer token is needed" in seen["out"]["text"]
