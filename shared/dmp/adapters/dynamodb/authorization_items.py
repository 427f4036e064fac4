"""The items of the table `registry` that the authorization server keeps: no rules."""

from __future__ import annotations

from pynamodb.attributes import (
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.models import Model


class _Table:
    """Filled by `client.bind`; each model has its own, for PynamoDB keeps the name there."""

    table_name = "registry"
    region = "eu-west-1"


class WaitingItem(Model):
    """launch#<hash> or authorization#<id>: `content` is its JSON, good until `expires`."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    content = UnicodeAttribute()
    expires = NumberAttribute()
    ttl = NumberAttribute()


class CodeItem(Model):
    """code#<hash>: kept after its use, so that a second use is seen."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    content = UnicodeAttribute()
    used = BooleanAttribute()
    expires = NumberAttribute()
    ttl = NumberAttribute()


class AppItem(Model):
    """app#<id>: an app that a person let in; `family` and `refresh` are hashes."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    active = BooleanAttribute()
    given = UnicodeAttribute()
    family = UnicodeAttribute()
    refresh_hash = UnicodeAttribute(attr_name="refresh")  # `refresh` is a method of Model
    created = NumberAttribute()
    expires = NumberAttribute()
    until = NumberAttribute()
    ttl = NumberAttribute()


class AppsItem(Model):
    """apps#<owner>: the ids of the apps that a person let in; `version` for the swap."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    apps: ListAttribute[str] = ListAttribute()
    version = NumberAttribute()
