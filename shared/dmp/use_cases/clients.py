"""Registered apps: each act of an operator is one transaction with the row that tells of it.

What an act changes is in force at the app's next request: its row is read by every one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from dmp.domain import scopes
from dmp.domain.authorization import CONTEXT_WORDS, is_redirect_uri
from dmp.domain.directory import KEY_URL_MAX, Client, is_key_url
from dmp.domain.identifiers import is_inpe
from dmp.domain.instants import instant
from dmp.domain.refusals import Refusal
from dmp.fhir import json_reader, scope_criteria
from dmp.use_cases.directory import Fault, NotTaken, is_name
from dmp.use_cases.ports import Clock

Deed = Literal["register", "amend", "add-keys", "drop-key", "suspend", "resume", "remove"]
KEYS_MAX = 10
_CLIENT_ID = re.compile(r"[A-Za-z0-9\-._~]{1,64}\Z")
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,5}\Z")
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_PUBLIC = ("kty", "kid", "crv", "x", "y", "n", "e", "alg", "use")
UsableKeys = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what when, and in a word about what; no key, no secret."""

    at: str
    by: str
    what: Deed
    about: str = ""


@dataclass(frozen=True, slots=True)
class Registered:
    """A registration as it was read: how often it changed, and whether it was removed."""

    client: Client
    version: int
    removed: bool = False


class ClientRows(Protocol):
    """Registrations. What is written is written with its act, or not at all."""

    def find(self, client_id: str) -> Registered | None:
        """A registration, a removed one too."""

    def write(self, new: Registered, seen: Registered | None, act: Act) -> None:
        """Keep it in the place of what was seen.

        NotTaken when it moved since, or its id or prefix is or ever was another's.
        """

    def acts(self, client_id: str) -> Sequence[Act]:
        """Everything that was done to it, oldest first."""


class Clients:
    """What operators do to apps. `usable` tells the ids of a key set's keys that can verify."""

    def __init__(self, rows: ClientRows, usable: UsableKeys, clock: Clock, by: str) -> None:
        self._rows = rows
        self._usable = usable
        self._clock = clock
        self._by = by

    def register(self, row: Mapping[str, Any]) -> Client:
        """A new app, of `client_of`'s row; its id and prefix are its own for ever."""
        client = client_of(row, self._usable)
        if self._rows.find(client.id) is not None:
            raise _refused(client.id, "client_id", "one that no app has or had")
        self._write(Registered(client, 1), None, "register", client.scopes)
        return client

    def amend(self, row: Mapping[str, Any]) -> Client:
        """Another registration of the same app, under the same prefix; no act if it is the same."""
        client = client_of(row, self._usable)
        seen = self._found(client.id)
        if client.prefix != seen.client.prefix:
            raise _refused(client.id, "prefix", "the one that the app was registered with")
        client = replace(client, active=seen.client.active)
        if client != seen.client:
            self._changed(seen, client, "amend", client.scopes)
        return client

    def add_keys(self, client_id: str, jwks: str) -> Sequence[str]:
        """Keys beside those it has: both verify. The ids of all."""
        seen = self._found(client_id)
        if not seen.client.jwks:
            raise _refused(client_id, "keys", "an app whose keys are registered by value")
        added, held = public_keys(jwks, self._usable), _members(seen.client.jwks)
        if {key["kid"] for key in added} & {key["kid"] for key in held}:
            raise _refused(client_id, "kid", "another one than the keys it has")
        if len(added) + len(held) > KEYS_MAX:
            raise _refused(client_id, "keys", f"at most {KEYS_MAX}: drop an old one first")
        return self._keys(seen, [*held, *added], "add-keys", added)

    def drop_key(self, client_id: str, kid: str) -> Sequence[str]:
        """The key out; the ids of those that are left, one at least."""
        seen = self._found(client_id)
        held = _members(seen.client.jwks) if seen.client.jwks else []
        dropped = [key for key in held if key["kid"] == kid]
        left = [key for key in held if key["kid"] != kid]
        if not dropped or not left:
            raise _refused(client_id, "kid", "one of its keys, and not the last one")
        return self._keys(seen, left, "drop-key", dropped)

    def suspend(self, client_id: str) -> None:
        """Out at its next request, until `resume`."""
        self._turn(client_id, "suspend", active=False)

    def resume(self, client_id: str) -> None:
        """In again."""
        self._turn(client_id, "resume", active=True)

    def remove(self, client_id: str) -> None:
        """Out for good, without keys; its id and prefix are never given again."""
        seen = self._found(client_id)
        bare = replace(seen.client, active=False, jwks="", jwks_uri="", redirect_uris=())
        self._write(Registered(bare, seen.version + 1, removed=True), seen, "remove")

    def acts(self, client_id: str) -> Sequence[Act]:
        """Everything that was done to an app, oldest first."""
        return self._rows.acts(client_id)

    def _turn(self, client_id: str, what: Deed, *, active: bool) -> None:
        seen = self._found(client_id)
        if seen.client.active != active:
            self._changed(seen, replace(seen.client, active=active), what)

    def _keys(
        self, seen: Registered, keys: Sequence[Mapping[str, Any]], what: Deed, about: Any
    ) -> Sequence[str]:
        client = replace(seen.client, jwks=_set(keys))
        self._changed(seen, client, what, " ".join(key["kid"] for key in about))
        return [key["kid"] for key in keys]

    def _found(self, client_id: str) -> Registered:
        seen = self._rows.find(client_id)
        if seen is None or seen.removed:
            raise _refused(client_id, "client_id", "an app that is registered and not removed")
        return seen

    def _changed(self, seen: Registered, client: Client, what: Deed, about: str = "") -> None:
        self._write(Registered(client, seen.version + 1), seen, what, about)

    def _write(self, new: Registered, seen: Registered | None, what: Deed, about: str = "") -> None:
        act = Act(instant(self._clock.now_ms()), self._by, what, about)
        self._rows.write(new, seen, act)


