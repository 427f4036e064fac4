"""The check of the journal's page says what dmp-verify says, on every case and every tampering."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import dmp_verify
from dmp.domain.checkpoint import inclusion_text
from infra.build import ROOT
from tests.fhir.examples import folder

SCRIPT = ROOT / "shared" / "dmp" / "pages" / "check.js"
RUN = """
const { readFileSync } = require("node:fs");
globalThis.crypto ??= require("node:crypto").webcrypto;
const [script, asked] = JSON.parse(readFileSync(0, "utf8"));
const check = new Function(`${script}; return check;`)();
const bytes = (text) => Uint8Array.from(Buffer.from(text, "base64"));
const tried = {
  verify: (one) => check.verify(bytes(one.entry), one.proof, one.key),
  inclusion: ({ index, size, leaf, path, root }) =>
    check.inclusion(index, size, bytes(leaf), path.map(bytes), bytes(root)),
  raw: async (one) => [...check.raw(bytes(one.der))],
};
(async () => {
  const told = [];
  for (const one of asked) {
    try { told.push({ holds: true, found: await tried[one.kind](one) }); }
    catch (reason) { told.push({ holds: false, found: String(reason) }); }
  }
  process.stdout.write(JSON.stringify(told));
})();
"""
CASES = [
    case
    for case in json.loads((folder("tlog") / "rfc6962_proofs.json").read_text("utf-8"))
    if "leafIdx" in case
]
ORIGIN = "dmp.ma/test/MA-06"


def judged(asked: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page's script says of each, in one process of Node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node.js is not at hand")
    done = subprocess.run(  # noqa: S603
        [node, "-e", RUN], input=json.dumps([SCRIPT.read_text("utf-8"), asked]),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def hashed(text: str | None) -> bytes:
    raw = base64.b64decode(text or "")
    return hashlib.sha256(raw).digest() if raw.startswith(b"don't care") else raw


def test_the_communitys_cases_are_judged_right() -> None:
    asked = [
        {"kind": "inclusion", "index": case["leafIdx"], "size": case["treeSize"],
         "leaf": b64(hashed(case["leafHash"])), "root": b64(hashed(case["root"])),
         "path": [b64(hashed(step)) for step in case["proof"] or []]}
        for case in CASES
    ]  # fmt: skip
    told = judged(asked)

    assert len(CASES) > 40
    for case, one in zip(CASES, told, strict=True):
        assert one["holds"] is not case["wantErr"], case["path"]


class Log:
    """A small log, its key, and the proof of one entry."""

    def __init__(self, size: int, index: int) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        public = self.key.public_key()
        self.pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        entries = [f'{{"entry":{i}}}'.encode() for i in range(size)]
        leaves = [dmp_verify.leaf_hash(entry) for entry in entries]
        body = f"{ORIGIN}\n{size}\n{b64(_root(leaves))}\n"
        signed = self.key.sign(body.encode(), ec.ECDSA(SHA256()))
        line = f"{dmp_verify.DASH} {ORIGIN} {b64(hashlib.sha256(spki).digest()[:4] + signed)}\n"
        self.entry = entries[index]
        self.proof = inclusion_text(index, _path(leaves, index), f"{body}\n{line}")

    def asked(self, entry: bytes | None = None, proof: str | None = None, key: str = "") -> Any:
        """The check of it, or of what somebody made of it."""
        given = b64(self.entry if entry is None else entry)
        shown = self.proof if proof is None else proof
        return {"kind": "verify", "entry": given, "proof": shown, "key": key or self.pem}


def _root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return dmp_verify.node(_root(leaves[:half]), _root(leaves[half:]))


def _path(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*_path(leaves[:half], index), _root(leaves[half:])]
    return [*_path(leaves[half:], index - half), _root(leaves[:half])]


def test_honest_logs_are_never_accused() -> None:
    places = [
        (size, index) for size in (1, 2, 3, 5, 8, 13, 257) for index in (0, size // 2, size - 1)
    ]
    told = judged([Log(*place).asked() for place in places])

    for (size, index), one in zip(places, told, strict=True):
        assert one["found"] == {"index": index, "size": size, "origin": ORIGIN}


def tampered(log: Log) -> Iterator[Any]:
    """Every position of entry and proof changed, and everything else that a liar may try."""
    for at in range(len(log.entry)):
        yield log.asked(entry=log.entry[:at] + bytes([log.entry[at] ^ 1]) + log.entry[at + 1 :])
    for at in range(len(log.proof)):
        other = "B" if log.proof[at] == "A" else "A"
        yield log.asked(proof=log.proof[:at] + other + log.proof[at + 1 :])
        yield log.asked(proof=log.proof[:at] + log.proof[at + 1 :])
        yield log.asked(proof=log.proof[:at])
    lines = log.proof.split("\n")
    for at in range(len(lines)):
        yield log.asked(proof="\n".join([*lines[:at], lines[at], *lines[at:]]))
        yield log.asked(proof="\n".join([*lines[:at], *lines[at + 1 :]]))
    other = Log(13, 6)
    yield log.asked(key=other.pem)
    yield log.asked(proof=other.proof)
    yield log.asked(entry=other.entry + b" ")
    yield log.asked(key="not a key")


def test_it_says_what_dmp_verify_says_of_whatever_was_tampered_with() -> None:
    log = Log(13, 6)
    asked = list(tampered(log))
    wanted = []
    for one in asked:
        try:
            entry = base64.b64decode(one["entry"])
            dmp_verify.verify(entry, one["proof"], one["key"].encode())
        except (dmp_verify.DoesNotHold, ValueError):
            wanted.append(False)
        else:
            wanted.append(True)

    told = [one["holds"] for one in judged(asked)]

    assert told == wanted
    assert len(asked) > 1000
    assert sum(wanted) < 15  # a doubled blank line or signature changes nothing that was signed


def test_der_becomes_the_two_halves_and_nothing_else_does() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    signed = [key.sign(bytes([n]), ec.ECDSA(SHA256())) for n in range(200)]
    wrong = [der[:-1] for der in signed[:3]] + [der + b"\0" for der in signed[:3]]
    wrong += [
        b"",
        b"\x30\x00",
        b"\x30\x06\x02\x01\x80\x02\x01\x01",
        b"\x30\x07\x02\x02\x00\x01\x02\x01\x01",
    ]
    told = judged([{"kind": "raw", "der": b64(der)} for der in [*signed, *wrong]])

    for der, one in zip(signed, told, strict=False):
        r, s = decode_dss_signature(der)
        assert bytes(one["found"]) == r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert not any(one["holds"] for one in told[len(signed) :])
