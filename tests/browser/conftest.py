"""One Chromium for the tests of pages, and people with records who sign in on them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from infra.local.visitors import Sandbox
from tests.browser.chromium import ARGUMENTS, NotAtHand, chromium
from tests.browser.walk import App, app
from tests.e2e.place import Home, Place

ADDRESS = "203.0.113.120"
# Nobody else's in these tests: a person may have one code a minute.
PEOPLE = (
    "AB310245",
    "BJ417730",
    "CB118842",
    "D739916",
    "F291673",
    "BH509118",
    "EE384057",
    "W370954",
    "G560384",
    "IB205518",
)
Opened = Callable[..., BrowserContext]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the deployed template."""
    for item in items:
        if "/tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium; where it cannot be had a run without skips fails, another one says so."""
    try:
        found = chromium()
    except NotAtHand as reason:
        if os.environ.get("DMP_NO_SKIPS"):
            pytest.fail(f"pages cannot be tested: {reason}")
        pytest.skip(f"Chromium is not at hand: {reason}")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=found.path, args=ARGUMENTS, env={**os.environ, **found.environment}
        )
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Opened]:
    """Opens a browser of its own: no cookies, a source address, JavaScript or none."""
    made: list[BrowserContext] = []

    def open_context(*, scripts: bool = True, address: str = ADDRESS) -> BrowserContext:
        context = browser.new_context(
            java_script_enabled=scripts, extra_http_headers={"X-Forwarded-For": address}
        )
        context.set_default_timeout(15_000)
        made.append(context)
        return context

    yield open_context
    for context in made:
        context.close()


@pytest.fixture(scope="package")
def back() -> Iterator[App]:
    """The app that people come from and go back to."""
    with app() as listening:
        yield listening


@pytest.fixture(scope="package")
def sandbox(place: Place) -> Sandbox:
    """The sandbox, as the app reaches it."""
    return place.sandbox(ADDRESS)


@pytest.fixture(scope="package")
def people(place: Place) -> Callable[[], Home]:
    """Gives somebody with a record who has not signed in yet."""
    waiting = iter(PEOPLE)

    def next_one() -> Home:
        number = next(waiting)
        return place.newcomer(number, f"203.0.113.{121 + PEOPLE.index(number)}")

    return next_one
