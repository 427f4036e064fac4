"""The strict JSON reader: what it takes the standard library reads alike, and comes out whole."""

from __future__ import annotations

import json
from decimal import Decimal

from dmp.domain.refusals import NotJson, TooLarge
from dmp.fhir import json_reader

REFUSALS = (NotJson, TooLarge)


def check(data: bytes) -> None:
    value = json_reader.read(data)

    assert value == json.loads(data, parse_float=Decimal)
    written = json_reader.write(value)
    assert json_reader.write(json_reader.read(written)) == written
    if isinstance(value, dict):
        assert json_reader.write(json_reader.reread(written)) == written
