"""A directory out of the identifiers that a bundle refers to: the operator's part of the demo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import boto3

from infra.local.deployment import STACK
from infra.local.emulator import REGION, Emulator


def conditional_references(value: Any) -> set[str]:
    """Every `Type?identifier=system|value` that is referred to."""
    return set(_found(value))


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and "?" in reference:
            yield reference
        for one in value.values():
            yield from _found(one)
    elif isinstance(value, list):
        for one in value:
            yield from _found(one)


def load_directory(emulator: Emulator, references: set[str]) -> None:
    """Rows that make each of them an entry of the directory, under made-up ids."""
    connect: Any = boto3.client
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    options = {"endpoint_url": emulator.url, "region_name": REGION, **keys}
    stack = connect("cloudformation", **options).describe_stacks(StackName=STACK)["Stacks"][0]
    table = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}["RegistryTable"]
    dynamodb = connect("dynamodb", **options)
    for i, text in enumerate(sorted(references)):
        kind, _, query = text.partition("?")
        ((_, identifier),) = parse_qsl(query)
        item = {
            "pk": {"S": f"directory#{kind}#{identifier}"},
            "reference": {"S": f"{kind}/synthetic-{i}"},
        }
        dynamodb.put_item(TableName=table, Item=item)
