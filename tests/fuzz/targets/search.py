"""The search query, `Type?name=value&…`: parsed strictly and leniently, and answered."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from dmp.domain.refusals import Refusal
from tests.fuzz import record
from tests.shelf import PID

REFUSALS = (Refusal,)


def check(data: bytes) -> None:
    kind, _, query = data.decode("utf-8", "replace").partition("?")
    asked = parse_qsl(query, keep_blank_values=True)
    by = "_id" if kind == "Patient" else "patient"
    if not any(name == by for name, _ in asked):
        asked.append((by, PID))
    for lenient in (True, False):
        page = json.loads(record.desk().ask(kind, asked, lenient=lenient))
        assert page["type"] == "searchset"
        record.desk().entries.clear()
