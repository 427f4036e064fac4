"""Counters that refuse, and the register, over the template's own tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dmp.adapters.aws import client
from dmp.adapters.dynamodb.client import dynamodb
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.population import PopulationTable
from dmp.domain.refusals import TooMany, Unavailable
from tests.register import IDCS, NADIA, Town
from tests.stack import Stack


def test_a_rate_refuses_after_its_limit_until_the_window_ends(stack: Stack) -> None:
    rates = Rates(dynamodb(), stack.output("RegistryTable"))
    for _ in range(3):
        rates.spend("any", 3, 60, 119)
    with pytest.raises(TooMany) as refused:
        rates.spend("any", 3, 60, 119)
    assert refused.value.retry_after_s == 1
    rates.spend("other", 3, 60, 119)
    rates.spend("any", 3, 60, 120)

    items = stack.client("dynamodb").scan(TableName=stack.output("RegistryTable"))["Items"]
    rows = {item["pk"]["S"]: (item["n"]["N"], item["ttl"]["N"]) for item in items}
    assert rows["rate#any#1"] == ("3", "180")
    assert rows["rate#any#2"] == ("1", "240")


def test_a_rate_that_cannot_be_counted_is_not_granted(stack: Stack) -> None:
    with pytest.raises(Unavailable):
        Rates(dynamodb(), stack.output("RegistryTable") + "-absent").spend("any", 3, 60, 0)


def test_the_register_finds_a_person_under_every_identifier(stack: Stack) -> None:
    town = Town(stack)
    town.register()
    population = PopulationTable(dynamodb(), stack.output("PopulationTable"), town.macs)

    for system, value in NADIA.identifiers:
        assert population.find(system, value) == NADIA
    assert population.find("urn:ma:cin", "be 742318") == NADIA
    assert population.find(IDCS, "7700112234") is None


def test_a_land_line_in_the_register_is_no_phone(stack: Stack) -> None:
    town = Town(stack)
    town.register(phone="+212522345678")
    population = PopulationTable(dynamodb(), stack.output("PopulationTable"), town.macs)

    assert population.find(*NADIA.identifiers[0]) == replace(NADIA, phone=None)


def test_a_register_that_does_not_answer_is_no_absence(stack: Stack) -> None:
    town = Town(stack)
    client("kms").disable_key(KeyId=stack.output("IdentifierKeyArn"))
    population = PopulationTable(dynamodb(), stack.output("PopulationTable"), town.macs)

    with pytest.raises(Unavailable):
        population.find(*NADIA.identifiers[0])
