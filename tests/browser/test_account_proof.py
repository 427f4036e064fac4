"""Before an act on the patient's own pages: PIN, passkey, recovery code; sign-in by passkey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import Sandbox
from tests.browser.conftest import Opened
from tests.browser.holders import PASSKEY, PIN, TYPE_CODE, TYPE_PIN, WRONG, Holder, made
from tests.browser.walk import App, Walk, walk
from tests.e2e.place import Place

NUMBER = "SA402201"
ADDRESS = "#address"
CHANGE = "form:has(#address) button"
DONE = "#code, #address"  # a code was sent, or the minute after the last one is not over


@pytest.fixture(scope="module")
def holder(browser: Browser, back: App, place: Place) -> Holder:
    home = place.newcomer(NUMBER, "203.0.113.200")
    return made(browser, back, place, home, "203.0.113.200")


def signed_in(at: Walk, holder: Holder, path: str = "/account/preferences") -> None:
    """With the passkey, on to the page that was meant."""
    key = holder.on(at)
    at.page.goto(f"{at.base}{path}?lang={at.language}")
    at.page.click(PASSKEY)
    at.page.wait_for_selector(ADDRESS)
    holder.held = key.passkeys()


def asked(at: Walk, holder: Holder, typed: str) -> None:
    """At the page that wants a proof before messages go elsewhere."""
    signed_in(at, holder)
    holder.later()
    at.page.fill(ADDRESS, typed)
    at.page.click(CHANGE)
    at.page.wait_for_selector("#pin")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_the_proof_is_for_everybody(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder, language: str
) -> None:
    number = 201 + LANGUAGES.index(language)
    at = walk(opened(address=f"203.0.113.{number}"), sandbox, back, language)
    at.page.goto(f"{at.base}/account?lang={language}")
    at.checked("40-account-sign-in")
    asked(at, holder, f"nouvelle{number}@example.org")
    at.checked("41-account-prove")
    at.page.fill("#pin", "12")
    at.page.click(TYPE_PIN)
    at.checked("42-account-pin-form")
    at.page.fill("#pin", WRONG)
    at.page.click(TYPE_PIN)
    at.checked("43-account-pin-wrong")
    at.page.click("summary")
    at.page.fill("#recovery", "0000-0000-0000-0000")
    at.page.click(TYPE_CODE)
    at.checked("44-account-recovery-wrong")
    at.page.fill("#pin", PIN)
    at.page.click(TYPE_PIN)
    at.page.wait_for_selector(DONE)
    at.only_ours()


def test_a_passkey_proves_and_the_act_goes_on(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    at = walk(opened(address="203.0.113.205"), sandbox, back, "en")
    asked(at, holder, "autre@example.org")
    at.page.click(PASSKEY)
    at.page.wait_for_selector(DONE)
    holder.held = holder.devices[at.page].passkeys()
    at.only_ours()


def test_without_a_script_the_pin_and_a_recovery_code_prove(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    signed = opened(address="203.0.113.206")
    at = walk(signed, sandbox, back, "fr")
    signed_in(at, holder)
    plain = opened(scripts=False, address="203.0.113.206")
    plain.add_cookies(signed.cookies())
    at = walk(plain, sandbox, back, "fr")
    for field, value, button in (
        ("#pin", PIN, TYPE_PIN),
        ("#recovery", holder.codes[0], TYPE_CODE),
    ):
        holder.later()
        at.page.goto(f"{at.base}/account/preferences?lang=fr")
        at.page.fill(ADDRESS, "autre@example.org")
        at.page.click(CHANGE)
        assert "JavaScript" in at.page.inner_text("main")
        if field == "#recovery":
            at.page.click("summary")
        at.page.fill(field, value)
        at.page.click(button)
        at.page.wait_for_selector(DONE)


def test_letting_somebody_in_asks_for_it_and_then_they_are_in(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder, place: Place
) -> None:
    at = walk(opened(address="203.0.113.207"), sandbox, back, "ar")
    signed_in(at, holder)
    holder.later()
    at.page.goto(f"{at.base}/account/people?lang=ar")
    at.page.click("details:has(#inpe-in) > summary")
    at.page.fill("#inpe-in", str(place.practitioner("nurse")["inpe"]))
    at.page.fill("#until-in", (datetime.now(UTC) + timedelta(days=9)).date().isoformat())
    at.page.click("form:has(#inpe-in) button")
    at.page.click("form:has([name=sure]) button")
    at.page.wait_for_selector("#pin")
    at.checked("45-people-prove")
    at.page.fill("#pin", PIN)
    at.page.click(TYPE_PIN)
    at.page.wait_for_selector(".told")
    assert at.page.locator(".use form:has([value=end])").count() == 1
    at.only_ours()
