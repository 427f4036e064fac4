"""A mail that comes back, on the deployed system: from the provider's topic to the phone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from infra.build import ROOT
from infra.local.deployment import STACK
from tests.e2e.place import Place

WITHIN_S = 30


def awaited(find: Callable[[], Any]) -> Any:
    """What is found within the time, as soon as it is there."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := find()) and time.monotonic() < deadline:
        time.sleep(0.3)
    return found


def topic(place: Place) -> str:
    """The ARN of the topic that SES publishes to."""
    client = place.client("cloudformation")
    named = {"StackName": STACK, "LogicalResourceId": "MailReceiptsTopic"}
    return str(client.describe_stack_resource(**named)["StackResourceDetail"]["PhysicalResourceId"])


def bounced(row: dict[str, Any]) -> str:
    """The event of events/receipts/bounce.json, about the mail of that notice."""
    told = json.loads((ROOT / "events/receipts/bounce.json").read_bytes())
    message = json.loads(told["Records"][0]["Sns"]["Message"])
    entry = row["sk"]["S"].removeprefix("N#")
    message["mail"]["messageId"] = row["provider_id"]["S"]
    message["mail"]["tags"] |= {"patient": [row["pk"]["S"]], "entry": [entry]}
    return json.dumps(message)


def test_a_mail_that_came_back_reaches_the_patient_by_phone(place: Place) -> None:
    home = place.home("en")  # told by mail, first of all that the record is open
    phone = home.known["phone"]
    tables = place.client("dynamodb")
    asked = {
        "TableName": place.outputs["RecordsTable"],
        "KeyConditionExpression": "pk = :p AND begins_with(sk, :n)",
        "ExpressionAttributeValues": {":p": {"S": home.id}, ":n": {"S": "N#"}},
    }

    def mailed() -> list[dict[str, Any]]:
        rows = tables.query(**asked)["Items"]
        return [r for r in rows if r["state"]["S"] == "sent" and "bounced" not in r]

    row = awaited(mailed)[0]
    reference = row["ref"]["S"]

    def by_phone() -> list[dict[str, Any]]:
        return [m for m in home.sandbox.messages(phone) if reference in m["text"]]

    assert by_phone() == []
    for _ in range(2):
        place.client("sns").publish(TopicArn=topic(place), Message=bounced(row))

    [message] = awaited(by_phone)
    assert message["channel"] == "sms"
    key = {"pk": row["pk"], "sk": row["sk"]}
    told = awaited(
        lambda: [
            found
            for found in [tables.get_item(TableName=asked["TableName"], Key=key)["Item"]]
            if found["state"]["S"] == "sent"
        ]
    )
    assert told[0]["bounced"]["S"] == "email"
    assert len(by_phone()) == 1


@pytest.mark.parametrize("name", ["bounce", "delivery", "complaint", "reject"])
def test_what_is_about_no_notice_changes_nothing(place: Place, name: str) -> None:
    notification = json.loads((ROOT / f"events/receipts/{name}.json").read_bytes())
    assert place.invoke("Receipts", notification) == {}