def client_of(row: Mapping[str, Any], usable: UsableKeys) -> Client:
    """The app of a row; NotTaken naming each fault.

    A row has `client_id`, `name`, `organizations`, `prefix`, `scopes`, and perhaps `kind` and
    `redirect_uris`; of `jwks` (JSON text) and `jwks_uri` one, unless the app is public.
    """
    place = f"client {row.get('client_id', '')}".strip()
    faults = [Fault(place, column, accepted) for column, accepted in _faults(row)]
    keys = ""
    if isinstance(row.get("jwks"), str):
        try:
            keys = _set(public_keys(row["jwks"], usable))
        except NotTaken as refused:
            faults += [replace(fault, place=place) for fault in refused.faults]
    if faults:
        raise NotTaken(faults)
    return Client(
        id=row["client_id"],
        name=row["name"],
        active=True,
        organizations=tuple(row["organizations"]),
        prefix=row["prefix"],
        jwks=keys,
        scopes=row["scopes"],
        jwks_uri=row.get("jwks_uri", ""),
        redirect_uris=tuple(row.get("redirect_uris", ())),
    )


def public_keys(jwks: str, usable: UsableKeys) -> list[dict[str, Any]]:
    """The keys of a set, every one of which must be able to verify; NotTaken otherwise."""
    keys = _members(jwks)
    if any(_PRIVATE & set(key) for key in keys):
        told = "public keys only; a private one that was sent is no longer secret: make another"
        raise _refused("keys", "jwks", told)
    if not keys or len(keys) > KEYS_MAX or len(usable(jwks)) != len(keys):
        told = f"a JWK set of 1 to {KEYS_MAX} keys, each with a kid of its own: EC P-384 (ES384)"
        raise _refused("keys", "jwks", f"{told} or RSA from 2048 bits on (RS384)")
    return [{name: key[name] for name in _PUBLIC if name in key} for key in keys]


def _members(jwks: str) -> list[dict[str, Any]]:
    try:
        keys = json_reader.read_object(jwks.encode(errors="replace")).get("keys")
    except Refusal:
        return []
    sound = isinstance(keys, list) and all(isinstance(key, dict) for key in keys)
    return keys if sound and isinstance(keys, list) else []


def _set(keys: Sequence[Mapping[str, Any]]) -> str:
    return json_reader.write({"keys": list(keys)}).decode()


def _faults(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for column, (passes, accepted) in _RULES.items():
        if not passes(row.get(column)):
            yield column, accepted
    redirects = row.get("redirect_uris", [])
    if not isinstance(redirects, list) or not all(
        isinstance(uri, str) and is_redirect_uri(uri) for uri in redirects
    ):
        told = "https, a loopback address without port, or an app's own scheme; exact, no wildcard"
        yield "redirect_uris", told
    given = {"jwks", "jwks_uri"} & set(row)
    if row.get("kind", "confidential") == "public":
        if given or not redirects:
            yield "kind", "a public app has redirect URIs and no keys"
    elif len(given) != 1:
        yield "jwks", "one of jwks and jwks_uri: a confidential app proves itself by its keys"
    elif "jwks_uri" in row and not is_key_url(row["jwks_uri"]):
        yield "jwks_uri", f"an https URL of at most {KEY_URL_MAX} characters, nothing after a path"
    elif "jwks" in row and not isinstance(row["jwks"], str):
        yield "jwks", "a JWK set as text"


def _are_scopes(value: Any) -> bool:
    """Each word grants something, all of it fits a token."""
    if not isinstance(value, str) or len(value) > scopes.LENGTH_MAX:
        return False
    words = value.split()
    grants = all(word in CONTEXT_WORDS or scopes.granted(word, word) for word in words)
    return bool(words) and grants and not scope_criteria.fault(words)


def _are_organizations(value: Any) -> bool:
    numbers = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return numbers and bool(value) and all(map(is_inpe, value))


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.match(value) is not None


_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "client_id": (_matches(_CLIENT_ID), "1 to 64 letters, digits and -._~"),
    "name": (is_name, "text of at most 200 bytes"),
    "prefix": (_matches(_PREFIX), "a letter and at most five letters or digits, lower case"),
    "organizations": (_are_organizations, "INPE numbers, nine digits each"),
    "scopes": (_are_scopes, f"SMART v2 scopes (system/Observation.rs), {scopes.LENGTH_MAX} long"),
    "kind": (lambda kind: kind in (None, "confidential", "public"), "confidential or public"),
}


def _refused(place: str, column: str, accepted: str) -> NotTaken:
    return NotTaken([Fault(place, column, accepted)])
