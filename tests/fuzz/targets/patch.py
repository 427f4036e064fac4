"""A patch of either kind on every resource of the record; what comes of it is told or sound."""

from __future__ import annotations

import copy

from dmp.domain.refusals import Refusal
from dmp.edge.writes import JSON_PATCH, patch_of
from dmp.fhir import json_reader
from dmp.fhir.validator import validate
from tests.fuzz import record

REFUSALS = (Refusal,)


def check(data: bytes) -> None:
    kind = JSON_PATCH if data.lstrip()[:1] == b"[" else "application/fhir+json"
    patch = patch_of(kind, data)
    refused: list[Refusal] = []
    for resource in record.faultless():
        before = copy.deepcopy(resource)
        try:
            made = patch(resource)
        except Refusal as why:
            refused.append(why)
        else:
            assert made["id"] == resource["id"]
            if not validate(made):
                assert json_reader.write(made)
        assert resource == before
    if len(refused) == len(record.faultless()):
        raise refused[0]
