"""Notices that a provider took, in the records table: nothing of them is opened."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from dmp.adapters.dynamodb.batch import deserialize
from dmp.adapters.dynamodb.conflicts import available
from dmp.domain.notices import shard_of
from dmp.use_cases.notice_ports import Taken

_SENT = "#state = :sent AND provider_id = :id AND attribute_not_exists(bounced)"


class MailedNotices:
    """Implements the port `ToldNotices`; one UpdateItem each."""

    def __init__(self, client: Any, records: str) -> None:
        self._client = client
        self._records = records

    def owe_again(self, patient: str, entry: str, provider_id: str, due: int) -> Taken:
        """It enters the index of what is owed again."""
        shard = shard_of(f"{patient}{entry}")
        return self._update(
            (patient, entry, provider_id),
            "SET #state = :owed, bounced = :email, due = :due, due_shard = :shard REMOVE delivered",
            {
                ":owed": {"S": "owed"},
                ":email": {"S": "email"},
                ":due": {"N": str(due)},
                ":shard": {"S": shard},
            },
        )

    def delivered(self, patient: str, entry: str, provider_id: str, at: int) -> Taken:
        """Twice is as once."""
        named = (patient, entry, provider_id)
        return self._update(named, "SET delivered = :at", {":at": {"N": str(at)}})

    def _update(
        self, named: tuple[str, str, str], update: str, values: dict[str, dict[str, str]]
    ) -> Taken:
        patient, entry, provider_id = named
        known = {":sent": {"S": "sent"}, ":id": {"S": provider_id}}

        def send() -> Taken:
            try:
                self._client.update_item(
                    TableName=self._records,
                    Key={"pk": {"S": patient}, "sk": {"S": f"N#{entry}"}},
                    UpdateExpression=update,
                    ConditionExpression=_SENT,
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={**known, **values},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise
                found: Any = error.response.get("Item", {})
                return _refused(deserialize(found), provider_id)
            return "done"

        return available(send)


def _refused(found: dict[str, Any], provider_id: str) -> Taken:
    """A mail can come back before its sender has noted the id."""
    held = found.get("state") == "claimed" and found.get("provider_id") != provider_id
    return "early" if held else "nothing"
