"""The sealed log as outsiders meet it: an entry proved offline, and a witness who co-signs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import dmp_verify
from infra.build import ROOT
from infra.local.deployment import STACK
from infra.local.visitors import Sandbox
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.55"
VERIFIER = ROOT / "shared" / "dmp_verify.py"
SEALED_WITHIN_S = 60


@pytest.fixture(scope="module")
def home(place: Place) -> Home:
    made = place.home("fr")
    made.grant(place.practitioner("physician"))
    return made


def proof_of(sandbox: Sandbox, api: str, home: Home, entry: str) -> str:
    """The proof, asked for until the entry is sealed."""
    for _ in range(SEALED_WITHIN_S):
        answer = sandbox.send("GET", f"{api}/journal/proof/{entry}", home.token)
        if answer.status_code == 200:
            return answer.text
        assert answer.status_code == 404, answer.text
        time.sleep(1)
    raise AssertionError("the entry was not sealed within a minute")


def test_a_patient_proves_an_entry_offline(
    place: Place, sandbox: Sandbox, home: Home, tmp_path: Path
) -> None:
    api = place.base.removesuffix("/fhir")
    entry = str(home.journal()[0]["id"])
    texts = {
        "proof": proof_of(sandbox, api, home, entry),
        "entry": sandbox.send("GET", f"{api}/journal/entry/{entry}", home.token).text,
        "key": sandbox.send("GET", f"{api}/journal/key").text,
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8")
    files = [str(tmp_path / name) for name in ("entry", "proof", "key")]
    checked = subprocess.run(  # noqa: S603
        [sys.executable, "-I", str(VERIFIER), *files], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.startswith("holds: entry ")


def test_the_seal_of_a_message_is_checked_against_the_log_as_it_grew(
    place: Place, sandbox: Sandbox, home: Home
) -> None:
    api = place.base.removesuffix("/fhir")
    exported = sandbox.send("GET", f"{api}/journal/export?format=csv", home.token)
    assert exported.status_code == 200, exported.text
    told = sandbox.wait_text(home.person.address, "une copie de votre journal")
    seal = str(told["text"]).rpartition(" ")[2]
    size, _ = dmp_verify.read_seal(seal)
    proof_of(sandbox, api, home, str(home.journal()[0]["id"]))
    key = sandbox.send("GET", f"{api}/journal/key").text.encode()
    proof = sandbox.send("GET", f"{api}/journal/consistency/{size}").text

    if size & (size - 1):
        assert dmp_verify.verify_seal(seal, proof, key)[0] == size
    else:  # the seal of an SMS says too little there
        with pytest.raises(dmp_verify.DoesNotHold, match="64 digits"):
            dmp_verify.verify_seal(seal, proof, key)


def test_a_witness_cosigns_a_log_that_only_grew(
    place: Place, sandbox: Sandbox, home: Home, tmp_path: Path
) -> None:
    api = place.base.removesuffix("/fhir")
    proof_of(sandbox, api, home, str(home.journal()[0]["id"]))
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(raw)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "private.pem").write_bytes(private)
    operator = {
        "AWS_ENDPOINT_URL": place.emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "PYTHONPATH": str(ROOT / "shared"),
    }

    def command(*words: str) -> str:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "infra.sealed_log", *words],
            cwd=ROOT, env={**os.environ, **operator}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    command("register", STACK, "MA-07", str(tmp_path / "public.pem"))
    state = str(tmp_path / "state")
    words = ("witness", api, "MA-07", str(tmp_path / "private.pem"), state)
    assert command(*words).startswith("co-signed ")
    home.grant(place.practitioner("surgeon"))
    proof_of(sandbox, api, home, str(home.journal()[0]["id"]))
    assert command(*words).startswith("co-signed ")
    note = sandbox.send("GET", f"{api}/journal/checkpoint").text
    assert "\u2014 MA-07 " in note
    dmp_verify.read_checkpoint(note, sandbox.send("GET", f"{api}/journal/key").text.encode())
    assert command("rebuild", STACK) == "0 leaves were put back\n"
