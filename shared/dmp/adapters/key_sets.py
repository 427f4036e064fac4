"""Key sets that apps publish at their registered URLs: kept while they live, fetched sparingly.

A URL is asked for at most once in 60 seconds by all of a region's processes together, whatever
tokens come and whether it answers: the minute is claimed in the registry before the fetch. What
was fetched stands there too, so that one process's fetch serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from dmp.adapters.jwt import BadToken, VerifyingKey, key_set, registered_keys
from dmp.adapters.key_fetcher import SECONDS_MAX, Fetched, NotFetched
from dmp.domain.refusals import Unavailable

AGAIN_S = 60


@dataclass(frozen=True, slots=True)
class Kept:
    """What stands of one URL: the set and until when it may be used.

    `asked` is when it was last asked for, `answered` the time of asking that has come to an end.
    """

    jwks: str = ""
    until: int = 0
    asked: int = 0
    answered: int = 0


class KeySetRows(Protocol):
    """What all processes know of each URL."""

    def find(self, url: str) -> Kept | None:
        """The row, consistently read."""

    def claim(self, url: str, now: int, again_s: int) -> bool:
        """Whether this process may ask now; False when any did within `again_s`: one write."""

    def keep(self, url: str, kept: Kept) -> None:
        """What came of asking, durable on return; only who claimed may."""


class Fetcher(Protocol):
    """The way out."""

    def fetch(self, url: str) -> Fetched:
        """The body and its life; NotFetched otherwise."""


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Mapping[str, VerifyingKey]
    until: int
    asked: int

    def has(self, kid: str, now: int) -> bool:
        return now < self.until and kid in self.keys


class KeySets:
    """The keys behind registered URLs. Nothing calls this before the client is found active.

    `count` adds one to a metric: KeySetsNotFetched, for each fetch that brought no key set.
    """

    def __init__(
        self,
        algorithms: Mapping[str, str],
        rows: KeySetRows,
        fetcher: Fetcher,
        count: Callable[[str], None],
    ) -> None:
        self._algorithms = algorithms
        self._rows = rows
        self._fetcher = fetcher
        self._count = count
        self._held: dict[str, _Held] = {}

    def keys(self, url: str, kid: str, now: int) -> Mapping[str, VerifyingKey]:
        """The living keys of the URL, asked for anew if `kid` is not among them and may be.

        BadToken when there are none; Unavailable while another process is asking.
        """
        held = self._held.get(url)
        if held is None or not (held.has(kid, now) or now < held.asked + AGAIN_S):
            held = self._held[url] = self._looked_up(url, kid, now)
        if now >= held.until:
            raise BadToken("no keys could be fetched from the app's registered URL")
        return held.keys

    def _looked_up(self, url: str, kid: str, now: int) -> _Held:
        kept = self._rows.find(url)
        if kept and (held := self._parsed(kept)).has(kid, now):
            return held
        if self._rows.claim(url, now, AGAIN_S):
            return self._parsed(self._fetched(url, kept or Kept(), now))
        if kept is None or (kept.answered < kept.asked and now <= kept.asked + SECONDS_MAX):
            raise Unavailable("another process is fetching the keys")
        return held

    def _fetched(self, url: str, before: Kept, now: int) -> Kept:
        """What the URL gives; when it fails, what was known, for as long as that lives."""
        try:
            fetched = self._fetcher.fetch(url)
            kept = Kept(_text(fetched.body), now + fetched.life_s, now, now)
        except NotFetched:
            self._count("KeySetsNotFetched")
            kept = Kept(before.jwks, before.until, now, now)
        self._rows.keep(url, kept)
        return kept

    def _parsed(self, kept: Kept) -> _Held:
        return _Held(registered_keys(kept.jwks, self._algorithms), kept.until, kept.asked)


def _text(body: bytes) -> str:
    """A JWK set as text. An empty one is a set: who publishes it has withdrawn every key."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise NotFetched("no text") from None
    if key_set(text) is None:
        raise NotFetched("no JWK set")
    return text
