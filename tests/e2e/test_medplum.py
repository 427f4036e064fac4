"""@medplum/core, the npm client of Medplum's apps, does what its users do (clients/medplum.mjs)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import node
from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.84"


@pytest.fixture(scope="module")
def seen(place: Place) -> dict[str, Any]:
    """What the client saw."""
    home, physician = place.home("en"), place.practitioner("physician")
    home.grant(physician)
    app = place.app("clinic", ADDRESS)
    told = {
        "base": place.base,
        "tokenUrl": place.described["token_url"],
        "assertion": app.assertion(physician, "TREAT"),
        "token": app.token(physician),
        "patient": home.id,
        "other": place.stranger.id,
        "observation": observation(home.id, "8310-5", 37.5),
    }
    return node.run("medplum.mjs", told)


def test_it_signs_in_by_assertion_and_not_by_secret(place: Place, seen: dict[str, Any]) -> None:
    assert seen["signedIn"]
    assert seen["secret"]["text"] == "Failed to fetch tokens"
    # what its user finds in the network log
    form = {"grant_type": "client_credentials", "client_id": "clinic", "client_secret": "x"}
    refused = place.sandbox(ADDRESS).send("POST", place.described["token_url"], data=form)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert "client_assertion_type" in refused.json()["error_description"]


def test_it_creates_reads_updates_and_patches(seen: dict[str, Any]) -> None:
    assert (seen["created"], seen["read"], seen["reference"]) == ("1", 37.5, True)
    assert (seen["updated"], seen["patched"]) == ("2", "corrected")
    assert (seen["version"], seen["history"]) == ("final", 3)


def test_it_searches_and_follows_pages(seen: dict[str, Any]) -> None:
    assert seen["bundle"] == "searchset"
    assert seen["found"]
    assert seen["one"]
    assert seen["paged"] > 2


def test_it_creates_once_and_upserts(seen: dict[str, Any]) -> None:
    assert seen["once"]
    assert seen["upserted"] == "amended"


def test_it_sends_bundles_and_gathers_reads_in_one(seen: dict[str, Any]) -> None:
    assert seen["batch"] == seen["transaction"] == ["201", "201"]
    assert seen["batched"] == ["Observation", "Patient"]
    (by,) = seen["batchedBy"]
    assert by.rstrip("/") == "POST /fhir"


def test_it_asks_for_everything_and_validates(seen: dict[str, Any]) -> None:
    assert seen["everything"]
    assert seen["validated"]


def test_what_is_refused_is_told_as_an_outcome(seen: dict[str, Any]) -> None:
    assert seen["stranger"]["code"] == "forbidden"
    assert seen["deleted"]["code"] == "deleted"
    assert (seen["invalid"]["code"], "Observation.status" in seen["invalid"]["text"]) == (
        "code-invalid",
        True,
    )
