"""The seal that a message carried, against the log as it grew: whole, short, malformed."""

from __future__ import annotations

from pathlib import Path

import pytest

import dmp_verify
from dmp.domain.checkpoint import Checkpoint, consistency_text
from dmp.domain.merkle import consistency
from tests.verify.test_tampering import (
    ORIGIN,
    OTHER,
    OURS,
    WAYS,
    Entries,
    Key,
    _nothing,
    honest,
    log,
    tree,
)

SIZES = range(1, 40)


def seal(entries: Entries, digits: int) -> str:
    """What a message carries of a log."""
    return Checkpoint(ORIGIN, len(entries), tree(entries)).short(digits)


def since(entries: Entries, size: int, key: Key = OURS) -> str:
    """What the API gives for a size."""
    path = consistency(size, len(entries), log(entries).subtrees(_nothing))
    return consistency_text(size, path, key.note(entries))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("more", [0, 1, 2, 7])
def test_the_seal_of_a_mail_holds_as_the_log_grows(size: int, more: int) -> None:
    entries = honest(size + more)

    told = dmp_verify.verify_seal(seal(entries[:size], 64), since(entries, size), OURS.pem)

    assert (told[0], told[1].size) == (size, size + more)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("more", [0, 1, 2, 7])
def test_the_seal_of_an_sms_holds_but_where_the_proof_begins_with_it(size: int, more: int) -> None:
    entries = honest(size + more)
    short = seal(entries[:size], 8)

    if more and size & (size - 1) == 0:
        with pytest.raises(dmp_verify.DoesNotHold, match="64 digits"):
            dmp_verify.verify_seal(short, since(entries, size), OURS.pem)
    else:
        assert dmp_verify.verify_seal(short, since(entries, size), OURS.pem)[0] == size


@pytest.mark.parametrize("digits", [8, 64])
@pytest.mark.parametrize("size", SIZES)
def test_a_log_that_was_rewritten_since_does_not_hold(size: int, digits: int) -> None:
    kept = seal(honest(size), digits)
    for place in {0, size // 2, size - 1}:
        for way in WAYS:
            changed = [*way(honest(size), place), *honest(size)]
            if changed[:size] == honest(size):
                continue
            with pytest.raises(dmp_verify.DoesNotHold):
                dmp_verify.verify_seal(kept, since(changed, size), OURS.pem)


def test_another_key_and_another_size_prove_nothing() -> None:
    entries = honest(9)
    kept = seal(entries[:5], 64)
    for text in (since(entries, 5, OTHER), since(entries, 6), since(entries[:4], 4)):
        with pytest.raises(dmp_verify.DoesNotHold):
            dmp_verify.verify_seal(kept, text, OURS.pem)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5-", "-89abcdef", "0-89abcdef", "5-89abcde", "5-89abcdeg", "5-" + "0" * 65,
     "\u0665-89abcdef", "5-89ab cdef", "5 89abcdef", "5-89abcdef-"],
)  # fmt: skip
def test_what_is_no_seal_is_told_so(text: str) -> None:
    with pytest.raises(dmp_verify.DoesNotHold, match="not the seal"):
        dmp_verify.read_seal(text)


def test_a_seal_is_of_a_checkpoint_as_far_as_it_goes() -> None:
    made = Checkpoint(ORIGIN, 3, tree(honest(3)))
    known = dmp_verify.Checkpoint(*(made.origin, made.size, made.root))

    assert dmp_verify.matches(made.short(), known)
    assert dmp_verify.matches(f" {made.short(64).upper()} ", known)
    assert not dmp_verify.matches(made.short().replace("3-", "4-", 1), known)
    assert not dmp_verify.matches(Checkpoint(ORIGIN, 3, tree(honest(2))).short(), known)


def test_the_command_takes_the_seal_as_it_was_typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = honest(11)
    proof, key = tmp_path / "proof", tmp_path / "key"
    proof.write_text(since(entries, 7), "utf-8")
    key.write_bytes(OURS.pem)

    assert dmp_verify.main(["--seal", seal(entries[:7], 8), str(proof), str(key)]) == 0
    assert capsys.readouterr().out == f"holds: the 7 entries of then begin the 11 of {ORIGIN}\n"
    assert dmp_verify.main(["--seal", seal(honest(7)[:6], 8), str(proof), str(key)]) == 1
    assert "does not hold" in capsys.readouterr().out
    assert dmp_verify.main(["--seal", "7-00000000", str(proof), str(key)]) == 1
