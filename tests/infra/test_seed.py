"""The sandbox's seed: what it says is there is there, and running it again changes nothing."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from infra.local.seed import seed
from infra.template import ROOT
from tests import oauth
from tests.stack import Stack, stack

OUTPUTS = ("RecordsTable", "KeysTable", "RegistryTable", "PopulationTable", "RecordKeyArn",
           "IdentifierKeyArn")  # fmt: skip


@pytest.fixture(scope="module")
def deployed() -> Iterator[Stack]:
    with stack() as made:
        yield made


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def seeded(deployed: Stack, root: Path) -> Any:
    return seed({name: deployed.output(name) for name in OUTPUTS}, root)


def test_nobody_of_the_directory_is_named_like_a_person() -> None:
    """What stands in clear of practitioners would pass for what tells of a patient."""
    people, listed = (
        json.loads((ROOT / "infra/local" / name).read_text("utf-8"))
        for name in ("people.json", "directory.json")
    )
    families = {person["family"] for kind in people.values() for person in kind}

    assert families.isdisjoint(one["family"] for one in listed["practitioners"])


def test_everything_that_the_sandbox_file_promises_is_there(seeded: Any) -> None:
    assert {"clinic", "hospital", "laboratory", "pharmacy", "registrar", "portal"} <= set(
        seeded["clients"]
    )
    assert len({p["organization"] for p in seeded["practitioners"].values()}) >= 2
    assert len(seeded["patients"]) >= 3
    assert len(seeded["people"]) >= 10
    assert sum(person["phone"] is None for person in seeded["people"]) == 2
    assert {p["language"] for p in seeded["people"]} == {"ar", "fr", "zgh", "en"}
    for client in seeded["clients"].values():
        assert set(client) == {
            "client_id", "private_key_file", "key_id", "alg", "scopes", "organization", "id_prefix"
        }  # fmt: skip
        assert client["organization"] in seeded["organizations"]
    assert seeded["apps"]["smart_app"]["redirect_uris"][0] == "http://127.0.0.1/callback"
    json.dumps(seeded)


def test_running_it_again_changes_nothing(deployed: Stack, root: Path, seeded: Any) -> None:
    assert seed({name: deployed.output(name) for name in OUTPUTS}, root) == seeded


def test_private_keys_are_their_owners_alone(root: Path, seeded: Any) -> None:
    for client in seeded["clients"].values():
        assert stat.S_IMODE((root / client["private_key_file"]).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("client", "practitioner"),
    [("clinic", "physician"), ("hospital", "cardiologist"), ("laboratory", "biologist"),
     ("pharmacy", "pharmacist"), ("registrar", "registrar")],
)  # fmt: skip
def test_an_app_gets_a_token_for_its_practitioner(
    deployed: Stack, root: Path, seeded: Any, client: str, practitioner: str
) -> None:
    app = deployed.app("tokens", "Tokens")
    registered, known = seeded["clients"][client], seeded["practitioners"][practitioner]
    pem = (root / registered["private_key_file"]).read_bytes()
    key = (ECKey if registered["alg"] == "ES384" else RSAKey).import_key(pem)
    b2b = {
        **oauth.B2B,
        "subject_id": f"urn:ma:inpe|{known['inpe']}",
        "organization_id": f"urn:ma:inpe|{registered['organization']}",
    }
    claims = oauth.claims_of(registered["client_id"], extensions={"hl7-b2b": b2b})
    header = {"alg": registered["alg"], "kid": registered["key_id"]}
    assertion = jwt.encode(header, claims, key, algorithms=[registered["alg"]])
    form = oauth.credentials(assertion, scope=registered["scopes"])

    status, body = oauth.answered(app.handler, oauth.event("tokens/client_credentials", **form))

    assert status == 200
    assert set(body["scope"].split()) == set(registered["scopes"].split())
    caller = app.key.caller(body["access_token"], int(time.time()))
    assert caller.practitioner_name == known["name"]


def test_each_patient_has_a_record_and_no_other_person_has(deployed: Stack, seeded: Any) -> None:
    dynamodb = deployed.client("dynamodb")
    records = dynamodb.scan(TableName=deployed.output("RecordsTable"))["Items"]
    guards = {item["pk"]["S"] for item in records if item["sk"]["S"] == "GUARD"}

    assert guards == {patient["id"] for patient in seeded["patients"]}
