"""Codes of first meetings and the officer's reviews, in the registry; each method is one call."""

from __future__ import annotations

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
from dmp.adapters.dynamodb.registry import found
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

    def review(self, consent: str) -> Review | None:
        """One consistent GetItem."""
        item = found(ReviewItem, review_key(consent))
        if item is None:
            return None
        return Review(
            consent=consent,
            entry=item.entry,
            opened=int(item.opened),
            state=item.state,
            seen=item.state,
            contest=item.contest or "",
            outcome=item.outcome or "",
        )

    def waiting(self) -> list[str]:
        """The consents of the oldest 100 reviews that wait: one Query of the sparse index."""
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
