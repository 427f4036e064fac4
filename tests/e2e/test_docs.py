"""The API's viewer on the deployed stack, in a browser: what it shows, loads and is allowed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.place import Place

ADDRESS = "203.0.113.87"
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium of this machine, or the one that Playwright has installed."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield made
        made.close()


def test_the_viewer_lists_the_operations_and_asks_nobody_else(
    place: Place, browser: Browser
) -> None:
    url = place.sandbox(ADDRESS).url("/docs")
    told = place.http.get(place.sandbox(ADDRESS).url("/openapi.json")).json()
    page = browser.new_page()
    asked: list[str] = []
    wrong: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))

    page.goto(url)
    page.wait_for_selector(".opblock", timeout=30_000)

    shown = page.locator(".opblock").count()
    page.locator(".opblock-summary", has_text="$everything").first.click()
    page.wait_for_selector(".opblock-body", timeout=10_000)
    text = page.locator(".opblock-body").first.inner_text()
    page.close()
    operations = sum(m != "parameters" for item in told["paths"].values() for m in item)
    assert shown == operations
    assert "_since" in text
    assert wrong == []
    assert {urlsplit(u).netloc for u in asked if not u.startswith("data:")} == {
        urlsplit(url).netloc
    }
