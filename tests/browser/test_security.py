"""The security page in Chromium: four languages, two widths, a real device, no script, print."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import code_in
from tests.browser.conftest import Opened
from tests.browser.devices import device
from tests.browser.holders import PASSKEY, PIN, TYPE_PIN
from tests.browser.walk import ALLOW, ENTER, SEND, App, Walk, walk
from tests.e2e.place import Home, Place

NUMBER = "SA402202"
PATH = "/account/security"
APP = "sandbox-smart-app"
WANTS = "patient/Observation.rs patient/MedicationRequest.cruds launch/patient offline_access"


def button(action: str) -> str:
    """The button of the page's form that asks for it."""
    return f"main form:has([value={action}]) button"


@dataclass
class Owner:
    """A patient with a PIN, a passkey, codes, an app and two browsers, all made on the pages."""

    home: Home
    context: BrowserContext
    other: BrowserContext
    codes: list[str]

    def at(self, opened: Opened, app: App, language: str, *, scripts: bool = True) -> Walk:
        """The page, in a browser of a test's own with the cookies of the first."""
        context = opened(scripts=scripts, address="203.0.113.211")
        cookies: list[Any] = list(self.context.cookies())
        context.add_cookies([one for one in cookies if one["name"] != "dmp-lang"])
        made = walk(context, self.home.sandbox, app, language)
        made.page.goto(f"{made.base}{PATH}?lang={language}")
        return made


def pressed(at: Walk, action: str) -> None:
    """A button of the page, and the PIN where it is asked for."""
    if not at.page.locator(button(action)).count():
        at.page.goto(f"{at.base}{PATH}")
    shown = at.page.locator(button(action)).first
    ending = at.page.locator(f"details.ending:has([value={action}]) summary")
    if not shown.is_visible() and ending.count():
        ending.first.click()
    shown.click()
    if at.page.locator("#pin").count():
        at.page.fill("#pin", PIN)
        at.page.click(TYPE_PIN)


@pytest.fixture(scope="module")
def owner(browser: Browser, back: App, place: Place) -> Iterator[Owner]:
    home = place.newcomer(NUMBER, "203.0.113.210")
    context, other = (
        browser.new_context(extra_http_headers={"X-Forwarded-For": "203.0.113.210"})
        for _ in range(2)
    )
    at = walk(context, home.sandbox, back, "en")
    key = device(at.page)
    before = len(home.sandbox.messages(home.person.phone))
    at.page.goto(f"{at.base}{PATH}?lang=en")
    at.page.fill("#who", str(home.known["cin"]))
    at.page.click(SEND)
    at.page.fill("#code", code_in(home.sandbox.wait_message(home.person.phone, before)))
    at.page.click(ENTER)
    at.page.wait_for_selector(button("pin"))
    at.checked("50-security-nothing-yet")
    pressed(at, "passkey")
    at.page.fill("#name", "Téléphone de Younes")
    at.page.click(button("add-passkey"))
    at.page.wait_for_selector(".told")
    pressed(at, "pin")
    at.page.fill("#new_pin", PIN)
    at.page.fill("#new_pin_again", PIN)
    at.page.click(button("set-pin"))
    at.page.wait_for_selector(".told")
    pressed(at, "codes")
    codes = at.page.locator(".codes code").all_inner_texts()
    at.come(client_id=APP, scope=WANTS)
    at.page.click(ALLOW)
    at.page.wait_for_url("**/callback?*")
    assert "access_token" in at.exchange(back.told[-1]["code"], APP).json()
    second = walk(other, home.sandbox, back, "en")
    device(second.page).put(key.passkeys())
    second.page.goto(f"{second.base}{PATH}?lang=en")
    second.page.click(PASSKEY)
    second.page.wait_for_selector(button("pin"))
    yield Owner(home, context, other, codes)
    context.close()
    other.close()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody(
    opened: Opened, back: App, owner: Owner, language: str
) -> None:
    at = owner.at(opened, back, language)
    page = at.page
    shown = page.locator(".held > li").all_inner_texts()
    assert len(shown) == 4, shown  # a passkey, two places, an app
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    at.checked("51-security")
    pressed(at, "pin")
    at.checked("52-pin-new")
    page.fill("#new_pin", "123456")
    page.fill("#new_pin_again", "123456")
    page.click(button("set-pin"))
    at.checked("53-pin-guessed")
    page.fill("#new_pin", "592751")
    page.fill("#new_pin_again", "592752")
    page.click(button("set-pin"))
    at.checked("54-pin-differs")
    device(page)
    pressed(at, "passkey")
    at.checked("55-passkey-new")
    page.fill("#name", "\u200b")
    page.click(button("add-passkey"))
    page.wait_for_selector("#name-error")
    at.checked("56-passkey-name")
    pressed(at, "codes")
    at.checked("57-codes")
    page.emulate_media(media="print")
    assert not page.locator(".own").is_visible()
    assert page.locator(".codes code").count() == 10
    at.only_ours()


def test_without_a_script_all_but_the_passkey_is_done(
    opened: Opened, back: App, owner: Owner
) -> None:
    at = owner.at(opened, back, "fr", scripts=False)
    pressed(at, "passkey")
    assert "sans JavaScript" in at.page.inner_text("main")
    assert not at.page.locator(button("add-passkey")).is_visible()
    pressed(at, "pin")
    at.page.fill("#new_pin", PIN)
    at.page.fill("#new_pin_again", PIN)
    at.page.click(button("set-pin"))
    at.page.wait_for_selector(".told")
    pressed(at, "end-app")
    at.page.wait_for_selector(".told")
    assert at.page.locator(button("end-app")).count() == 0


def test_the_page_needs_no_mouse(opened: Opened, back: App, owner: Owner) -> None:
    at = owner.at(opened, back, "ar")
    at.page.focus("details.ending summary")
    at.page.keyboard.press("Enter")
    at.page.keyboard.press("Tab")
    assert at.page.evaluate("document.activeElement.matches('details button:focus-visible')")


def test_who_is_signed_out_from_afar_is_out_at_the_next_page(
    opened: Opened, back: App, owner: Owner
) -> None:
    at = owner.at(opened, back, "en")
    far = owner.other.pages[0]
    far.reload()
    far.wait_for_selector(button("pin"))
    pressed(at, "end-others")
    at.page.wait_for_selector(".told")
    far.reload()
    far.wait_for_selector("#who")


def test_a_device_takes_one_passkey_and_a_removed_one_signs_in_nobody(
    opened: Opened, back: App, owner: Owner
) -> None:
    at = owner.at(opened, back, "en")
    key = device(at.page)
    pressed(at, "passkey")
    at.page.fill("#name", "Tablet")
    at.page.click(button("add-passkey"))
    at.page.wait_for_selector(".told")
    pressed(at, "passkey")
    at.page.fill("#name", "Tablet once more")
    at.page.click(button("add-passkey"))
    at.page.wait_for_selector("[data-said=known]:visible")
    at.page.goto(f"{at.base}{PATH}")
    for _ in range(2):  # the telephone's, too
        pressed(at, "remove-passkey")
        at.page.wait_for_selector(".told")
    stranger = opened(address="203.0.113.212")
    out = walk(stranger, owner.home.sandbox, back, "en")
    device(out.page).put(key.passkeys())
    out.page.goto(f"{out.base}{PATH}?lang=en")
    out.page.click(PASSKEY)
    out.page.wait_for_selector("[data-said=refused]:visible")
