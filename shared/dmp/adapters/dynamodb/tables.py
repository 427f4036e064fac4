"""The items of `records` and `keys`, and the registry's identifiers: attributes, no rules."""

from __future__ import annotations

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    NumberAttribute,
    UnicodeAttribute,
)
from pynamodb.models import Model

GUARD = "GUARD"
STANDING = "STANDING"
CONTACT = "CONTACT"
HEAD = "KS"


class RecordItem(Model):
    """Any item of a record; which attributes it has, its sort key tells.

    GUARD st pv · STANDING b pv · CONTACT b · K#<commit>[#part] b n · U#<type>#<id> v cs own ·
    KS n upto (the last segment) · KS#<n> b upto · J#<entry> b leaf owes by ·
    N#<entry> b due due_shard state claimed_until ref provider_id told digest bounced delivered ·
    A#<hash> until entry ttl ·
    I#<hash> b ttl · R#<hash> n owes ttl (refusals of a day)
    """

    class Meta:
        """Filled by `client.bind`."""

        table_name = "records"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    b = BinaryAttribute(legacy_encoding=False, null=True)
    st = UnicodeAttribute(null=True)
    pv = NumberAttribute(null=True)
    n = NumberAttribute(null=True)
    v = NumberAttribute(null=True)
    cs: ListAttribute[str] = ListAttribute(null=True)
    own = BooleanAttribute(null=True)
    upto = UnicodeAttribute(null=True)
    leaf = BinaryAttribute(legacy_encoding=False, null=True)
    owes = BooleanAttribute(null=True)
    by = UnicodeAttribute(null=True)
    due = NumberAttribute(null=True)
    due_shard = UnicodeAttribute(null=True)
    state = UnicodeAttribute(null=True)
    claimed_until = NumberAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    ref = UnicodeAttribute(null=True)
    provider_id = UnicodeAttribute(null=True)
    until = NumberAttribute(null=True)
    entry = UnicodeAttribute(null=True)
    ttl = NumberAttribute(null=True)


class KeysItem(Model):
    """A patient's wrapped keys. Deleting the item is the erasure."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "keys"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    kv = NumberAttribute()
    rec = BinaryAttribute(legacy_encoding=False)
    ntc = BinaryAttribute(legacy_encoding=False)


class IdentifierItem(Model):
    """registry: the record behind a national identifier's MAC."""

    class Meta:
        """Filled by `client.bind`."""

        table_name = "registry"
        region = "eu-west-1"

    pk = UnicodeAttribute(hash_key=True)
    patient = UnicodeAttribute()
