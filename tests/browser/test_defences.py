"""What a real browser does at its worst: old pages, other tabs, forms that lead elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from infra.local.visitors import Sandbox
from tests.browser.conftest import Opened
from tests.browser.walk import ALLOW, App, walk
from tests.e2e.place import Home


def test_back_reload_and_a_second_tab_find_what_is_so(
    opened: Opened, sandbox: Sandbox, back: App, people: Callable[[], Home]
) -> None:
    browser = opened()
    at, other = (walk(browser, sandbox, back, "en") for _ in range(2))
    at.come()
    other.come()
    at.sign_in(people())
    at.page.reload()
    at.page.wait_for_selector(ALLOW)
    other.say("ZA100005")  # its form is of before: it shows where the browser is instead
    assert "nothing was done" in other.page.inner_text("main")
    at.page.click(ALLOW)
    at.page.wait_for_url("**/callback?*")
    at.page.go_back()
    at.page.wait_for_selector("h1")
    assert "no longer valid" in at.page.inner_text("main")
    other.page.click(ALLOW)
    other.page.wait_for_url("**/callback?*")
    assert len({told["code"] for told in back.told[-2:]}) == 2


def test_a_form_leads_nowhere_but_here_and_to_the_app(
    opened: Opened, sandbox: Sandbox, back: App
) -> None:
    at = walk(opened(address="203.0.113.131"), sandbox, back, "en")
    at.come()
    refused: list[str] = []
    at.page.on("console", lambda message: refused.append(message.text))
    at.page.evaluate(
        "document.forms[0].action = 'http://127.0.0.1:1/steal'; document.forms[0].submit()"
    )
    at.page.wait_for_timeout(300)

    assert any("form-action" in text for text in refused), refused
    assert "authorize" in at.page.url


def test_a_page_cannot_be_framed_and_runs_no_script_but_ours(
    opened: Opened, sandbox: Sandbox, back: App
) -> None:
    at = walk(opened(address="203.0.113.132"), sandbox, back, "en")
    inside = at.address()
    at.page.goto(f"http://127.0.0.1:{back.port}/")
    at.page.evaluate(
        "address => { const f = document.createElement('iframe'); f.src = address;"
        "document.body.append(f) }",
        inside,
    )
    at.page.wait_for_timeout(700)
    assert all("Sign in" not in frame.content() for frame in at.page.frames)
    at.come()
    at.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        "document.body.append(s) }"
    )
    assert at.page.evaluate("window.ran") is None


def test_the_cookie_is_not_for_scripts_nor_for_other_sites(
    opened: Opened, sandbox: Sandbox, back: App
) -> None:
    browser = opened(address="203.0.113.133")
    at = walk(browser, sandbox, back, "en")
    at.come()
    (cookie,) = [c for c in browser.cookies() if c["name"] == "dmp-browser"]

    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    assert at.page.evaluate("document.cookie") == ""
