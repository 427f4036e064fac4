"""Codes of first meetings and the officer's reviews, in the registry; each method is one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dmp.adapters.dynamodb.batch import Batch
from dmp.adapters.dynamodb.client import bind, dynamodb
from dmp.adapters.dynamodb.commits import ring_of
from dmp.adapters.dynamodb.conflicts import ConditionsFailed, available
from dmp.adapters.dynamodb.grant_items import (
    OPEN,
    MeetingItem,
    ReviewItem,
    meeting_item,
    review_key,
)
from dmp.adapters.dynamodb.rates import Rates
from dmp.adapters.dynamodb.tables import CONTACT, RecordItem
from dmp.domain.contact import Contact
from dmp.domain.grants import Meeting
from dmp.use_cases.ports import Door, Review

PAGE = 100


class GrantRows:
    """Implements the ports `Meetings` and `ReviewList`."""

    def __init__(self, registry: str) -> None:
        self._registry = registry
        bind(MeetingItem, registry)
        bind(ReviewItem, registry)
        self._rates = Rates(dynamodb(), registry)

    def spend(self, key: str, limit: int, window_s: int, now: int) -> None:
        """One UpdateItem; TooMany when the limit is reached."""
        self._rates.spend(key, limit, window_s, now)

    def ask(self, meeting: Meeting) -> None:
        """One PutItem, in place of an earlier code."""
        item = meeting_item(meeting.key)
        item.mac, item.ends, item.tries = meeting.mac, meeting.ends, meeting.tries
        item.expires = item.ttl = meeting.expires
        available(item.save)

    def spend_try(self, key: str, now: int) -> Meeting | None:
        """One UpdateItem, before the code is looked at."""
        item = meeting_item(key)
        live = MeetingItem.mac.exists() & (MeetingItem.tries > 0) & (MeetingItem.expires > now)
        tried = MeetingItem.tries.set(MeetingItem.tries - 1)
        try:
            available(lambda: item.update(actions=[tried], condition=live))
        except ConditionsFailed:
            return None
        return Meeting(key, item.mac or b"", item.ends, int(item.expires), int(item.tries))

    def contact(self, door: Door) -> Contact | None:
        """One consistent GetItem, opened with the door's own keys."""

        def get() -> RecordItem | None:
            try:
                return RecordItem.get(door.patient, CONTACT, consistent_read=True)
            except RecordItem.DoesNotExist:
                return None

        item = available(get)
        if item is None:
            return None
        return Contact.from_bytes(ring_of(door).open("notice", CONTACT, item.b))

    def reviews(self, names: Sequence[str]) -> Mapping[str, Review]:
        """One consistent BatchGetItem; none where nothing is asked for."""
        return reviews_of(self._registry, names)

    def waiting(self) -> list[str]:
        """The names of the oldest 100 reviews that wait: one Query of the sparse index."""
        page = available(
            lambda: dynamodb().query(
                TableName=self._registry,
                IndexName="review-index",
                KeyConditionExpression="review = :open",
                ExpressionAttributeValues={":open": {"S": OPEN}},
                Limit=PAGE,
            )
        )
        return [item["pk"]["S"].partition("#")[2] for item in page["Items"]]


def reviews_of(registry: str, names: Sequence[str]) -> Mapping[str, Review]:
    """Rows of the registry as reviews, by name."""
    batch = Batch(dynamodb())
    for name in names:
        batch.want(registry, pk=review_key(name))
    found = [_review(row) for row in batch.fetch()[registry]]
    return {review.name: review for review in found}


def _review(row: Mapping[str, Any]) -> Review:
    return Review(
        name=row["pk"].partition("#")[2],
        entry=row["entry"],
        opened=int(row["opened"]),
        state=row["state"],
        seen=row["state"],
        contest=row.get("contest", ""),
        outcome=row.get("outcome", ""),
        answer=row.get("answer", ""),
        kind=row.get("kind", "break-glass"),
    )
