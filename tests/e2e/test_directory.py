"""The operators' commands on the deployed stack: a load, an app's life, in force at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.build import ROOT
from infra.local.deployment import STACK
from infra.local.emulator import REGION
from infra.local.visitors import PartnerApp
from tests import oauth
from tests.e2e.place import Place

ADDRESS = "203.0.113.96"
CLINIC, NURSE, SCHOOL = "100000011", "200000097", "100000097"


def command(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """`python -m infra.directory …` as an operator of the emulated account."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT / "shared"),
        "AWS_ENDPOINT_URL": place.emulator.url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "infra.directory", words[0], STACK, *words[1:]],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def found(place: Place, query: str) -> list[dict[str, Any]]:
    """What a search of the directory finds."""
    token = place.app("clinic", ADDRESS).token(place.practitioner("physician"))
    answer = place.sandbox(ADDRESS).send("GET", f"{place.base}/{query}", token)
    assert answer.status_code == 200, answer.text
    return [entry["resource"] for entry in answer.json().get("entry", ())]


def test_a_load_is_refused_whole_tried_dry_and_then_there(place: Place, tmp_path: Path) -> None:
    school = tmp_path / "organisations.csv"
    people = tmp_path / "praticiens.csv"
    roles = tmp_path / "roles.csv"
    school.write_text(f"inpe;name\n{SCHOOL};École d'infirmiers\n12;Autre\n", "utf-8-sig")
    people.write_text(f"inpe;family;given\n{NURSE};Zeroual;Nadia\n", "utf-8-sig")
    roles.write_text(
        "practitioner;organization;role;starts;ends\n"
        f"{NURSE};{CLINIC};nurse;01/01/2026;\n{NURSE};{SCHOOL};nurse;01/01/2020;31/12/2020\n",
        "utf-8-sig",
    )
    files = [str(path) for path in (school, people, roles)]

    refused = command(place, "load", *files)
    assert refused.returncode == 1
    assert "organisations.csv, line 3, inpe: " in refused.stderr
    school.write_text(f"inpe;name\n{SCHOOL};École d'infirmiers\n", "utf-8-sig")
    dry = command(place, "load", *files, "--dry-run")
    assert (dry.returncode, "added: 4" in dry.stdout) == (0, True), dry.stderr
    assert found(place, f"Practitioner?identifier={NURSE}") == []

    done = command(place, "load", *files)

    assert done.returncode == 0, done.stderr
    assert len(found(place, f"PractitionerRole?practitioner={NURSE}&active=true")) == 1
    assert len(found(place, f"PractitionerRole?practitioner={NURSE}")) == 2
    nurse = {"inpe": NURSE, "name": "Nadia Zeroual", "role": "nurse", "organization": CLINIC}
    assert place.app("clinic", ADDRESS).token(nurse)


def test_an_app_is_registered_suspended_at_once_and_removed(place: Place, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(oauth.jwks_of(oauth.EC), "utf-8")
    about = ("--name", "Cabinet", "--organization", CLINIC, "--scopes", "system/*.rs")
    made = command(place, "register", "cabinet-app", *about, "--prefix", "cab", "--keys", str(keys))
    assert made.returncode == 0, made.stderr
    sandbox = place.sandbox(ADDRESS)
    pem = tmp_path / "key.pem"
    pem.write_bytes(oauth.EC.as_pem(private=True))
    sandbox.described["clients"]["cabinet"] = {
        "client_id": "cabinet-app", "private_key_file": str(pem), "key_id": oauth.EC.kid,
        "alg": "ES384", "scopes": "system/*.rs", "organization": CLINIC, "id_prefix": "cab",
    }  # fmt: skip
    token = PartnerApp(sandbox, "cabinet").token(place.practitioner("physician"))

    def status() -> int:
        return int(sandbox.send("GET", f"{place.base}/Organization", token).status_code)

    assert status() == 200
    assert command(place, "suspend", "cabinet-app").returncode == 0
    assert status() == 401
    assert command(place, "resume", "cabinet-app").returncode == 0
    assert status() == 200
    assert command(place, "remove", "cabinet-app").returncode == 0
    assert status() == 401
    again = command(place, "register", "other", *about, "--prefix", "cab", "--keys", str(keys))
    assert (again.returncode, "prefix" in again.stderr) == (1, True)
    acts = command(place, "acts", "cabinet-app").stdout
    assert [line.split()[1] for line in acts.splitlines()] == [
        "register", "suspend", "resume", "remove"
    ]  # fmt: skip
    assert "arn:aws:" in acts
    assert json.loads(keys.read_text("utf-8"))["keys"][0]["x"] not in acts
