"""Operators' commands for the sealed log.

python -m infra.sealed_log rebuild STACK                       put the log back as it was published
python -m infra.sealed_log register STACK NAME KEY             take a witness (public key, PEM)
python -m infra.sealed_log witness API NAME PRIVATE STATE      be one: co-sign if the log only grew
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import boto3
import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

import dmp_verify
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.journal_rows import ScannedJournal
from dmp.adapters.dynamodb.log_rows import DynamoLogRows
from dmp.adapters.dynamodb.witnesses import RegisteredWitnesses, WitnessItem
from dmp.adapters.tiles import TilesBucket
from dmp.domain.checkpoint import cosigned, signature_line, witness_key_id
from dmp.use_cases.log_recovery import LogRecovery
from infra.stacks import outputs

NAME = re.compile(r"[A-Za-z0-9.\-/]{1,100}\Z")


def rebuild(stack: str) -> str:
    """Run the recovery on a deployed stack."""
    names = outputs(stack)
    bucket = TilesBucket(boto3.client("s3"), names["TilesBucket"])
    journal = ScannedJournal(dynamodb(), names["RecordsTable"])
    put = LogRecovery(DynamoLogRows(names["RegistryTable"]), bucket, journal).rebuild()
    return f"{put} leaves were put back"


def register(stack: str, name: str, key_file: str) -> str:
    """Write the witness's row; an earlier one of that name is replaced."""
    key = load_pem_public_key(Path(key_file).read_bytes())
    if not isinstance(key, Ed25519PublicKey) or not NAME.match(name):
        raise SystemExit("a witness has a name of letters, digits and .-/ and an Ed25519 key")
    RegisteredWitnesses(outputs(stack)["RegistryTable"])
    WitnessItem(f"witness#{name}", active=True, public=key.public_bytes_raw()).save()
    return f"{name} is registered"


def witness(api: str, name: str, key_file: str, state_file: str) -> str:
    """Co-sign the newest checkpoint; DoesNotHold when the log did not only grow."""
    key = load_pem_private_key(Path(key_file).read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit("the private key is not an Ed25519 key")
    state = Path(state_file)
    with httpx.Client(base_url=api, timeout=10) as http:
        pem, note = http.get("/journal/key").content, http.get("/journal/checkpoint").text
        told = dmp_verify.read_checkpoint(note, pem)
        if state.exists():
            older = state.read_text("utf-8")
            size = dmp_verify.read_checkpoint(older, pem).size
            grown = http.get(f"/journal/consistency/{size}").text
            told = dmp_verify.verify_grown(older, grown, pem)[1]
            note = grown.partition("\n\n")[2]
        body, when = note.partition("\n\n")[0] + "\n", int(time.time())
        signed = when.to_bytes(8) + key.sign(cosigned(when, body))
        public = key.public_key().public_bytes_raw()
        line = signature_line(name, witness_key_id(name, public), signed)
        answer = http.post(
            "/journal/checkpoint", content=note + line, headers={"Content-Type": "text/plain"}
        )
    answer.raise_for_status()
    state.write_text(note, "utf-8")
    return f"co-signed {told.size} entries of {told.origin}"


COMMANDS: dict[str, Callable[..., str]] = {
    "rebuild": rebuild,
    "register": register,
    "witness": witness,
}


def main(words: list[str]) -> int:
    """The command; see the top of this file."""
    command = COMMANDS.get(words[0]) if words else None
    if command is None or len(words) - 1 != command.__code__.co_argcount:
        sys.stdout.write(__doc__ or "")
        return 2
    try:
        sys.stdout.write(command(*words[1:]) + "\n")
    except (dmp_verify.DoesNotHold, httpx.HTTPError) as reason:
        sys.stdout.write(f"refused: {reason}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
