"""Envelope encryption: what does not belong is not opened, and keys cost one KMS call or none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from aws_encryption_sdk import CommitmentPolicy, EncryptionSDKClient
from aws_encryption_sdk.identifiers import Algorithm
from hypothesis import given, settings
from hypothesis import strategies as st

from dmp.adapters import aws
from dmp.adapters.envelope import (
    PARSED_BYTES_MAX,
    PARSED_RECORDS_MAX,
    Erased,
    PatientKeys,
    Purpose,
    Ring,
    Unopenable,
    Vault,
)
from dmp.domain.refusals import Unavailable
from tests.aws_calls import counted, failing
from tests.stack import Stack
from tests.stack import stack as deployed

P, Q = "0123456789abcdefghij", "9876543210abcdefghij"
PLACE = "0123456789abcdef"
PURPOSES: tuple[Purpose, ...] = ("record", "journal", "notice", "notice-journal")


def ring(patient: str = P, keys: bytes = b"k") -> Ring:
    return Ring(patient, 1, {p: (keys + p.encode()).ljust(32, b"\0") for p in PURPOSES})


RING = ring()
SEALED = RING.seal("record", PLACE, b"seventy-two point five")


@given(st.binary(max_size=200), st.sampled_from(PURPOSES), st.text("0123abcK#", max_size=20))
@settings(max_examples=30)
def test_what_is_sealed_is_opened_where_it_belongs(
    plaintext: bytes, purpose: Purpose, place: str
) -> None:
    message = RING.seal(purpose, place, plaintext)

    assert RING.open(purpose, place, message) == plaintext
    assert not plaintext or len(plaintext) < 4 or plaintext not in message


@pytest.mark.parametrize("place", ["", PLACE[:-1], PLACE.upper(), "STANDING", PLACE + "0"])
def test_a_message_opens_at_no_other_place(place: str) -> None:
    with pytest.raises(Unopenable):
        RING.open("record", place, SEALED)


def test_the_same_message_is_parsed_once_and_never_another_for_it() -> None:
    keys, parsed = ring(), []

    def parse(plaintext: bytes) -> int:
        parsed.append(plaintext)
        return len(parsed)

    first, second = (keys.seal("record", PLACE, text) for text in (b"first", b"second"))
    assert [keys.parsed(PLACE, m, parse) for m in (first, first, second, second, first)] == [
        1, 1, 2, 2, 3,
    ]  # fmt: skip
    assert parsed == [b"first", b"second", b"first"]
    altered = first[:-1] + bytes([first[-1] ^ 1])
    for other, place in ((altered, PLACE), (first, "STANDING")):
        with pytest.raises(Unopenable):
            keys.parsed(place, other, parse)


def test_of_one_record_only_so_much_is_kept_parsed() -> None:
    keys = ring()
    large = keys.seal("record", "large", b"0" * PARSED_BYTES_MAX)
    half = [keys.seal("record", f"{i}", b"0" * (PARSED_BYTES_MAX // 2)) for i in range(2)]

    assert keys.parsed("large", large, len) == PARSED_BYTES_MAX
    with pytest.raises(ZeroDivisionError):
        keys.parsed("large", large, lambda _: 1 // 0)
    assert [keys.parsed(f"{i}", m, lambda _: "first") for i, m in enumerate(half)] == ["first"] * 2
    again = [keys.parsed(f"{i}", m, lambda _: "again") for i, m in enumerate(half)]
    assert again == ["first", "again"]
    keys.forget()
    assert keys.parsed("1", half[1], lambda _: "forgotten") == "forgotten"
    assert keys.parsed("1", half[1], lambda _: "again") == "forgotten"


@pytest.mark.parametrize("purpose", ["journal", "notice"])
def test_a_message_opens_for_no_other_purpose(purpose: Purpose) -> None:
    with pytest.raises(Unopenable):
        RING.open(purpose, PLACE, SEALED)


def test_the_purpose_is_checked_even_where_one_key_serves_two() -> None:
    key = b"k".ljust(32, b"\0")
    same = Ring(P, 1, dict.fromkeys(PURPOSES, key))

    with pytest.raises(Unopenable):
        same.open("journal", PLACE, same.seal("record", PLACE, b"x"))


def test_a_message_opens_for_no_other_patient() -> None:
    with pytest.raises(Unopenable):
        ring(Q, b"q").open("record", PLACE, SEALED)


def test_the_patient_is_checked_even_under_the_same_key() -> None:
    with pytest.raises(Unopenable):
        ring(Q).open("record", PLACE, SEALED)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(Unopenable):
        ring(keys=b"other").open("record", PLACE, SEALED)


@given(st.integers(0, len(SEALED) * 8 - 1))
@settings(max_examples=400)
def test_a_flipped_bit_is_seen_anywhere(bit: int) -> None:
    altered = bytearray(SEALED)
    altered[bit // 8] ^= 1 << bit % 8

    with pytest.raises(Unopenable):
        RING.open("record", PLACE, bytes(altered))


@given(st.integers(0, len(SEALED) - 1))
@settings(max_examples=200)
def test_a_cut_message_is_seen_at_any_length(length: int) -> None:
    with pytest.raises(Unopenable):
        RING.open("record", PLACE, SEALED[:length])


@given(st.binary(max_size=100))
def test_no_bytes_make_opening_fail_otherwise(blob: bytes) -> None:
    with pytest.raises(Unopenable):
        RING.open("record", PLACE, blob)
    with pytest.raises(Unopenable):
        RING.open("record", PLACE, SEALED + (blob or b"x"))


def test_the_librarys_own_client_opens_our_message() -> None:
    client = EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

    plaintext, header = client.decrypt(source=SEALED, key_provider=RING._masters["record"])

    assert plaintext == b"seventy-two point five"
    assert header.encryption_context == {"p": P, "u": "record", "i": PLACE}
    assert header.algorithm is Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    assert len(header.encrypted_data_keys) == 1


def test_one_message_is_never_sealed_twice_alike() -> None:
    assert RING.seal("record", PLACE, b"x") != RING.seal("record", PLACE, b"x")


def test_tokens_tell_nothing_across_records() -> None:
    assert ring().token("key|app|x") == RING.token("key|app|x")
    assert ring(Q, b"q").token("key|app|x") != RING.token("key|app|x")
    assert RING.token("key|app|y") != RING.token("key|app|x")


@pytest.fixture(scope="module")
def kms_stack() -> Iterator[Stack]:
    with deployed() as made:
        yield made


@pytest.fixture
def vault(kms_stack: Stack) -> Vault:
    return Vault(aws.client("kms"), kms_stack.output("RecordKeyArn"))


def rewrapped(keys: PatientKeys) -> PatientKeys:
    """The notice key, presented where the record key belongs."""
    return PatientKeys(keys.kv, keys.ntc, keys.rec)


def test_keys_are_unwrapped_once_and_then_held(vault: Vault) -> None:
    keys = vault.new_keys(P)

    with counted() as cold:
        first = vault.record_ring(P, keys)
    with counted() as warm:
        assert vault.record_ring(P, keys) is first

    assert cold == ["Decrypt"]
    assert warm == []


def test_new_keys_are_two_calls_and_new_each_time(vault: Vault) -> None:
    with counted() as calls:
        one = vault.new_keys(P)
    sealed = vault.record_ring(P, one).seal("record", PLACE, b"x")

    assert calls == ["GenerateDataKey", "Encrypt"]
    with pytest.raises(Unopenable):
        vault.record_ring(P, vault.new_keys(P)).open("record", PLACE, sealed)


def test_a_warm_vault_lets_go_of_erased_keys_at_once(vault: Vault) -> None:
    vault.record_ring(P, vault.new_keys(P))

    with pytest.raises(Erased):
        vault.record_ring(P, None)
    with pytest.raises(Erased):
        vault.notice_ring(P, None)


def test_held_keys_are_unwrapped_again_in_time(kms_stack: Stack) -> None:
    now = 0.0
    vault = Vault(aws.client("kms"), kms_stack.output("RecordKeyArn"), lambda: now)
    keys = vault.new_keys(P)
    vault.record_ring(P, keys)
    now = 299.0
    with counted() as early:
        vault.record_ring(P, keys)
    now = 300.0
    with counted() as late:
        vault.record_ring(P, keys)

    assert (early, late) == ([], ["Decrypt"])


def test_only_so_many_keys_are_held(vault: Vault) -> None:
    vault.size_max = 2
    patients = [f"{i:020}" for i in range(3)]
    keys = {p: vault.new_keys(p) for p in patients}
    for p in patients:
        vault.record_ring(p, keys[p])

    with counted() as calls:
        for p in reversed(patients):
            vault.record_ring(p, keys[p])

    assert calls == ["Decrypt"]


def test_only_the_latest_records_are_kept_parsed(vault: Vault) -> None:
    patients = [f"{i:020}" for i in range(PARSED_RECORDS_MAX + 1)]
    keys = {p: vault.new_keys(p) for p in patients}

    def told(patient: str, value: str) -> str:
        held = vault.record_ring(patient, keys[patient])
        return held.parsed(PLACE, messages[patient], lambda _: value)

    messages = {p: vault.record_ring(p, keys[p]).seal("record", PLACE, b"") for p in patients}
    first = [told(p, "first") for p in patients[:-1]]
    assert (set(first), told(patients[0], "again")) == ({"first"}, "first")
    assert told(patients[-1], "one more") == "one more"
    assert told(patients[1], "again") == "again"
    assert told(patients[0], "again") == "first"


def test_the_notice_ring_opens_notices_and_nothing_else(vault: Vault) -> None:
    keys = vault.new_keys(P)
    whole, notices = vault.record_ring(P, keys), vault.notice_ring(P, keys)

    assert notices.open("notice", PLACE, whole.seal("notice", PLACE, b"x")) == b"x"
    for purpose in ("record", "journal"):
        with pytest.raises((Unopenable, KeyError)):
            notices.open(purpose, PLACE, whole.seal(purpose, PLACE, b"x"))


@pytest.mark.parametrize("patient", [P, Q])
def test_a_wrapped_key_unwraps_for_its_patient_and_purpose_alone(
    vault: Vault, patient: str
) -> None:
    keys = vault.new_keys(P)

    with pytest.raises(Unavailable):
        vault.record_ring(patient, rewrapped(keys))
    if patient != P:
        with pytest.raises(Unavailable):
            vault.record_ring(patient, keys)


def test_a_swapped_or_altered_wrapped_key_is_refused(vault: Vault) -> None:
    keys = vault.new_keys(P)
    altered = PatientKeys(1, os.urandom(len(keys.rec)), keys.ntc)

    with pytest.raises(Unavailable):
        vault.record_ring(P, altered)


def test_a_disabled_key_opens_nothing(vault: Vault, kms_stack: Stack) -> None:
    kms: Any = kms_stack.client("kms")
    keys = vault.new_keys(P)
    kms.disable_key(KeyId=kms_stack.output("RecordKeyArn"))
    try:
        with pytest.raises(Unavailable):
            vault.record_ring(P, keys)
        with pytest.raises(Unavailable):
            vault.new_keys(P)
    finally:
        kms.enable_key(KeyId=kms_stack.output("RecordKeyArn"))
    vault.record_ring(P, keys)


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSInvalidStateException"])
def test_a_refusal_of_kms_is_a_service_that_could_not(vault: Vault, code: str) -> None:
    keys = vault.new_keys(P)

    with failing("Decrypt", code, service="kms"), pytest.raises(Unavailable):
        vault.record_ring(P, keys)
