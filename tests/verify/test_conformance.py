"""dmp-verify on the proofs that the transparency community tests its verifiers with."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

import dmp_verify
from tests.fhir.examples import folder

CASES = json.loads((folder("tlog") / "rfc6962_proofs.json").read_text("utf-8"))


# RFC 9162 section 2.1.4: the empty log begins every log. The library that these cases come from
# takes a first size of 0 for a misuse of its function and wants an error.
CONVENTION = "testdata/consistency/additional/size1-is-zero-and-size2-is-not-zero.json"


def _bytes(text: str | None) -> bytes:
    """A hash; where a case says that it does not care which, one is made up."""
    raw = base64.b64decode(text or "")
    return hashlib.sha256(raw).digest() if raw.startswith(b"don't care") else raw


def _holds(case: dict[str, Any]) -> bool:
    path = [_bytes(step) for step in case["proof"] or []]
    try:
        if "size1" in case:
            dmp_verify.check_consistency(
                dmp_verify.Checkpoint("o", case["size1"], _bytes(case["root1"])),
                dmp_verify.Checkpoint("o", case["size2"], _bytes(case["root2"])),
                path,
            )
        else:
            leaf, root = _bytes(case["leafHash"]), _bytes(case["root"])
            dmp_verify.check_inclusion(case["leafIdx"], case["treeSize"], leaf, path, root)
    except dmp_verify.DoesNotHold:
        return False
    return True


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["path"].removeprefix("testdata/"))
def test_every_case_is_judged_right(case: dict[str, Any]) -> None:
    wanted = case["path"] == CONVENTION or not case["wantErr"]
    assert _holds(case) is wanted, case["desc"]


def test_an_empty_log_is_begun_by_any() -> None:
    empty = dmp_verify.Checkpoint("o", 0, hashlib.sha256(b"").digest())
    one = dmp_verify.Checkpoint("o", 1, dmp_verify.leaf_hash(b"entry"))
    dmp_verify.check_consistency(empty, empty, [])
    dmp_verify.check_consistency(empty, one, [])
    with pytest.raises(dmp_verify.DoesNotHold):
        dmp_verify.check_consistency(empty._replace(root=one.root), one, [])
    with pytest.raises(dmp_verify.DoesNotHold):
        dmp_verify.check_consistency(empty, one, [one.root])
