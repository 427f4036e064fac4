"""The one DynamoDB client, lent to PynamoDB so that the process keeps a single connection pool."""

from __future__ import annotations

from typing import Any

from pynamodb.connection import Connection
from pynamodb.models import Model

from dmp.adapters.aws import client


def bind(model: type[Model], table_name: str) -> Connection:
    """Give a model its table and our client; returns the connection, for transactions.

    `_connection` and `_client` are private to PynamoDB: tests/adapters/test_client.py pins them.
    """
    lent = dynamodb()
    model.Meta.table_name = table_name
    model.Meta.region = lent.meta.region_name
    model._connection = None  # noqa: SLF001
    connection = model._get_connection().connection  # noqa: SLF001
    connection._client = lent  # noqa: SLF001
    return connection


def dynamodb() -> Any:
    """The low-level client, for what PynamoDB cannot: a batch over several tables."""
    return client("dynamodb")
