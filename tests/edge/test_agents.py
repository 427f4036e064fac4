"""What a browser says of itself, as its owner knows it."""

from __future__ import annotations

import pytest

from dmp.edge.agents import agent_of

_APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0",
         "Firefox · Android"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} Mobile Safari/537.36", "Chrome · Android"),
        (f"Mozilla/5.0 (Linux; Android 10; K) {_CHROME} SamsungBrowser/26.0 Mobile Safari/537.36",
         "Samsung Internet · Android"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {_APPLE} Version/18.0 Safari/604",
         "Safari · iPhone"),
        (f"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) {_APPLE} CriOS/130.0 Safari/604.1",
         "Chrome · iPad"),
        (f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) {_APPLE} FxiOS/131.0 Safari/604",
         "Firefox · iPhone"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME} Safari/537.36 Edg/130.0.0.0",
         "Edge · Windows"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_CHROME} Safari/537.36 OPR/115.0",
         "Opera · Mac"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_CHROME} Safari/537.36", "Chrome · ChromeOS"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
         "Firefox · Linux"),
        ("Nadia's own browser <script>", "?"),
        ("Linux", "Linux"),
        ("", "?"),
        ("x" * 9000, "?"),
    ],
)  # fmt: skip
def test_a_browser_is_known_by_name_and_device_and_never_by_its_text(text: str, known: str) -> None:
    assert agent_of({"user-agent": text}) == known


def test_a_browser_that_says_nothing_is_a_browser_still() -> None:
    assert agent_of({}) == "?"
