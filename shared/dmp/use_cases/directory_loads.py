"""Loads of the directory: wholly there or wholly absent, whatever stops them, and repeatable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from dmp.domain.directory_book import Book, Listed
from dmp.use_cases.ports import Clock

ENTRIES_AT_ONCE = 49  # two rows each, beside the load's own, in a transaction of a hundred
Progress = Callable[[int, int], None]


class LoadUnderWay(Exception):
    """Another load is under way, or came between; nothing of this one was taken."""


class DirectoryLoads(Protocol):
    """The directory's loads. A load is visible from `commit` on, to everybody at once."""

    def current(self) -> str:
        """The load in force, empty before the first."""

    def book(self, load: str) -> Book | None:
        """The whole directory as of a load."""

    def recover(self, now: int) -> None:
        """Finish what an earlier load left; LoadUnderWay while another one moves."""

    def begin(self, load: str, base: str, by: str, now: int) -> None:
        """Open a load on top of `base`; LoadUnderWay unless `base` is in force and none is open."""

    def keep(self, load: str, book: Book) -> None:
        """Keep the whole directory as the load leaves it, unseen."""

    def stage(self, load: str, entries: Sequence[Listed], now: int) -> None:
        """Write what entries shall be, unseen; LoadUnderWay when the load was ended by another."""

    def commit(self, load: str) -> None:
        """Turn it over."""

    def finish(self, load: str) -> None:
        """Close it, as never written unless it was committed; who reads sees no difference."""


class Loads:
    """Writes a directory out of entries that were checked against the one in force."""

    def __init__(self, store: DirectoryLoads, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def in_force(self) -> tuple[str, Book]:
        """The load and the directory that entries are to be checked against."""
        load = self._store.current()
        book = self._store.book(load)
        if book is None:
            raise LoadUnderWay("another load came between: send it again")
        return load, book

    def load(self, base: str, before: Book, after: Book, by: str, progress: Progress) -> None:
        """Make `after` of `before`, which was in force as of `base`; LoadUnderWay if it is not.

        Interrupted, it is wholly absent, unless it was committed already: then wholly there.
        """
        entries = after.differences(before).entries
        self._store.recover(self._now())
        if not entries:
            return
        load = f"{self._now():x}-{self._clock.random_bits(32):08x}"
        try:
            self._store.begin(load, base, by, self._now())
            self._store.keep(load, after)
            for first in range(0, len(entries), ENTRIES_AT_ONCE):
                self._store.stage(load, entries[first : first + ENTRIES_AT_ONCE], self._now())
                progress(min(first + ENTRIES_AT_ONCE, len(entries)), len(entries))
            self._store.commit(load)
        finally:
            self._store.finish(load)

    def _now(self) -> int:
        return self._clock.now_ms() // 1000
