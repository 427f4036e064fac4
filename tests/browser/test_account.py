"""The patient's own pages in Chromium: four languages, two widths, no script, the check itself."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route

from dmp.domain.contact import LANGUAGES
from infra.local.visitors import Sandbox, code_in
from tests.browser.conftest import Opened
from tests.browser.walk import ENTER, SEND, App, Walk, walk
from tests.e2e.place import Home, Place

WARD = "203.0.113.150"
NUMBER = "CD675209"
NEW = "nouvelle.adresse@example.org"
_SEALED_MS = 90_000


@pytest.fixture(scope="module")
def home(place: Place) -> Home:
    """A patient with a journal: a refusal, and an emergency."""
    person = place.newcomer(NUMBER, "203.0.113.151")
    surgeon, hospital = place.practitioner("surgeon"), place.app("hospital", WARD)
    address, sandbox = f"{place.base}/Patient/{person.id}", place.sandbox(WARD)
    assert sandbox.send("GET", address, hospital.token(surgeon, "TREAT")).status_code == 403
    urgent = hospital.token(surgeon, "BTG")
    about = {"name": "patient", "valueReference": {"reference": f"Patient/{person.id}"}}
    given = [
        about,
        {"name": "reason", "valueCode": "UNCONSCIOUS"},
        {"name": "text", "valueString": "Trouvé inconscient sur la voie publique"},
    ]
    body = {"resourceType": "Parameters", "parameter": given}
    url = f"{place.base}/Consent/$break-glass"
    assert sandbox.send("POST", url, urgent, json=body).status_code == 201
    assert sandbox.send("GET", address, urgent).status_code == 200
    return person


@pytest.fixture(scope="module")
def cookies(home: Home, browser: Browser, back: App) -> list[dict[str, object]]:
    """What a browser holds once the patient signed in, the code typed by hand."""
    context = browser.new_context()
    visit = walk(context, home.sandbox, back, "en")
    page = visit.page
    page.goto(f"{home.sandbox.described['account_url']}?lang=en")
    before = len(home.sandbox.messages(home.person.address))
    page.fill("#who", str(home.known["cin"]))
    page.click(SEND)
    page.fill("#code", home.sandbox.wait_code(home.person.address, before))
    page.click(ENTER)
    page.wait_for_selector(".uses")
    kept = [dict(cookie) for cookie in context.cookies()]
    context.close()
    return kept


@pytest.fixture
def at(opened: Opened, cookies: list[object], sandbox: Sandbox, back: App) -> Callable[..., Walk]:
    """A page of the signed-in patient, in a language."""

    def go(language: str, path: str = "/account/journal", *, scripts: bool = True) -> Walk:
        context = opened(scripts=scripts)
        context.add_cookies(cookies)  # type: ignore[arg-type]
        visit = walk(context, sandbox, back, language)
        mark = "&" if "?" in path else "?"
        visit.page.goto(f"{visit.base}{path}{mark}lang={language}")
        return visit

    return go


def emergency(page: Page) -> str:
    """The address of the emergency's page."""
    return str(page.locator(".use.urgent:not(.refused) h3 a").first.get_attribute("href"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_is_for_everybody(at: Callable[..., Walk], language: str) -> None:
    visit = at(language)
    page = visit.page
    assert page.locator(".use").count() >= 3
    visit.checked("20-journal")
    page.click("details.filters summary")
    page.check("#only-3")
    page.click(".filters button")
    assert page.locator(".use:not(.refused)").count() == 0
    visit.checked("21-journal-filtered")
    page.goto(f"{visit.base}/account/journal?ref=12")
    visit.checked("22-journal-filter-wrong")
    page.goto(f"{visit.base}/account/journal?who=personne")
    visit.checked("23-journal-nothing")
    page.goto(f"{visit.base}/account/journal")
    page.goto(f"{visit.base}{emergency(page).removeprefix(path_of(visit))}")
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    visit.checked("24-access")
    page.goto(f"{visit.base}/account/export?from=x&format=csv")
    visit.checked("34-export-wrong")
    page.goto(f"{visit.base}/account/export")
    visit.checked("35-export")
    page.click("form:has(#format-csv) button")
    visit.checked("36-export-part")
    page.goto(f"{visit.base}/account/preferences")
    visit.checked("25-preferences")
    page.fill("#address", "12")
    page.click("form:has(#address) button")
    visit.checked("26-address-wrong")
    page.fill("#quiet_from", "22:00")
    page.click("form:has(#quiet_from) .actions button")
    visit.checked("27-quiet-wrong")
    page.goto(f"{visit.base}/account/journal/{'0' * 20}.{'0' * 16}")
    visit.checked("28-absent")
    visit.only_ours()


def path_of(visit: Walk) -> str:
    """The stage's path."""
    return "/" + visit.base.split("/", 3)[3] if visit.base.count("/") > 2 else ""


def test_the_page_checks_the_line_and_a_lie_is_seen(at: Callable[..., Walk]) -> None:
    visit = at("en")
    page = visit.page
    page.click(".use.urgent:not(.refused) h3 a")
    told = page.locator("#check p")
    for _ in range(_SEALED_MS // 3000):
        page.click("#check button")
        page.wait_for_selector("#check button:enabled")
        if "not sealed yet" not in told.inner_text():
            break
        page.wait_for_timeout(3000)
    assert told.inner_text().startswith("It holds.")
    visit.checked("29-checked")

    def lie(route: Route) -> None:
        honest = route.fetch()
        route.fulfill(response=honest, body=honest.text().replace("UNCONSCIOUS", "LIFE_THREAT"))

    page.route("**/entry", lie)
    page.click("#check button")
    page.wait_for_selector("#check p.fails")
    assert told.inner_text().startswith("It does NOT hold")
    visit.checked("30-check-fails")
    visit.only_ours()


def test_without_a_script_all_but_the_check_is_there(at: Callable[..., Walk]) -> None:
    visit = at("fr", scripts=False)
    page = visit.page
    page.click(".use.urgent:not(.refused) h3 a")
    assert not page.locator("#check").is_visible()
    page.click("details.offline summary")
    with page.expect_download() as kept:
        page.click("details.offline a >> nth=0")
    assert kept.value.suggested_filename.startswith("entry-")
    page.click("details.dispute summary")
    page.check("#why-2")
    page.fill("#text", "Je n'y suis jamais allé")
    page.click(".dispute button")
    page.wait_for_selector(".told")
    page.click(".upward a")
    assert page.locator(".state").count() == 1


def test_the_journal_is_taken_away_without_a_script(at: Callable[..., Walk]) -> None:
    visit = at("fr", scripts=False)
    page = visit.page
    page.click("a[href$='/account/export']")
    page.click("form:has(#format-csv) button")
    lines = int(page.locator("dd").nth(2).inner_text())
    for _ in range(2):  # as often as the line breaks
        with page.expect_download() as kept:
            page.click("main form[method=post]:has([name=format]) button")
        assert kept.value.suggested_filename.endswith("-1.csv")
        table = kept.value.path().read_text("utf-8-sig")
        assert len(list(csv.reader(io.StringIO(table)))) == lines + 1
        assert "Praticien" in table
    assert page.locator("#part").is_visible()


def test_the_journal_needs_no_mouse_and_prints(at: Callable[..., Walk]) -> None:
    visit = at("ar")
    page = visit.page
    page.focus("details.filters summary")
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    page.focus(".use h3 a")
    page.keyboard.press("Enter")
    page.wait_for_selector("dl")
    page.go_back()
    page.emulate_media(media="print")
    assert not page.locator(".own").is_visible()
    assert page.locator(".use").first.is_visible()


def test_a_choice_and_a_new_address_are_kept(at: Callable[..., Walk], sandbox: Sandbox) -> None:
    visit = at("zgh", "/account/preferences")
    page = visit.page
    page.check("#rhythm-daily")
    page.select_option("#hour", "7")
    page.click("form:has(#rhythm-daily) .actions button")
    page.wait_for_selector(".told")
    assert page.is_checked("#rhythm-daily")
    page.fill("#address", NEW)
    page.click("form:has(#address) button")
    page.wait_for_selector("#code")
    visit.checked("32-address-code")
    page.fill("#code", code_in(sandbox.wait_message(NEW, 0)))
    page.click("form:has(#code) button")
    page.wait_for_selector(".told")
    visit.checked("33-address-kept")


def test_signing_out_ends_it_in_every_tab(
    opened: Opened, sandbox: Sandbox, back: App, at: Callable[..., Walk]
) -> None:
    visit = at("en")
    visit.page.click(".own button")
    visit.page.wait_for_selector("#who")
    other = at("en")
    other.page.wait_for_selector("#who")
    assert other.page.locator(".use").count() == 0
