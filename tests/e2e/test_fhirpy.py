"""fhirpy, a public Python client, does what its users do."""

from __future__ import annotations

from typing import Any

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, OperationOutcome, ResourceNotFound
from fhirpy.lib import SyncFHIRResource

from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.81"


@pytest.fixture(scope="module")
def client(place: Place) -> SyncFHIRClient:
    physician = place.practitioner("physician")
    place.home("ar").grant(physician)
    app = place.app("clinic", ADDRESS)
    return SyncFHIRClient(place.base, authorization=f"Bearer {app.token(physician)}")


def saved(client: SyncFHIRClient, content: dict[str, Any]) -> SyncFHIRResource:
    members = {k: v for k, v in content.items() if k != "resourceType"}
    made = client.resource(content["resourceType"], **members)
    made.save()
    return made


def test_it_creates_reads_searches_updates_and_deletes(
    place: Place, client: SyncFHIRClient
) -> None:
    patient = place.home("ar").id
    made = saved(client, observation(patient, "8867-4", 72.5))
    assert made["meta"]["versionId"] == "1"

    read = client.reference("Observation", made["id"]).to_resource()
    assert read.serialize() == made.serialize()
    found = client.resources("Observation").search(patient=patient, code="8867-4").fetch_all()
    assert [r["id"] for r in found] == [made["id"]]
    assert client.resources("Observation").search(patient=patient, code="8867-4").count() == 1

    read["status"] = "amended"
    read.save()
    assert read["meta"]["versionId"] == "2"
    history = client.execute(f"Observation/{made['id']}/_history", method="get")
    assert [e["resource"]["meta"]["versionId"] for e in history["entry"]] == ["2", "1"]

    read.delete()
    with pytest.raises(ResourceNotFound, match="was deleted"):
        client.get("Observation", made["id"])


def test_a_transaction_goes_to_the_base_with_a_slash_as_well(
    place: Place, client: SyncFHIRClient
) -> None:
    patient = place.home("ar").id
    entry = {"resource": observation(patient), "request": {"method": "POST", "url": "Observation"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    for path in ("/", ""):
        answered = client.execute(path, method="post", data=bundle)
        assert answered["type"] == "transaction-response"
        assert answered["entry"][0]["response"]["status"].startswith("201")


def test_everything_is_paged_by_links(place: Place, client: SyncFHIRClient) -> None:
    patient = client.reference("Patient", place.home("ar").id)
    every = patient.execute("$everything", method="get")
    assert every["type"] == "searchset"
    assert place.home("ar").id in {e["resource"]["id"] for e in every["entry"]}
    first = client.resources("Observation").search(patient=place.home("ar").id).limit(1)
    assert len(first.fetch_all()) == first.count() > 1


def test_its_errors_are_outcomes_that_it_understands(place: Place, client: SyncFHIRClient) -> None:
    patient = place.home("ar").id
    with pytest.raises(ResourceNotFound):
        client.get("Observation", f"{patient}.0000000000000000.0000")
    with pytest.raises(ForbiddenError, match="OperationOutcome"):
        client.get("Patient", place.stranger.id)
    with pytest.raises(OperationOutcome) as invalid:
        saved(client, {**observation(patient), "status": "nearly"})
    assert invalid.value.resource["issue"][0]["expression"] == ["Observation.status"]


def test_a_bare_merge_patch_is_refused_in_clear_words(place: Place, client: SyncFHIRClient) -> None:
    made = saved(client, observation(place.home("ar").id))

    with pytest.raises(OperationOutcome) as refused:
        client.patch("Observation", made["id"], status="amended")
    issue = refused.value.resource["issue"][0]
    assert issue["code"] in ("not-supported", "structure", "value", "invalid")
    assert "PATCH" in issue["details"]["text"] or "patch" in issue["details"]["text"]
    assert client.get("Observation", made["id"])["status"] == "final"
