"""Marks of what was told once, in the registry (`dmp.domain.marks`)."""

from __future__ import annotations

from pynamodb.attributes import ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.models import Model

from dmp.domain.marks import FRESH_S, Mark, first_key


class MarkItem(Model):
    """device#…, let-in#… or first-sign-in#…: `until` when, of which `words`."""

    class Meta:
        """The registry."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    until = NumberAttribute()
    words: ListAttribute[str] = ListAttribute(null=True)
    ttl = NumberAttribute()


def mark_item(mark: Mark) -> MarkItem:
    """The row of a mark."""
    words = list(mark.words) or None
    return MarkItem(mark.key, until=mark.until, words=words, ttl=mark.until)


def first_item(patient: str, opened: int) -> MarkItem:
    """What the opening of a record leaves for the first sign-in."""
    return mark_item(Mark(first_key(patient), opened + FRESH_S))
