"""What a browser says of itself, as far as its owner knows it by: a name and a kind of device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dmp.edge.browser import device_of
from dmp.edge.http import Request
from dmp.use_cases.browsers import UNKNOWN, Held

# The first that is named counts: most name others too, to be served like them.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)  # fmt: skip
_DEVICES = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
    ("CrOS", "ChromeOS"), ("Mac OS X", "Mac"), ("Linux", "Linux"),
)  # fmt: skip


def agent_of(headers: Mapping[str, str]) -> str:
    """`Firefox · Android`; never empty and never the text itself, which may name a person."""
    text = headers.get("user-agent", "")
    named = (
        next((name for mark, name in known if mark in text), "") for known in (_BROWSERS, _DEVICES)
    )
    return " · ".join(part for part in named if part) or UNKNOWN


def seen(held: Held, request: Request, *, secure: bool) -> Held:
    """The browser, with what this request tells of it."""
    device = device_of(request.headers, secure=secure)
    return replace(held, device=device, agent=agent_of(request.headers))
