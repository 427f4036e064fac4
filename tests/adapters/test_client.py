"""PynamoDB on our client: the private attributes that this leans on are pinned here."""

from __future__ import annotations

import pynamodb
import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.connection.base import Connection
from pynamodb.models import Model

from dmp.adapters import aws
from dmp.adapters.dynamodb.client import bind, dynamodb
from tests.aws_calls import counted
from tests.stack import Stack


class Row(Model):
    """Any row of the registry."""

    class Meta:
        """Filled by `bind`."""

        table_name = "unbound"
        region = "us-east-1"

    pk = UnicodeAttribute(hash_key=True)


def test_the_release_is_the_one_whose_inside_we_know() -> None:
    assert pynamodb.__version__ == "6.1.0"
    assert "_client" in vars(Connection())
    assert Row._connection is None
    assert callable(Row._get_connection)


@pytest.mark.usefixtures("stack")
def test_a_bound_model_sends_through_the_one_client(stack: Stack) -> None:
    table = stack.output("RegistryTable")
    connection = bind(Row, table)
    assert connection.client is dynamodb()
    assert dynamodb() is aws.client("dynamodb")

    with counted() as calls:
        Row("client#x").save()
        assert Row.get("client#x").pk == "client#x"

    assert calls == ["PutItem", "GetItem"]


@pytest.mark.usefixtures("stack")
def test_binding_again_moves_the_model_to_the_other_table(stack: Stack) -> None:
    bind(Row, stack.output("RegistryTable"))
    Row("client#x").save()

    bind(Row, stack.output("PopulationTable"))

    assert [row.pk for row in Row.scan()] == []


def test_time_outs_stay_far_below_the_gateways() -> None:
    config = aws.client("dynamodb").meta.config

    tries = config.retries["total_max_attempts"]
    assert tries * (config.connect_timeout + config.read_timeout) <= 24
