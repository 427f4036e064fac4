"""A patient's passkey in a real browser: signs in, proves, is refused once it was copied."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import Sandbox
from tests.browser.conftest import Opened
from tests.browser.holders import PASSKEY, PIN, TYPE_CODE, TYPE_PIN, WRONG, Holder, made
from tests.browser.walk import ALLOW, App, Walk, walk
from tests.e2e.place import Home, Place


@pytest.fixture(scope="module")
def holder(browser: Browser, back: App, place: Place, people: Callable[[], Home]) -> Holder:
    return made(browser, back, place, people(), "203.0.113.180")


def asked_for_more(at: Walk, holder: Holder) -> None:
    """Signed in, let the app write, and at the page that wants a proof."""
    at.come()
    holder.sign_in(at)
    holder.later()
    at.page.click(ALLOW)
    at.page.wait_for_selector("#pin")


def test_a_patient_signs_in_with_a_passkey_and_no_message(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    before = len(sandbox.messages(holder.home.person.phone))
    at = walk(opened(address="203.0.113.181"), sandbox, back, "fr")
    at.come()
    holder.sign_in(at)
    at.page.click(ALLOW)  # it writes, and a passkey was just proved
    at.page.wait_for_url("**/callback?*")

    assert back.told[-1].keys() == {"code", "state", "iss"}
    sent = sandbox.messages(holder.home.person.phone)[before:]
    assert not [m for m in sent if re.search(r"\b\d{6}\b", m["text"])]  # no code
    at.only_ours()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_of_the_proof_is_for_everybody(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder, language: str
) -> None:
    at = walk(
        opened(address=f"203.0.113.{182 + LANGUAGES.index(language)}"), sandbox, back, language
    )
    asked_for_more(at, holder)
    at.checked("30-prove")
    at.page.fill("#pin", "12")
    at.page.click(TYPE_PIN)
    at.checked("31-pin-form")
    at.page.fill("#pin", WRONG)
    at.page.click(TYPE_PIN)
    at.checked("32-pin-wrong")
    at.page.click("summary")
    at.page.fill("#recovery", "0000-0000-0000-0000")
    at.page.click(TYPE_CODE)
    at.checked("33-recovery-wrong")
    at.page.fill("#pin", PIN)
    at.page.click(TYPE_PIN)
    at.page.wait_for_url("**/callback?*")
    assert back.told[-1].keys() == {"code", "state", "iss"}
    at.only_ours()


def test_a_passkey_proves_and_so_does_a_recovery_code_once(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    at = walk(opened(address="203.0.113.190"), sandbox, back, "en")
    asked_for_more(at, holder)
    at.page.click(PASSKEY)
    at.page.wait_for_url("**/callback?*")
    assert "code" in back.told[-1]
    holder.held = holder.devices[at.page].passkeys()
    holder.later()
    at.come()
    at.page.click(ALLOW)
    at.page.click("summary")
    at.page.fill("#recovery", holder.codes[0])
    at.page.click(TYPE_CODE)
    at.page.wait_for_url("**/callback?*")
    assert "code" in back.told[-1]


def test_without_a_script_the_pin_proves(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    signed = opened(address="203.0.113.191")
    at = walk(signed, sandbox, back, "fr")
    asked_for_more(at, holder)
    plain = opened(scripts=False, address="203.0.113.191")
    plain.add_cookies(signed.cookies())
    at = walk(plain, sandbox, back, "fr")
    at.come()
    at.page.click(ALLOW)
    assert "JavaScript" in at.page.inner_text("main")
    at.page.fill("#pin", PIN)
    at.page.click(TYPE_PIN)
    at.page.wait_for_url("**/callback?*")
    assert "code" in back.told[-1]


def test_a_copied_passkey_is_refused(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    copied = [dict(one) for one in holder.held]
    for language in LANGUAGES:
        context = opened(address=f"203.0.113.{192 + LANGUAGES.index(language)}")
        at = walk(context, sandbox, back, language)
        at.come()
        if holder.held == copied:  # the owner signs in once more than the copy knows
            holder.sign_in(at)
            at.page.click("main form:has([value=leave]) button")
        holder.on(at).put(copied)
        at.page.click(PASSKEY)
        at.page.wait_for_selector("[data-said=refused]:visible")
        at.checked("34-passkey-copied")


def test_a_pin_that_is_locked_says_until_when(
    opened: Opened, sandbox: Sandbox, back: App, holder: Holder
) -> None:
    for language in LANGUAGES:
        context = opened(address=f"203.0.113.{196 + LANGUAGES.index(language)}")
        at = walk(context, sandbox, back, language)
        asked_for_more(at, holder)
        for _ in range(6):
            if at.page.locator("#pin").count():
                at.page.fill("#pin", WRONG)
                at.page.click(TYPE_PIN)
        at.checked("35-pin-locked")
        assert at.page.locator("#pin").count() == 0
