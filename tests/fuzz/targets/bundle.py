"""A transaction or batch as `POST /fhir` gets it: validated, resolved, decided and rendered."""

from __future__ import annotations

import json

from dmp.domain.refusals import Refusal
from dmp.fhir import json_reader
from dmp.fhir.validator import validate
from tests.fuzz import record

REFUSALS = (Refusal,)


def check(data: bytes) -> None:
    content = json_reader.read_object(data)

    for issue in validate(content):
        assert issue.expression
    record.desk().entries.clear()
    answered = json.loads(record.bundles().post(record.REQUEST, content).body)
    assert len(answered["entry"]) == len(content["entry"])
