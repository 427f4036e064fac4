"""fhirclient, SMART's public Python client, does what its users do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException, FHIRPermissionDeniedException
from requests import HTTPError

from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.82"


@pytest.fixture(scope="module")
def smart(place: Place) -> Iterator[FHIRClient]:
    """The client as a backend service: it finds the token endpoint and sends its assertion."""
    home, physician = place.home("zgh"), place.practitioner("physician")
    home.grant(physician)
    app = place.app("clinic", ADDRESS)
    settings = {
        "app_id": app.registered["client_id"],
        "api_base": place.base,
        "scope": app.registered["scopes"],
        "patient_id": home.id,
        "jwt_token": app.assertion(physician, "TREAT"),
    }
    made = FHIRClient(settings=settings)
    made.prepare()
    made.authorize()
    yield made
    made.server.session.close()


def test_it_authorizes_itself_from_the_capability_statement(smart: FHIRClient) -> None:
    assert smart.ready
    assert smart.patient.name[0].family == "Aït Baha"
    statement = smart.server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"
    served = {r.type: {i.code for i in r.interaction} for r in statement.rest[0].resource}
    assert {"create", "read", "update", "search-type"} <= served["Observation"]


def test_it_creates_reads_searches_and_updates(place: Place, smart: FHIRClient) -> None:
    patient = place.home("zgh").id
    answered = Observation(observation(patient, "29463-7", 61.2)).create(smart.server)

    read = Observation.read(answered["id"], smart.server)
    assert float(read.valueQuantity.value) == 61.2
    search = Observation.where({"patient": patient, "code": "29463-7"})
    assert [o.id for o in search.perform_resources_iter(smart.server)] == [read.id]

    read.status = "amended"
    assert read.update(smart.server)["meta"]["versionId"] == "2"
    history = Bundle.read_from(f"Observation/{read.id}/_history", smart.server)
    assert [e.resource.meta.versionId for e in history.entry] == ["2", "1"]
    old = Observation.read_from(f"Observation/{read.id}/_history/1", smart.server)
    assert old.status == "final"


def test_a_transaction_and_everything(place: Place, smart: FHIRClient) -> None:
    patient = place.home("zgh").id
    entry = {"resource": observation(patient), "request": {"method": "POST", "url": "Observation"}}
    bundle = Bundle({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    answered = smart.server.post_json("", bundle.as_json()).json()
    assert answered["entry"][0]["response"]["status"].startswith("201")

    every = Bundle.read_from(f"Patient/{patient}/$everything", smart.server)
    assert {"Patient", "Observation"} <= {e.resource.resource_type for e in every.entry}


def test_its_errors_carry_outcomes(place: Place, smart: FHIRClient) -> None:
    patient = place.home("zgh").id
    with pytest.raises(FHIRNotFoundException) as missing:
        Observation.read(f"{patient}.0000000000000000.0000", smart.server)
    assert missing.value.response.json()["resourceType"] == "OperationOutcome"
    with pytest.raises(FHIRPermissionDeniedException):
        Patient.read(place.stranger.id, smart.server)
    with pytest.raises(HTTPError) as invalid:
        smart.server.post_json("Observation", {**observation(patient), "status": "nearly"})
    assert invalid.value.response.status_code == 422
