"""fhir-kit-client, the npm client of SMART apps, does what its users do (clients/kit.mjs)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e import node
from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.83"


@pytest.fixture(scope="module")
def seen(place: Place) -> dict[str, Any]:
    """What the client saw."""
    home, physician = place.home("en"), place.practitioner("physician")
    home.grant(physician)
    told = {
        "base": place.base,
        "token": place.app("clinic", ADDRESS).token(physician),
        "patient": home.id,
        "other": place.stranger.id,
        "observation": observation(home.id, "8310-5", 37.5),
    }
    return node.run("kit.mjs", told)


def test_it_finds_out_how_the_server_is_used(place: Place, seen: dict[str, Any]) -> None:
    assert seen["fhirVersion"] == "4.0.1"
    assert seen["tokenUrl"] == place.described["token_url"]


def test_it_creates_reads_and_updates(seen: dict[str, Any]) -> None:
    assert (seen["created"], seen["read"], seen["vread"]) == ("1", 37.5, "final")
    assert (seen["updated"], seen["history"]) == ("2", ["2", "1"])
    assert seen["unchanged"] == "amended", "a refused patch changes nothing"


def test_it_searches_both_ways_and_follows_pages(seen: dict[str, Any]) -> None:
    assert seen["found"]
    assert seen["posted"]
    assert seen["paged"]


def test_it_sends_transactions_and_batches_to_the_base_with_a_slash(seen: dict[str, Any]) -> None:
    assert seen["transaction"] == ["201"] * 3
    assert seen["batch"] == ["201"] * 3


def test_it_asks_for_everything_by_get_and_post(seen: dict[str, Any]) -> None:
    assert seen["everything"]
    assert seen["everythingPosted"] == "searchset"


def test_what_is_refused_is_told_as_an_outcome(seen: dict[str, Any]) -> None:
    assert (seen["stranger"]["status"], seen["stranger"]["type"]) == (403, "OperationOutcome")
    assert (seen["unknown"]["status"], seen["unknown"]["type"]) == (400, "OperationOutcome")
    assert seen["merge"]["status"] in (400, 405, 415, 422)
    assert "patch" in seen["merge"]["text"].lower()


def test_a_json_patch_changes_what_it_says(seen: dict[str, Any]) -> None:
    assert seen["patched"] == seen["status"] == "corrected"
