"""The items of the table `registry` that tokens, sign-in and the directory keep: no rules.

`active`, `starts`, `ends` and `expires` have the names that `Caller.require_live` reads.
"""

from __future__ import annotations

from typing import TypeVar

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.models import Model

from dmp.adapters.dynamodb.conflicts import available

T = TypeVar("T", bound=Model)


class _Table:
    """Filled by `client.bind`; each model has its own, for PynamoDB keeps the name there."""

    table_name = "registry"
    region = "eu-west-1"


class ClientItem(Model):
    """client#<client_id>: a registered app; its public key set as JSON, or where it is fetched."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    active = BooleanAttribute()
    name = UnicodeAttribute()
    organizations: ListAttribute[str] = ListAttribute()
    prefix = UnicodeAttribute()
    jwks = UnicodeAttribute(null=True)
    scopes = UnicodeAttribute()
    jwks_uri = UnicodeAttribute(null=True)
    redirect_uris: ListAttribute[str] = ListAttribute(null=True)


class JtiItem(Model):
    """jti#<hash>: an assertion that was used; ended#<jti>: an access token that was revoked."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    ttl = NumberAttribute()
    by = UnicodeAttribute(null=True)


class SessionItem(Model):
    """session#<id>: a signed-in patient; `family` and `refresh` are hashes."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    patient = UnicodeAttribute()
    active = BooleanAttribute()
    client_id = UnicodeAttribute()
    scope = UnicodeAttribute()
    family = UnicodeAttribute()
    refresh_hash = UnicodeAttribute(attr_name="refresh")  # `refresh` is a method of Model
    expires = NumberAttribute()
    until = NumberAttribute()
    strong_until = NumberAttribute(null=True)
    agent = UnicodeAttribute(null=True)
    ttl = NumberAttribute()


class SessionsItem(Model):
    """sessions#<patient>#<day>: the sessions that began on the day, live or not.

    `version` counts them, for who must know that none began meanwhile.
    """

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    ids = UnicodeSetAttribute()
    version = NumberAttribute(null=True)
    ttl = NumberAttribute()


class PractitionerSessionItem(Model):
    """session#<id>: a signed-in practitioner; without `patient`, no patient's way uses it."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    practitioner = UnicodeAttribute(null=True)
    organization = UnicodeAttribute(null=True)
    role = UnicodeAttribute(null=True)
    active = BooleanAttribute()
    secret = UnicodeAttribute(null=True)
    expires = NumberAttribute()
    until = NumberAttribute()
    ttl = NumberAttribute()


class ChallengeItem(Model):
    """challenge#<id>: a code that was asked for, as a MAC; without `patient`, nobody's."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    patient = UnicodeAttribute(null=True)
    identifier = UnicodeAttribute(null=True)
    mac = BinaryAttribute(legacy_encoding=False)
    tries = NumberAttribute()
    expires = NumberAttribute()
    ttl = NumberAttribute()


class CodesItem(Model):
    """rate#<subject>: when the codes of the last day were sent, and the newest challenge."""

    class Meta(_Table):
        """The registry."""

    pk = UnicodeAttribute(hash_key=True)
    sent: ListAttribute[int] = ListAttribute()
    challenge = UnicodeAttribute()
    version = NumberAttribute()
    ttl = NumberAttribute()


def found(model: type[T], key: str) -> T | None:
    """The item, or None: one consistent GetItem; Unavailable when it could not be asked for."""

    def get() -> T | None:
        try:
            return model.get(key, consistent_read=True)
        except model.DoesNotExist:
            return None

    return available(get)
