"""The authorizer's context to a Caller and back. API Gateway passes strings only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields

from dmp.domain.caller import Caller

_MEMBERS = frozenset(field.name for field in fields(Caller))


def context_of(caller: Caller) -> dict[str, str]:
    """What the authorizer hands to the functions."""
    return {"caller": json.dumps(asdict(caller), separators=(",", ":"))}


def caller_of(context: Mapping[str, object] | None) -> Caller | None:
    """The Caller that the authorizer put there, or None on a route without it."""
    text = (context or {}).get("caller")
    if not isinstance(text, str):
        return None
    members = json.loads(text)
    # an answer of the authorizer is kept for 300 s: one of another version may have more members
    known = {name: value for name, value in members.items() if name in _MEMBERS}
    return Caller(**{**known, "scopes": tuple(members["scopes"])})
