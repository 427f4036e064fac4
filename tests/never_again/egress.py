"""Who was called or started, and which files were opened, by Python's own audit events."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_AWAY = {
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr",
    "socket.sendto", "urllib.Request", "http.client.connect", "smtplib.connect",
    "ftplib.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
}  # fmt: skip
_listening: list[list[tuple[str, str]]] = []


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if _listening and (event in _AWAY or event == "open"):
        _listening[-1].append((event, " ".join(map(repr, given))))


sys.addaudithook(_hear)


class Heard:
    """What happened while it was listened to."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    @property
    def away(self) -> list[tuple[str, str]]:
        """Every name looked up, socket connected and process started."""
        return [event for event in self.events if event[0] in _AWAY]

    def opened(self, words: str) -> list[tuple[str, str]]:
        """Files opened in whose path the words are."""
        return [event for event in self.events if event[0] == "open" and words in event[1]]


@contextmanager
def heard() -> Iterator[Heard]:
    """Listen; of what other threads do too."""
    made = Heard()
    _listening.append(made.events)
    try:
        yield made
    finally:
        _listening.remove(made.events)
