"""What a code makes sensitive is labelled when it is written, found by it, and hidden by it."""

from __future__ import annotations

from tests.clinic import Clinic
from tests.world import World

HIV = {"coding": [{"system": "http://loinc.org", "code": "56888-1"}]}


def test_a_proposed_label_hides_and_is_found(world: World) -> None:
    clinic = Clinic(world)
    plain, sensitive = clinic.observe(), clinic.observe(code=HIV)
    search = f"GET /fhir/Observation?patient={clinic.id}"

    found = world.call(f"{search}&_security=HIV", clinic.doctor).json["entry"]
    assert [entry["resource"]["id"] for entry in found] == [sensitive]
    clinic.seal(securityLabel=[{"code": "HIV"}])

    seen = world.call(search, clinic.doctor).json["entry"]
    assert [entry["resource"]["id"] for entry in seen] == [plain]
    assert world.call(f"GET /fhir/Observation/{sensitive}", clinic.doctor).status == 404


def test_no_sender_takes_a_label_off(world: World) -> None:
    clinic = Clinic(world)
    label = {"system": "urn:clinic", "code": "R", "display": "restreint"}
    name = clinic.observe(meta={"security": [label]})
    read = world.call(f"GET /fhir/Observation/{name}", clinic.doctor).json
    del read["meta"]

    changed = world.call(f"PUT /fhir/Observation/{name}", clinic.doctor, read)

    assert changed.status == 200, changed.body
    assert changed.json["meta"]["security"] == [label]
