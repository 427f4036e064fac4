"""Every page and error state in four languages: axe finds nothing, nothing leaves or clips."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import pytest

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import Sandbox
from tests.browser.conftest import Opened
from tests.browser.walk import ALLOW, REFUSE, App, Walk, walk
from tests.e2e.place import Home

NOBODY = {"ar": "ZA100001", "fr": "ZA100002", "zgh": "ZA100003", "en": "ZA100004"}
ADDRESS = {name: f"203.0.113.{140 + i}" for i, name in enumerate(LANGUAGES)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_is_for_everybody(
    opened: Opened, sandbox: Sandbox, back: App, language: str
) -> None:
    at = walk(opened(address=ADDRESS[language]), sandbox, back, language)
    first = at.come()
    assert len(gzip.compress(first.body())) < 20_000
    at.checked("1-who")
    at.say("not a number")
    at.checked("2-who-wrong")
    at.say(NOBODY[language])
    at.page.wait_for_selector("#code")
    at.checked("3-code")
    at.type("12")
    at.checked("4-code-form")
    at.type("123456")
    at.checked("5-code-wrong")
    at.page.click("main form:has([value=again]) button")
    at.checked("6-again-too-soon")
    at.type("123456")
    at.type("123456")
    assert at.page.locator("#code").count() == 0
    at.checked("7-tries-used-up")
    at.page.goto(at.address(client_id="nobody"))
    at.checked("8-app-unknown")
    at.page.goto(f"{at.base}/oauth2/authorize?a={'x' * 43}&lang={language}")
    at.checked("9-over")
    at.only_ours()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_patient_lets_an_app_in_without_a_script_and_with_one(
    opened: Opened, sandbox: Sandbox, back: App, language: str, people: Callable[[], Home]
) -> None:
    plain = opened(scripts=False)
    at = walk(plain, sandbox, back, language)
    at.come()
    at.sign_in(people())
    at.page.click(REFUSE)
    at.page.wait_for_url("**/callback?*")
    assert back.told[-1]["error"] == "access_denied"
    at.come()  # signed in already: the consent at once
    at.page.click(ALLOW)
    at.page.wait_for_url("**/callback?*")
    assert back.told[-1].keys() == {"code", "state", "iss"}
    at.only_ours()

    scripted = opened()
    scripted.add_cookies(plain.cookies())
    on = walk(scripted, sandbox, back, language)
    on.come()
    on.checked("10-consent")
    for box in on.page.locator("main input[type=checkbox]").all():
        box.uncheck()
    on.page.click(ALLOW)
    on.checked("11-nothing-ticked")
    on.page.dblclick(ALLOW)  # all are ticked again; pressed twice, sent once
    on.page.wait_for_url("**/callback?*")
    assert back.told[-1].keys() == {"code", "state", "iss"}
    on.only_ours()


def test_the_walk_needs_no_mouse(
    opened: Opened, sandbox: Sandbox, back: App, people: Callable[[], Home]
) -> None:
    person = people()
    at = walk(opened(), sandbox, back, "fr")
    at.come()
    keyboard = at.page.keyboard
    keyboard.press("Tab")
    assert _focused(at) == "skip"
    at.page.focus("#who")
    keyboard.type(str(person.known["cin"]))
    before = len(sandbox.messages(person.person.phone))
    keyboard.press("Enter")
    at.page.wait_for_selector("#code")
    assert _focused(at) == "code"  # the field has the focus: type at once
    keyboard.type(_code(sandbox, person, before))
    keyboard.press("Tab")
    keyboard.press("Enter")
    at.page.wait_for_selector(ALLOW)
    at.page.focus("#choice-0")
    keyboard.press("Space")
    assert not at.page.is_checked("#choice-0")
    while at.page.evaluate("document.activeElement.value") != "allow":
        keyboard.press("Tab")
        assert at.page.evaluate("document.activeElement.matches(':focus-visible')")
    keyboard.press("Enter")
    at.page.wait_for_url("**/callback?*")
    assert "code" in back.told[-1]


def _focused(at: Walk) -> str:
    return str(at.page.evaluate("document.activeElement.className || document.activeElement.id"))


def _code(sandbox: Sandbox, person: Home, before: int) -> str:
    return sandbox.wait_code(person.person.phone, before)
