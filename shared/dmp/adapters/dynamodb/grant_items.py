"""The registry's items of grants: codes of first meetings, and break-glass to be reviewed."""

from __future__ import annotations

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

OPEN = "open"


class MeetingItem(Model):
    """meeting#<hash>: the one live code of a practitioner, organisation and patient.

    `mac` is there until the code is used; `ends` is the grant's end, an instant in UTC.
    """

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    mac = BinaryAttribute(legacy_encoding=False, null=True)
    tries = NumberAttribute()
    ends = UnicodeAttribute()
    expires = NumberAttribute()
    ttl = NumberAttribute()


class ReviewItem(Model):
    """review#<name>: a break-glass or a disputed access; it waits for the officer, or is settled.

    `review` is there while it waits, and puts it in the sparse index.
    `entry`, `contest` and `answer` are journal entries of that record, where all that was said is
    sealed. `kind` is left out of a break-glass.
    """

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    review = UnicodeAttribute(null=True)
    opened = NumberAttribute()
    state = UnicodeAttribute()
    entry = UnicodeAttribute()
    contest = UnicodeAttribute(null=True)
    outcome = UnicodeAttribute(null=True)
    answer = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)


def meeting_item(key: str) -> MeetingItem:
    """The item of a first meeting's key, to be changed."""
    return MeetingItem(f"meeting#{key}")


def review_key(name: str) -> str:
    """The key of the review of a break-glass consent, or of a disputed access."""
    return f"review#{name}"
