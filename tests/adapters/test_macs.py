"""Keyed hashes: one identifier, one MAC; no purpose passes for another; KMS alone has the key."""

from __future__ import annotations

import pytest

from dmp.adapters import aws
from dmp.adapters.macs import Macs
from dmp.domain.refusals import Unavailable
from tests.aws_calls import counted, failing
from tests.world import World


@pytest.fixture
def macs(world: World) -> Macs:
    return Macs(aws.client("kms"), world.stack.output("IdentifierKeyArn"))


def test_one_identifier_has_one_mac_however_it_is_written(macs: Macs) -> None:
    made = macs.identifier("urn:ma:cin", "BE742318")

    assert made == macs.identifier("urn:ma:cin", "be 742-318")
    assert made != macs.identifier("urn:ma:cnss", "BE742318")
    assert made != macs.identifier("urn:ma:cin", "BE742319")
    assert len(bytes.fromhex(made)) == 32


def test_a_code_is_good_at_its_place_alone(macs: Macs) -> None:
    made = macs.code("challenge-1", "123456")

    assert made == macs.code("challenge-1", "123456")
    assert made != macs.code("challenge-2", "123456")
    assert made != macs.code("challenge-1", "123457")
    assert made.hex() != macs.identifier("challenge-1", "123456")


def test_each_mac_is_one_call_and_none_without_kms(macs: Macs) -> None:
    with counted() as calls:
        macs.identifier("urn:ma:cin", "BE742318")
    assert calls == ["GenerateMac"]

    with failing("GenerateMac", "AccessDeniedException", service="kms"), pytest.raises(Unavailable):
        macs.code("challenge-1", "123456")
