"""What operators can read of a day's work: logs, workflow histories and tables tell of nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.visitors import FHIR, code_in
from tests.e2e.place import Place
from tests.world import observation

ADDRESS = "203.0.113.92"
MARK = "Zzyxdiagnostic"  # in every place that a request has
TOKEN = "eyJhbGci"  # what a JWT begins with


@pytest.fixture(scope="module")
def secret(place: Place) -> re.Pattern[str]:
    """After a day's work with good and bad requests: the words that must stand nowhere."""
    home, physician = place.home("zgh"), place.practitioner("physician")
    home.grant(physician)
    token = place.app("clinic", ADDRESS).token(physician)
    body = {**observation(home.id, "55757-9"), "note": [{"text": MARK}]}
    sent: list[tuple[str, str, Any]] = [
        ("POST", "/Observation", body),
        ("POST", "/Observation", {**body, "status": MARK}),
        ("POST", "/Observation", {**body, MARK: 1}),
        ("POST", "/Observation", f'{{"{MARK}": '),
        ("GET", f"/Observation?patient={home.id}&code={MARK}", None),
        ("GET", f"/Observation?patient={home.id}&{MARK}=1", None),
        ("GET", f"/Observation/{MARK}", None),
        ("GET", f"/{MARK}/1", None),
        ("GET", f"/Patient/{home.id}/$everything", None),
    ]
    for method, path, content in sent:
        text = content if isinstance(content, str) else json.dumps(content)
        answered = home.sandbox.send(
            method, place.base + path, token, headers={"Content-Type": FHIR},
            content=text.encode() if content else b"",
        )  # fmt: skip
        assert answered.status_code < 500
    person = place.newcomer("L417285", ADDRESS)
    person.person.request(family=MARK)
    told = [code_in(person.sandbox.messages(person.person.phone)[0])]
    known = [*place.described["patients"], *place.described["people"]]
    named = {str(p[name]) for p in known for name in ("cin", "family", "phone") if p[name]}
    words = "|".join(map(re.escape, named | {MARK, "55757-9", TOKEN, *told}))
    made = re.compile(rf"(?<![\w.-])(?:{words})(?![\w.-])|{MARK}|{TOKEN}")  # no part of an id
    assert all(made.search(f'{{"x": "{word}"}}') for word in (*named, *told, token))
    return made


def logged(place: Place) -> Iterator[str]:
    logs = place.client("logs")
    for group in logs.describe_log_groups()["logGroups"]:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"])
        for page in pages:
            yield from (event["message"] for event in page["events"])


def test_logs_tell_of_nobody(place: Place, secret: re.Pattern[str]) -> None:
    lines = list(logged(place))

    assert len(lines) > 50
    assert [line for line in lines if secret.search(line)] == []


def test_histories_of_the_workflow_tell_of_nobody(place: Place, secret: re.Pattern[str]) -> None:
    workflows = place.client("stepfunctions")
    machine = place.outputs["ActivationMachineArn"]
    executions = workflows.list_executions(stateMachineArn=machine)["executions"]
    told = [
        json.dumps(
            workflows.get_execution_history(executionArn=e["executionArn"]),
            default=str,
            ensure_ascii=False,
        )
        for e in executions
    ]

    assert told
    assert [text for text in told if secret.search(text)] == []


def test_tables_tell_of_nobody_in_clear(place: Place, secret: re.Pattern[str]) -> None:
    """But for the register, a running activation's row, and the directory."""
    for table in ("RecordsTable", "KeysTable", "RegistryTable"):
        pages = (
            place.client("dynamodb").get_paginator("scan").paginate(TableName=place.outputs[table])
        )
        items = [item for page in pages for item in page["Items"]]
        assert items
        for item in items:
            if not item["pk"]["S"].startswith(("activation#", "client#")):
                clear = {name: value for name, value in item.items() if "B" not in value}
                assert not secret.search(str(clear)), item["pk"]["S"]
                assert MARK.encode() not in b"".join(v.get("B", b"") for v in item.values())
